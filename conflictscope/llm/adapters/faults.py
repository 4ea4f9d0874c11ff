"""What a provider's error means for us, whichever protocol it came in.

Both SDKs shape their errors alike (a status, headers, a body), so both adapters tell them apart here: wait and ask again, ask
again, or do not ask again. The provider's words are kept; the key, should a server echo it, is not.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from conflictscope.llm.errors import ContentBlocked, LLMError, PermanentLLMError, RateLimited, TransientLLMError
from conflictscope.llm.types import Connection

# Codes of a provider's own say what a 429 is. An empty account: waiting does not help.
_EXHAUSTED_CODES = frozenset(
    {
        "insufficient_quota",
        "billing_hard_limit_reached",
        "billing_not_active",
        "billing_error",
        "credits_exhausted",
        "exceeded_current_quota_error",
    }
)
# A full minute, or a full day: it does.
_RATE_CODES = frozenset(
    {
        "rate_limit_exceeded",
        "rate_limit_error",
        "rate_limited",
        "too_many_requests",
        "toomanyrequests",
        "resource_exhausted",
        "tokens",
        "requests",
    }
)
# Only where no wait tells; the last, which Gemini says of a full minute, too, only where no code does either.
_EXHAUSTED_WORDS = (
    "insufficient_quota",
    "insufficient quota",
    "insufficient balance",
    "credit balance",
    "spend limit",
    "spending limit",
)
_MAYBE_EXHAUSTED_WORDS = ("exceeded your current quota",)
# The provider's filter, not its account: this text is not taken, and another may be.
_BLOCKED_CODES = frozenset(
    {
        "content_filter",
        "content_policy_violation",
        "responsibleaipolicyviolation",
        "data_inspection_failed",
        "datainspectionfailed",
        "moderation_blocked",
        "content_blocked",
        "prompt_blocked",
        "invalid_prompt",
        "prohibited_content",
        "safety",
    }
)
_UNTIL_TOMORROW = 3600.0  # a quota of the day whose end nobody says is looked at again every hour
_TRANSIENT_STATUSES = frozenset({408, 409, 425})
_NOT_IMPLEMENTED = 501
_LONGEST_WORDS = 4000  # of a provider: all that it says, short of a page of HTML without end
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
    provider_error = _Told.of(body)
    answered = f"{_who(connection)} answered {status}: {provider_error.words}"
    if _blocked(status, provider_error):
        return ContentBlocked(without_key(answered, connection))
    wait = retry_after(headers)
    if wait is None:
        wait = provider_error.wait
    if status == 429 and not _exhausted(provider_error, wait):
        if provider_error.per_day:
            sentence = f"{answered} This is a limit of the day: what is left goes on when it is whole again."
            return RateLimited(
                without_key(sentence, connection), retry_after=max(wait or 0.0, until_reset(headers) or _UNTIL_TOMORROW)
            )
        return RateLimited(
            without_key(f"{answered} Wait, or lower its concurrency and rates.", connection),
            retry_after=until_reset(headers) if wait is None else wait,
        )
    if status in _TRANSIENT_STATUSES or (status >= 500 and status != _NOT_IMPLEMENTED):
        return TransientLLMError(without_key(f"{answered} Ask again later.", connection), retry_after=wait)
    return PermanentLLMError(without_key(f"{answered} {_advice(connection, status, provider_error.codes)}", connection))


def error_in_success(connection: Connection, headers: Mapping[str, str], body: str) -> LLMError:
    """The error for an answer with status 200 that holds no reply: an error's body, or nothing of the protocol."""
    document = _json(body)
    provider_error = _Told.of(document)
    if isinstance(document, Mapping) and _block_reason(document):
        return ContentBlocked(
            without_key(f"{_who(connection)} blocked the prompt: {_block_reason(document)}.", connection)
        )
    if isinstance(document, Mapping) and isinstance(document.get("error"), Mapping | str):
        status = provider_error.status or (
            429 if provider_error.codes & _RATE_CODES else 529 if "overloaded_error" in provider_error.codes else 0
        )
        if 400 <= status < 600:
            return status_fault(connection, status, headers, document)
        return TransientLLMError(
            without_key(
                f"{_who(connection)} answered 200 with an error: {provider_error.words} Ask again later.", connection
            ),
            retry_after=provider_error.wait,
        )
    return unreadable(connection, body)


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
            f"{_who(connection)} answered, but not in the form of its protocol ({_sentence(detail or 'nothing')}) "
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


