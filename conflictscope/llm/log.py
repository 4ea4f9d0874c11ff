"""The call log: an intent before a request is sent, its end when it has ended, and answers that are there already.

All of it is ordinary, synchronous database work. Transactions are durable: called inside another transaction they raise, so
that an intent is on the disk before anything is sent, and none is held open while an LLM thinks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from conflictscope.llm.errors import LLMError
from conflictscope.llm.models import Call, Endpoint
from conflictscope.llm.questions import Question
from conflictscope.llm.replies import storable
from conflictscope.llm.types import Completion

Record = Callable[[Call, bool], None]

# An answer that settles a corrective re-ask without giving what was asked for.
_SPENT = (Call.Outcome.MALFORMED, Call.Outcome.REFUSED, Call.Outcome.TRUNCATED, Call.Outcome.EMPTY)


# All but what was written before the request was sent, which is long.
_TOLD_BY_THE_END = (
    "outcome",
    "reply",
    "error",
    "resolved_llm",
    "request_id",
    "unsupported_parameters",
    "tokens_in",
    "tokens_out",
    "cost",
    "latency_ms",
    "attempts",
    "simulated",
    "answered_at",
)


@dataclass(frozen=True, slots=True)
class Course:
    """How sending went: how often it was tried, and how long the last try took."""

    attempts: int
    latency_ms: int


def find(question: Question) -> Call | None:
    """The call that answers a question already: the newest that ended `ok`; or a malformed one whose corrective re-ask did
    not come to an end.

    Only `ok` replies are answers for good: errors, refusals, truncated and empty replies are asked again. A malformed reply is
    taken up again while its correction is outstanding (a worker died in between) or was answered `ok`, so that the same
    words are not paid for twice; once the correction, too, has come to nothing, the question is asked afresh.
    """
    asked = Call.objects.filter(request_digest=question.digest, sample=question.sample).order_by("-pk")
    answer = asked.filter(outcome=Call.Outcome.OK).first()
    if answer is not None or question.schema is None or question.correction_of is not None:
        return answer
    malformed = asked.filter(outcome=Call.Outcome.MALFORMED).first()
    if malformed is None:
        return None
    correction = question.corrected(malformed.reply, malformed.error, call_id=malformed.pk)
    ended = Call.objects.filter(
        request_digest=correction.digest, sample=question.sample, pk__gt=malformed.pk, outcome__in=_SPENT
    )
    return None if ended.exists() else malformed


def fresh_sample(question: Question) -> int:
    """The number of a sample that nobody has asked for: with it the question is sent, whatever the log knows."""
    last = Call.objects.filter(request_digest=question.digest).aggregate(last=Max("sample"))["last"]
    return 0 if last is None else last + 1


def reuse(call: Call, question: Question, record: Record | None) -> None:
    """Note that a call from the log, perhaps of another endpoint at the same address, answered this question too."""
    with transaction.atomic(durable=True):
        if call.simulated:
            _mark_simulated(question.endpoint)
        if record is not None:
            record(call, True)


def open_call(question: Question) -> Call:
    """Commit the intent. A row that stays like this is a request whose worker died: it may have been billed."""
    with transaction.atomic(durable=True):
        return Call.objects.create(
            endpoint=question.endpoint,
            purpose=question.purpose,
            prompt_name=question.prompt.name,
            prompt_version=question.prompt.version,
            prompt_digest=question.prompt.digest,
            request=question.stored(),
            request_digest=question.digest,
            sample=question.sample,
        )


def close_call(
    call: Call, completion: Completion, course: Course, record: Record | None, *, malformed: str = ""
) -> None:
    """Complete the row with its reply, and have the asker note it, in one transaction.

    Args:
        malformed: why an otherwise good reply is not of the form asked for.
    """
    endpoint = call.endpoint
    call.outcome = Call.Outcome.MALFORMED if malformed else Call.Outcome(completion.outcome)
    call.reply = storable(completion.text)
    call.error = malformed
    call.resolved_llm = storable(completion.resolved_llm)[:200]
    call.request_id = storable(completion.request_id)[:200]
    call.unsupported_parameters = list(completion.unsupported_parameters)
    call.tokens_in = completion.tokens_in
    call.tokens_out = completion.tokens_out
    call.cost = endpoint.cost(completion.tokens_in, completion.tokens_out)
    call.simulated = completion.simulated
    _end(call, course, record)


def fail_call(call: Call, error: LLMError, course: Course, record: Record | None) -> None:
    """Complete the row with the error that came instead of a reply."""
    call.outcome = Call.Outcome.FAILED
    call.error = storable(error.sentence)
    _end(call, course, record)


def _end(call: Call, course: Course, record: Record | None) -> None:
    call.attempts = course.attempts
    call.latency_ms = course.latency_ms
    call.answered_at = timezone.now()
    with transaction.atomic(durable=True):
        call.save(update_fields=_TOLD_BY_THE_END)
        if call.simulated:
            _mark_simulated(call.endpoint)
        if record is not None:
            record(call, False)


def _mark_simulated(endpoint: Endpoint) -> None:
    """For good: labels of all that the endpoint made derive from it."""
    if not endpoint.simulated:
        Endpoint.objects.filter(pk=endpoint.pk, simulated=False).update(simulated=True)
        endpoint.simulated = True
