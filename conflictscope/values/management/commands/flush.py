from typing import Any

from django.core.management.commands.flush import Command as FlushCommand

from conflictscope.values.immutability import drop_triggers, look_after_triggers


class Command(FlushCommand):
    """Django's own, on SQLite too: there it empties tables row by row, which published versions refuse."""

    def handle(self, **options: Any) -> None:
        drop_triggers(options["database"])
        try:
            super().handle(**options)
        finally:
            look_after_triggers(options["database"])
