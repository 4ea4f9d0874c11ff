"""The broker of the embedded default: whoever looks sees whole messages only."""

from __future__ import annotations

import threading
from pathlib import Path
from queue import Empty

import pytest
from kombu import Connection
from kombu.transport import filesystem

from conflictscope.broker import Channel
from conflictscope.celery import app

LARGE = "x" * 200_000


@pytest.fixture
def connection(tmp_path: Path) -> Connection:
    folders = {"data_folder_in": "queue", "data_folder_out": "queue", "control_folder": "control"}
    for name in set(folders.values()):
        (tmp_path / name).mkdir()
    options = {option: str(tmp_path / name) for option, name in folders.items()}
    return Connection("filesystem://localhost", transport_options=options)


def test_the_embedded_default_uses_it(connection: Connection) -> None:
    assert isinstance(connection.channel(), Channel)
    if app.conf.broker_url.startswith("filesystem:"):
        with app.connection() as used:
            assert isinstance(used.channel(), Channel)


def read_while_written(writer: filesystem.Channel, reader: filesystem.Channel, *, messages: int) -> list[str]:
    """Every message that a reader in a hurry takes while another thread writes them."""

    def write() -> None:
        for number in range(messages):
            writer._put("celery", {"number": number, "body": LARGE})

    thread = threading.Thread(target=write)
    thread.start()
    taken = []
    while thread.is_alive() or len(taken) < messages:
        try:
            taken.append(reader._get("celery")["number"])
        except Empty:
            continue
    thread.join()
    return taken


def test_a_reader_in_a_hurry_takes_every_message_whole_and_once(connection: Connection) -> None:
    taken = read_while_written(connection.channel(), connection.channel(), messages=300)
    assert sorted(taken) == list(range(300))


def test_a_table_of_an_exchange_is_never_seen_empty(connection: Connection) -> None:
    writer, reader = connection.channel(), connection.channel()
    stop = threading.Event()
    broken: list[Exception] = []

    def look() -> None:
        while not stop.is_set():
            for number in range(200):
                try:
                    reader.get_table(f"exchange-{number}")
                except ValueError as exc:
                    broken.append(exc)

    thread = threading.Thread(target=look)
    thread.start()
    for number in range(200):
        writer._queue_bind(f"exchange-{number}", "celery", "", "celery")
    stop.set()
    thread.join()
    assert not broken
    assert writer.get_table("exchange-0") == [filesystem.exchange_queue_t("celery", "", "celery")]