@dataclass(frozen=True, slots=True)
class _Told:
    """What an error's body tells. `codes` are in lower case; `status` is one that the body itself gives; `wait` in seconds."""

    words: str
    codes: frozenset[str]
    status: int | None = None
    wait: float | None = None
    per_day: bool = False
    moderated: bool = False

    @classmethod
    def of(cls, body: object) -> _Told:
        """The OpenAI SDK hands over the inner object, Anthropic's the whole, and Gemini puts it into a list."""
        if isinstance(body, list) and body and isinstance(body[0], Mapping):
            body = body[0]
        if not isinstance(body, Mapping):
            return cls(_sentence(str(body or "no further words")), frozenset())
        error = body.get("error", body)
        if not isinstance(error, Mapping):
            return cls(_sentence(str(error or "no further words")), frozenset())
        message = error.get("message")
        words = message if isinstance(message, str) and message.strip() else json.dumps(error, default=str)
        details = [each for each in _listed(error.get("details")) if isinstance(each, Mapping)]
        metadata = error.get("metadata")
        metadata = metadata if isinstance(metadata, Mapping) else {}
        inner = error.get("innererror") or error.get("inner_error")
        named = [error.get("code"), error.get("type"), error.get("status"), error.get("reason")]
        named += [each.get("error_code") or each.get("reason") for each in details]
        named += [inner.get("code")] if isinstance(inner, Mapping) else []
        raw = metadata.get("raw")
        if isinstance(raw, str) and raw.strip() and raw not in words:  # a router's "Provider returned error"
            words = f"{words} ({raw})"
        code = error.get("code")
        return cls(
            words=_sentence(words),
            codes=frozenset(each.lower() for each in named if isinstance(each, str)),
            status=int(str(code)) if re.fullmatch("[1-5][0-9]{2}", str(code)) else None,
            wait=_wait(error, details, metadata, words),
            per_day=_per_day(details, words),
            moderated="flagged_input" in metadata or bool(metadata.get("reasons")),
        )


def words_of(body: object) -> str:
    """The provider's own words in an error's body."""
    return _Told.of(body).words


def body_of(raw: Any) -> str:
    """The words of a success that could not be read, as they came."""
    return str(raw.http_response.text)


def _blocked(status: int, told: _Told) -> bool:
    return (status in (400, 403, 422) and bool(told.codes & _BLOCKED_CODES)) or (
        status in (400, 403) and told.moderated
    )


def _exhausted(told: _Told, wait: float | None) -> bool:
    """Whether a 429 is that of an empty account: by its codes; by its words only where nothing else tells."""
    if told.codes & _EXHAUSTED_CODES:
        return True
    if wait is not None or told.per_day:
        return False
    words = told.words.lower()
    if any(part in words for part in _EXHAUSTED_WORDS):
        return True
    return not told.codes & _RATE_CODES and any(part in words for part in _MAYBE_EXHAUSTED_WORDS)


def _block_reason(document: Mapping[str, Any]) -> str:
    """Why Gemini has no answer: it gives no choice, and says so beside."""
    feedback = document.get("promptFeedback") or document.get("prompt_feedback")
    return (
        str(feedback.get("blockReason") or feedback.get("block_reason") or "") if isinstance(feedback, Mapping) else ""
    )


# "Please try again in 1m2.5s", "Please retry in 34.07s.": where nothing but the words says how long.
_WAIT_IN_WORDS = re.compile(r"(?:try again|retry) (?:in|after) ([0-9][0-9.hms]{0,20})", re.IGNORECASE)
_DAY_IN_WORDS = ("per day", "requests per day", "daily limit", "free-models-per-day", "(rpd)", "(tpd)")


def _wait(
    error: Mapping[str, Any], details: list[Mapping[str, Any]], metadata: Mapping[str, Any], words: str
) -> float | None:
    """Seconds to wait, from the body: by its fields first, by its words last."""
    for value in (
        *(each.get("retryDelay") for each in details),
        *(part.get(name) for part in (error, metadata) for name in ("retry_after", "retry_after_seconds")),
    ):
        if (seconds := _seconds(value)) is not None:
            return seconds
    headers = metadata.get("headers")
    if isinstance(headers, Mapping):
        plain = {str(name).lower(): str(value) for name, value in headers.items()}
        if (seconds := retry_after(plain)) is not None:
            return seconds
        if (seconds := _reset(plain.get("x-ratelimit-reset", ""), datetime.now(UTC))) is not None:
            return seconds
    match = _WAIT_IN_WORDS.search(words)
    return _seconds(match[1].rstrip(".")) if match else None


def _seconds(value: object) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) if math.isfinite(value) and value >= 0 else None
    return _reset(value.strip(), datetime.now(UTC)) if isinstance(value, str) else None


def _per_day(details: list[Mapping[str, Any]], words: str) -> bool:
    quotas = [each for detail in details for each in _listed(detail.get("violations")) if isinstance(each, Mapping)]
    ids = [str(each.get("quotaId") or "") for each in quotas]
    if any(ids):
        return any("PerDay" in each for each in ids)
    return any(part in words.lower() for part in _DAY_IN_WORDS)


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value] if isinstance(value, Mapping) else []


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _sentence(words: str) -> str:
    words = " ".join(words[: 2 * _LONGEST_WORDS].split())[:_LONGEST_WORDS]
    return words if words.endswith((".", "!", "?")) else f"{words}."
