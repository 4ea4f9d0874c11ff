"""What every management command shares: an error of ours is one sentence, and exit code 1; long work shows a bar."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Never

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, ProgrammingError, connection
from django.db.migrations.executor import MigrationExecutor
from tqdm import tqdm

from conflictscope.errors import ConflictScopeError

STOPPED_BY_CTRL_C = 130  # what a shell expects of it: 128 and the number of the signal

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
        except KeyboardInterrupt as exc:
            raise CommandError(
                "Stopped. Run the same command again: it does only what is missing.", returncode=STOPPED_BY_CTRL_C
            ) from exc
        except (OperationalError, ProgrammingError) as exc:
            if not _behind():
                raise
            raise CommandError(
                "The database lacks tables of this version. Make them first: manage.py migrate."
            ) from exc

    def bar(self, what: str, *, unit: str, total: int | None = None) -> Bar:
        """A progress bar on a terminal; nothing elsewhere, or where `--verbosity 0` asks for quiet."""
        hidden = self.quiet or not sys.stderr.isatty()
        return tqdm(desc=what, unit=unit, total=total, disable=hidden, leave=False)


def _behind() -> bool:
    """Whether migrations wait; a database that does not answer at all is not behind."""
    try:
        executor = MigrationExecutor(connection)
    except OperationalError:
        return False
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
