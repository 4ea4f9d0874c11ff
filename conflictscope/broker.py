"""Celery's filesystem broker of the embedded default, with messages that are whole as soon as they can be seen.

Kombu's own transport gives a file its name first and its content then: a worker that looks in between takes an empty message,
and ends (celery/kombu issue 1551). Here a message is written under a name that nobody looks for, and then renamed.
"""

from __future__ import annotations

import os
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

from kombu.exceptions import ChannelError
from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.utils.json import dumps


class Channel(filesystem.Channel):
    def _put(self, queue: str, payload: Any, **kwargs: Any) -> None:  # type: ignore[override]  # as kombu's own does
        folder = Path(self.data_folder_out)
        unseen = folder / f"{uuid.uuid4()}.part"
        try:
            unseen.write_text(dumps(payload), encoding="utf-8")
            unseen.rename(folder / f"{time.time_ns()}_{uuid.uuid4()}.{queue}.msg")
        except OSError as exc:
            raise ChannelError(f"Cannot add a message to the folder {folder}: {exc}") from exc

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str | None, queue: str) -> None:
        """The same for the table of an exchange: where there is none yet, an empty one takes its place in one step."""
        table: Path = self._exchange_file(exchange)  # type: ignore[attr-defined]  # its stubs are older
        if not table.exists():
            table.parent.mkdir(parents=True, exist_ok=True)
            unseen = table.with_name(f"{uuid.uuid4()}.part")
            unseen.write_text("[]", encoding="utf-8")
            with suppress(FileExistsError):
                os.link(unseen, table)
            unseen.unlink()
        super()._queue_bind(exchange, routing_key, pattern, queue)


class Transport(filesystem.Transport):
    Channel = Channel


def install() -> None:
    """Let `filesystem://` mean this transport. An address cannot name a class itself: kombu takes short names only."""
    TRANSPORT_ALIASES["filesystem"] = f"{__name__}:Transport"
