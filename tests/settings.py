"""Settings of the tests: the project's own, on a folder and a database that are thrown away."""

import os
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

_var = Path(os.environ.get("CONFLICTSCOPE_TEST_VAR") or tempfile.mkdtemp(prefix="conflictscope-tests-"))
os.environ["CONFLICTSCOPE_VAR"] = str(_var)
os.environ.setdefault("DATABASE_URL", f"sqlite:///{_var / 'tests.sqlite3'}")
os.environ.setdefault("SECRET_KEY", "of the tests only")
# Processes that do tests side by side have a database each; of Redis's sixteen they take one each, too.
_side = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_broker = urlsplit(os.environ.get("CELERY_BROKER_URL", ""))
if _side and _broker.scheme in ("redis", "rediss"):
    _number = (int(_broker.path.strip("/") or 0) - _side) % 16
    os.environ["CELERY_BROKER_URL"] = _broker._replace(path=f"/{_number}").geturl()
# A stray call to a real provider must fail, not cost money.
for _name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
    os.environ.pop(_name, None)

from conflictscope.settings import *  # noqa: E402, F403
from conflictscope.settings import DATABASES  # noqa: E402

# A file, not memory: threads and processes of a test meet in it as they do in an installation.
DATABASES["default"].setdefault("TEST", {})
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["TEST"]["NAME"] = str(_var / "tests.sqlite3")
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# The simulator is on this machine, whichever database the tests run on.
LLM_INTERNAL_ADDRESSES = True
# So are endpoints of many names, as in an embedded installation.
LLM_UNLISTED_KEYS_ANYWHERE = True
# Calls that fail in passing are sent again, but no test waits for it.
LLM_RETRY_DELAY = 0.0
