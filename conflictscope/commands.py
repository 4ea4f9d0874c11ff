"""What every management command shares: an error of ours is one sentence, and exit code 1."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from conflictscope.errors import ConflictScopeError


class ConflictScopeCommand(BaseCommand):
    """A command whose errors are one sentence that says what to do, and exit code 1."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except ConflictScopeError as exc:
            raise CommandError(exc.sentence) from exc
