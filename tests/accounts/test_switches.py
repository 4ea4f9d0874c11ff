"""What an installation may switch on: a second factor, and logging in with another server's account. Both are off by default."""

from __future__ import annotations

import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.urls import NoReverseMatch, reverse

from conflictscope.accounts import inviting
from tests.factories.studies import StudyFactory, UserFactory
from tests.processes import environment


@pytest.mark.django_db
def test_both_are_off_by_default(client: Client) -> None:
    for name in ("mfa_index", "socialaccount_connections"):
        with pytest.raises(NoReverseMatch):
            reverse(name)
    client.force_login(UserFactory())
    assert "Second factor" not in client.get("/account/").content.decode()


@pytest.mark.django_db(transaction=True)
def test_both_work_where_the_environment_switches_them_on(tmp_path: Path) -> None:
    """On a copy of the tests' database, whose further tables `migrate` makes."""
    if connection.vendor != "sqlite":
        pytest.skip("a copy of the database is a file's")
    invitation = inviting.invite(StudyFactory(), role="annotator", by=None)
    copy = tmp_path / "copy.sqlite3"
    with closing(sqlite3.connect(connection.settings_dict["NAME"])) as now, closing(sqlite3.connect(copy)) as there:
        now.backup(there)
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    switched = {
        "DATABASE_URL": f"sqlite:///{copy}",
        "MFA": "1",
        "OIDC_SERVER_URL": f"http://127.0.0.1:{port}",
        "OIDC_NAME": "The university",
        "OIDC_CLIENT_ID": "us",
        "OIDC_CLIENT_SECRET": "between us",
    }
    run = subprocess.run(
        [sys.executable, "-m", "tests.accounts.switched", invitation.key],
        cwd=settings.BASE_DIR,
        env=environment() | switched,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    assert run.stdout.splitlines() == ["a second factor is asked for", "another server's account logs in"]
