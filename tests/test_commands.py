"""What all commands share."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from django.conf import settings


def test_a_command_on_a_database_without_tables_says_which_command_makes_them(tmp_path: Path) -> None:
    inherited = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    done = subprocess.run(
        [sys.executable, "manage.py", "create_study", "Mine", "--owner", "ada"],
        cwd=settings.BASE_DIR,
        env=inherited | {"CONFLICTSCOPE_VAR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "conflictscope.settings"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert (
        done.stderr == "CommandError: The database lacks tables of this version. Make them first: manage.py migrate.\n"
    )
