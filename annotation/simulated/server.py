"""The product's own HTTP server on this machine, for as long as simulated annotators need one and no other is named."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application


class _Quiet(WSGIRequestHandler):
    disable_nagle_algorithm = True  # head and body of a reply go out apart, and would wait for each other

    def log_message(self, *args: object) -> None:
        """Requests are no news here."""


@contextmanager
def serving() -> Iterator[tuple[str, dict[str, str]]]:
    """Address of a server in this process on a free port of the loopback, and the headers that it wants from a client.

    The headers stand for the proxy of an installation that answers to its own name, and over HTTPS, only.
    """
    server = ThreadedWSGIServer(("127.0.0.1", 0), _Quiet)
    server.daemon_threads = False  # each ends with its connection, and is waited for, so that no work is cut off
    server.set_app(get_wsgi_application())
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="labelling")
    thread.start()
    named = next((host.lstrip(".") for host in settings.ALLOWED_HOSTS if host != "*"), "127.0.0.1")
    headers = {"Host": named} | ({"X-Forwarded-Proto": "https"} if settings.SECURE_PROXY_SSL_HEADER else {})
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", headers
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
