from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from conflictscope.commands import ConflictScopeCommand
from conflictscope.errors import InvalidInput
from conflictscope.scenarios.generation.prompts import PROMPTS, REPLACEABLE, newest_of, register
from conflictscope.studies.access import study_named


class Command(ConflictScopeCommand):
    help = (
        "Put a study's own words in the place of a generation prompt; without a file, say which words the study uses."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--study", required=True, help="The study's slug.")
        parser.add_argument("--name", help="Such as generation/outline; list_prompts names them all.")
        parser.add_argument("--file", type=Path, help="The words, in UTF-8.")
        parser.add_argument("--note", default="", help="What is different in it.")

    def handle(self, *args: Any, **options: Any) -> None:
        study = study_named(options["study"])
        if options["file"] is None:
            self._list(newest_of(study))
            return
        if not options["name"]:
            raise InvalidInput(f"Say which prompt the file stands in for with --name: {', '.join(REPLACEABLE)}.")
        try:
            text = options["file"].read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as exc:
            raise InvalidInput(f"{options['file']} cannot be read as UTF-8 text: {exc}.") from exc
        kept = register(study, options["name"], text, note=options["note"])
        self.stdout.write(f"{kept}, digest {kept.digest[:12]}: new datasets of the study are asked with it.")

    def _list(self, own: dict[str, Any]) -> None:
        for name in REPLACEABLE:
            file = PROMPTS.file(name)
            own_version = f"v{own[name].version} of the study, {own[name].digest[:12]}" if name in own else ""
            self.stdout.write(f"{name}: {own_version or f'shipped v{file.version}, {file.digest[:12]}'}")
