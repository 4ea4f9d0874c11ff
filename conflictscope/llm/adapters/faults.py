"""What a provider's error means for us, whichever protocol it came in.

Both SDKs shape their errors alike (a status, headers, a body), so both adapters tell them apart here: wait and ask again, ask
again, or do not ask again. The provider's words are kept; the key, should a server echo it, is not.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from conflictscope.llm.errors import LLMError, PermanentLLMError, RateLimited, TransientLLMError
from conflictscope.llm.types import Connection

# A 429 with one of these is an empty account, not a full minute: waiting does not help.
_EXHAUSTED_CODES = frozenset(
    {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "billing_error", "credits_exhausted"}
)
_EXHAUSTED_WORDS = (
    "insufficient_quota",
    "credit balance",
    "spend limit",
    "spending limit",
    "exceeded your current quota",
)
_TRANSIENT_STATUSES = frozenset({408, 409, 425})
_NOT_IMPLEMENTED = 501
_LONGEST_WORDS = 600
# What is left of a limit, and when it is whole again.
_LIMITS = (
    *((f"x-ratelimit-remaining-{what}", f"x-ratelimit-reset-{what}") for what in ("requests", "tokens")),
    *(
        (f"anthropic-ratelimit-{what}-remaining", f"anthropic-ratelimit-{what}-reset")
        for what in ("requests", "tokens", "input-tokens", "output-tokens")
    ),
    ("x-ratelimit-remaining", "x-ratelimit-reset"),
)
_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?")
_UNITS = (86_400, 3600, 60, 1, 0.001)
# Numbers so great are no waits but moments.
_SECONDS_SINCE_1970 = 1e9
_MILLISECONDS_SINCE_1970 = 1e11
# Shorter keys (those of servers that take any) could be words of an honest reply.
_SHORTEST_KEY_IN_REPLY = 16


def status_fault(connection: Connection, status: int, headers: Mapping[str, str], body: object) -> LLMError:
    """The error for an answer with an HTTP status that is no success."""
    words, codes = _words_and_codes(body)
    answered = f"{_who(connection)} answered {status}: {words}"
    if status == 429 and not (codes & _EXHAUSTED_CODES or any(part in words.lower() for part in _EXHAUSTED_WORDS)):
        sentence = f"{answered} Wait, or lower its concurrency and rates."
        wait = retry_after(headers)
        return RateLimited(
            without_key(sentence, connection), retry_after=until_reset(headers) if wait is None else wait
        )
    if status in _TRANSIENT_STATUSES or (status >= 500 and status != _NOT_IMPLEMENTED):
        return TransientLLMError(
            without_key(f"{answered} Ask again later.", connection), retry_after=retry_after(headers)
        )
    return PermanentLLMError(without_key(f"{answered} {_advice(connection, status, codes)}", connection))


def unreachable(connection: Connection, cause: BaseException | None) -> LLMError:
    """No answer at all: refused, not found, or dropped on the way; or an address where nothing may be asked."""
    if isinstance(cause, PermanentLLMError):
        return cause
    detail = f"{type(cause).__name__}: {cause}".rstrip(": ") if cause else "no connection"
    nothing_sent = type(cause).__name__.startswith("Connect")
    if nothing_sent:
        sentence = (
            f"{_who(connection)} could not be reached ({detail}). Is the server running? "
            "Start the simulator with manage.py simulate_llms, or correct the endpoint's base_url."
        )
    else:
        sentence = f"{_who(connection)} ended the connection before it had answered ({detail}). Ask again later."
    return TransientLLMError(without_key(sentence, connection), maybe_billed=not nothing_sent)


def timed_out(connection: Connection) -> TransientLLMError:
    return TransientLLMError(
        f"{_who(connection)} did not answer within {connection.timeout_seconds:g} seconds. "
        "Ask again later, or raise the endpoint's timeout_seconds.",
        maybe_billed=True,
    )


def unreadable(connection: Connection, detail: str) -> TransientLLMError:
    """A success that is not of the protocol, such as the page of a proxy that is starting up."""
    return TransientLLMError(
        without_key(
            f"{_who(connection)} answered, but not in the form of its protocol ({detail[:200]}). "
            "Check that base_url is that of the API itself.",
            connection,
        ),
        maybe_billed=True,
    )


def retry_after(headers: Mapping[str, str], *, now: datetime | None = None) -> float | None:
    """Seconds to wait, from `retry-after-ms`, or from `retry-after` in seconds or as an HTTP date; None if it is not said."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name)
        if value is None:
            continue
        try:
            seconds = float(value) * unit
        except ValueError:
            continue
        if math.isfinite(seconds) and seconds >= 0:
            return seconds
    try:
        date = parsedate_to_datetime(headers.get("retry-after", ""))
    except ValueError:
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, (date - (now or datetime.now(UTC))).total_seconds())


