"""Prompt files: found by name, filled, and digested, so that every call can say which words it sent.

A package keeps its prompts as `prompts/<step>/<name>.v<N>.txt`, with `$placeholders` (the braces of JSON are safe). A
released file never changes: a better wording is a new version. What an LLM or a person wrote enters a prompt only through
`delimit`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from string import Template

from conflictscope.errors import ConflictScopeError
from conflictscope.llm.delimiters import without_delimiters
from conflictscope.llm.types import Prompt

_FILE_NAME = re.compile(r"(?P<name>[a-z][a-z0-9_]*)\.v(?P<version>[1-9][0-9]*)\.txt")

# The sections that prompts are made of. None of these delimiters may stand in a text that somebody else wrote, whichever
# section that text is in: a description must not be able to close itself and to open an action of its own.
SECTIONS = frozenset(
    {
        "action",
        "action_1",
        "action_2",
        "action_a",
        "action_b",
        "avoid",
        "context",
        "deployment",
        "domains",
        "description",
        "message",
        "opportunity",
        "option_a",
        "option_b",
        "order",
        "problem",
        "reply_schema",
        "situation",
        "transcript",
        "user",
        "value",
        "value_1",
        "value_2",
        "values",
    }
)


class PromptError(ConflictScopeError):
    """A prompt that cannot be rendered: a fault of the installation or of the caller, never of a user."""

    code = "prompt_error"
    http_status = 500


class PromptNotFound(PromptError):
    """No file of that name and version."""

    code = "prompt_not_found"


class PromptPlaceholders(PromptError):
    """The facts given and the placeholders of the file are not the same."""

    code = "prompt_placeholders"


@dataclass(frozen=True, slots=True)
class PromptFile:
    """One version of one prompt, as it lies on the disk, or as a room keeps it elsewhere (`worded`)."""

    package: str
    name: str
    version: int
    digest: str
    text: str

    @classmethod
    def worded(cls, text: str, *, package: str, name: str, version: int) -> PromptFile:
        """A prompt that is no file: its digest is that of its text."""
        return cls(package, name, version, hashlib.sha256(text.encode()).hexdigest(), text)

    @property
    def placeholders(self) -> frozenset[str]:
        return frozenset(Template(self.text).get_identifiers())

    def render(self, **facts: object) -> Prompt:
        """Fill the placeholders.

        Raises:
            PromptPlaceholders: a placeholder without a fact, or a fact without a placeholder.
        """
        wanted, supplied = self.placeholders, facts.keys()
        if wanted != supplied:
            missing, unknown = sorted(wanted - supplied), sorted(supplied - wanted)
            faults = [f"lacks {', '.join(missing)}"] * bool(missing) + [f"knows no {', '.join(unknown)}"] * bool(
                unknown
            )
            raise PromptPlaceholders(
                f"Prompt {self.name!r} version {self.version} of {self.package} {' and '.join(faults)}; "
                f"give exactly: {', '.join(sorted(wanted)) or 'nothing'}."
            )
        text = Template(self.text).substitute(facts)
        return Prompt(name=self.name, version=self.version, digest=self.digest, text=text)


class PromptLibrary:
    """The prompts of one package, such as `PromptLibrary("conflictscope.scenarios")`."""

    def __init__(self, package: str) -> None:
        self.package = package

    def render(self, name: str, /, *, version: int | None = None, **facts: object) -> Prompt:
        """Fill the placeholders of a prompt. `name` is "<step>/<name>"; the newest version unless one is named.

        Raises:
            PromptNotFound: no such file.
            PromptPlaceholders: a placeholder without a fact, or a fact without a placeholder.
        """
        return self.file(name, version=version).render(**facts)

    def file(self, name: str, *, version: int | None = None) -> PromptFile:
        """
        Raises:
            PromptNotFound: no such file.
        """
        versions = {file.version: file for file in self.files() if file.name == name}
        if not versions:
            known = sorted({file.name for file in self.files()})
            raise PromptNotFound(f"{self.package} has no prompt {name!r}; it has: {', '.join(known) or 'none'}.")
        if version is None:
            return versions[max(versions)]
        if version not in versions:
            raise PromptNotFound(
                f"Prompt {name!r} of {self.package} has no version {version}; "
                f"it has: {', '.join(map(str, sorted(versions)))}."
            )
        return versions[version]

    def files(self) -> tuple[PromptFile, ...]:
        """Every prompt of the package in every version, by name and version."""
        return _files(self.package)


def all_prompts() -> Iterator[PromptFile]:
    """The prompts of all installed rooms: what a release promises not to change."""
    from django.apps import apps  # the registry of apps is only complete when this is called

    for package in sorted(config.name for config in apps.get_app_configs()):
        yield from PromptLibrary(package).files()


def digest_table() -> dict[str, str]:
    """Digest by "<package>:<step>/<name>.v<N>" for all installed rooms."""
    return {f"{file.package}:{file.name}.v{file.version}": file.digest for file in all_prompts()}


def delimit(name: str, text: str) -> str:
    """Put a text that an LLM or a person wrote between `<name>` and `</name>`, each on a line of its own.

    Delimiters of `name`, and of every other section that prompts have (`SECTIONS`), are removed from the text first, in whatever
    dress, so that it cannot pretend to be another part of the prompt.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ValueError(f"A section is named in lower case, digits and underscores, not {name!r}.")
    text = without_delimiters(text, SECTIONS | {name})
    return f"<{name}>\n{text.strip()}\n</{name}>"


@lru_cache(maxsize=64)
def _files(package: str) -> tuple[PromptFile, ...]:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise PromptNotFound(f"{package!r} is no package, so it has no prompts.")
    files = []
    for folder in (Path(location) / "prompts" for location in spec.submodule_search_locations):
        for path in sorted(folder.glob("*/*.txt")):
            match = _FILE_NAME.fullmatch(path.name)
            if match is None:
                raise PromptError(f"A prompt file is named <name>.v<N>.txt; {path.parent.name}/{path.name} is not.")
            content = path.read_bytes()
            files.append(
                PromptFile(
                    package=package,
                    name=f"{path.parent.name}/{match['name']}",
                    version=int(match["version"]),
                    digest=hashlib.sha256(content).hexdigest(),
                    text=content.decode().rstrip("\n"),
                )
            )
    return tuple(sorted(files, key=lambda file: (file.name, file.version)))
