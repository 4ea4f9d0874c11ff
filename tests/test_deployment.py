"""What Django's own check of a deployment says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from django.conf import settings


def test_with_the_variables_of_production_the_check_finds_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=settings.BASE_DIR,
        env=os.environ
        | {
            "CONFLICTSCOPE_VAR": str(tmp_path),
            "DJANGO_SETTINGS_MODULE": "conflictscope.settings",
            "DATABASE_URL": "postgresql://nobody:nothing@127.0.0.1:1/none",
            "CELERY_BROKER_URL": "redis://127.0.0.1:1/0",
            "SECRET_KEY": "".join(chr(33 + 7 * n % 90) for n in range(60)),
            "ALLOWED_HOSTS": "values.example.org",
            "CSRF_TRUSTED_ORIGINS": "https://values.example.org",
            "HTTPS": "1",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "System check identified no issues (2 silenced).")