def until_reset(headers: Mapping[str, str], *, now: datetime | None = None) -> float | None:
    """Seconds until every limit that is used up is reset, from the headers in which providers tell of their limits; None if none
    says so.

    OpenAI tells a duration ("6m0s"), Anthropic a moment (RFC 3339), others seconds or a moment in seconds or milliseconds.
    """
    now = now or datetime.now(UTC)
    waits = []
    for remaining, reset in _LIMITS:
        if (
            headers.get(remaining, "").strip() == "0"
            and (wait := _reset(headers.get(reset, "").strip(), now)) is not None
        ):
            waits.append(wait)
    return max(waits, default=None)


def _reset(value: str, now: datetime) -> float | None:
    if value and (duration := _DURATION.fullmatch(value)):
        return sum(float(number or 0) * unit for number, unit in zip(duration.groups(), _UNITS, strict=True))
    try:
        number = float(value)
    except ValueError:
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0.0, (moment - now).total_seconds())
    if not math.isfinite(number) or number < 0:
        return None
    if number >= _MILLISECONDS_SINCE_1970:
        number /= 1000
    return max(0.0, number - now.timestamp()) if number >= _SECONDS_SINCE_1970 else number


def without_key(sentence: str, connection: Connection) -> str:
    return sentence.replace(connection.key, "[key]") if connection.key_name and connection.key else sentence


def reply_without_key(text: str, connection: Connection) -> str:
    """A reply is kept as it came, except for a key that a server echoes in it."""
    return without_key(text, connection) if len(connection.key) >= _SHORTEST_KEY_IN_REPLY else text


def token_count(value: object) -> int | None:
    """A count as a provider reports it; what is no count (or does not fit a column) is unknown."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31 else None


def _who(connection: Connection) -> str:
    return f"Endpoint {connection.name} ({connection.llm} at {connection.base_url})"


def _advice(connection: Connection, status: int, codes: frozenset[str]) -> str:
    if status in (401, 403):
        return (
            f"Check the key in {connection.key_name}." if connection.key_name else "The endpoint may need a key_name."
        )
    if 300 <= status < 400:
        return "A redirect is not followed: it could lead anywhere. Give the endpoint the base_url that it leads to."
    if status == 404:
        return "Check the endpoint's llm id and base_url."
    if status in (402, 429):
        return "Asking again does not help until the account can pay."
    if codes & {"unsupported_value", "unsupported_parameter"}:
        return 'List the parameter under "unsupported" in the endpoint\'s parameters, so that it is not sent.'
    return "Asking again, unchanged, does not help."


def _words_and_codes(body: object) -> tuple[str, frozenset[str]]:
    """The provider's sentence and every code in an error body; the OpenAI SDK hands over the inner object, Anthropic's the whole."""
    if isinstance(body, Mapping):
        error = body.get("error", body)
        if isinstance(error, Mapping):
            details = error.get("details")
            codes = [
                error.get("code"),
                error.get("type"),
                details.get("error_code") if isinstance(details, Mapping) else 0,
            ]
            message = error.get("message")
            words = message if isinstance(message, str) and message.strip() else json.dumps(error, default=str)
            return _sentence(words), frozenset(code for code in codes if isinstance(code, str))
        body = error
    return _sentence(str(body or "no further words")), frozenset()


def _sentence(words: str) -> str:
    words = " ".join(words.split())[:_LONGEST_WORDS]
    return words if words.endswith((".", "!", "?")) else f"{words}."
