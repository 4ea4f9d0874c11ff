"""What every management command shares: an error of ours is one sentence, and exit code 1; long work shows a bar."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Never

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from conflictscope.errors import ConflictScopeError

if TYPE_CHECKING:
    Bar = tqdm[Never]  # it goes over nothing of its own


class ConflictScopeCommand(BaseCommand):
    """A command whose errors are one sentence that says what to do, and exit code 1."""

    quiet = False

    def execute(self, *args: Any, **options: Any) -> str | None:
        self.quiet = options["verbosity"] == 0
        try:
            return super().execute(*args, **options)
        except ConflictScopeError as exc:
            raise CommandError(exc.sentence) from exc

    def bar(self, what: str, *, unit: str, total: int | None = None) -> Bar:
        """A progress bar on a terminal; nothing elsewhere, or where `--verbosity 0` asks for quiet."""
        hidden = self.quiet or not sys.stderr.isatty()
        return tqdm(desc=what, unit=unit, total=total, disable=hidden, leave=False)
