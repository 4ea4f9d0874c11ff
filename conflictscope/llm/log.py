"""The call log: an intent before a request is sent, its end when it has ended, and answers that are there already.

All of it is ordinary, synchronous database work on any number of calls at once: `conflictscope.llm.batching` gathers them, and
commits. Its transactions are durable (inside another transaction they raise), so that an intent is on the disk before anything
is sent, and none is held open while an LLM thinks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from django.db.models import Max, QuerySet

from conflictscope.llm.errors import LLMError
from conflictscope.llm.models import Call, Endpoint
from conflictscope.llm.questions import EndpointQuestion
from conflictscope.llm.replies import made_storable
from conflictscope.llm.rights import FOR_NOBODY, Blinded, Rights
from conflictscope.llm.rows import write_columns
from conflictscope.llm.traffic.tokens import TokenEstimate
from conflictscope.llm.types import Completion

# An answer that settles a corrective re-ask without giving what was asked for.
_SPENT = (
    Call.Outcome.MALFORMED,
    Call.Outcome.REFUSED,
    Call.Outcome.TRUNCATED,
    Call.Outcome.BLOCKED,
    Call.Outcome.EMPTY,
)


# An open call that nobody speaks for (a question outside a job, whose process was killed) is given up after so long.
FORGOTTEN_AFTER = timedelta(hours=1)

# All but what was written before the request was sent, which is long.
_TOLD_BY_THE_END = (
    "outcome",
    "reply",
    "thought",
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
class Entry:
    """A call as the book of its asker sees it.

    `owner` is what the door was opened for, such as a work item; `estimate` what the call may take at most, by a rule of thumb.
    `maybe_billed`: it failed, and the provider may charge for it nonetheless.
    """

    owner: Any
    call: Call
    estimate: TokenEstimate
    from_cache: bool = False
    maybe_billed: bool = False


class Book(Protocol):
    """What an asker notes of its calls, inside the log's own transactions. Several calls come at once where they can."""

    def opened(self, entries: Sequence[Entry]) -> None:
        """In the transaction that commits the intents. If it raises for a call, there is no intent, and nothing is sent."""
        ...

    def ended(self, entries: Sequence[Entry]) -> None:
        """In the transaction that ends the calls, also failed ones; and for answers from the log. If it raises for a call, that
        call stays `sent`."""
        ...


@dataclass(frozen=True, slots=True)
class Asking:
    """A question on behalf of somebody."""

    question: EndpointQuestion
    estimate: TokenEstimate
    book: Book | None = None
    owner: Any = None
    rights: Rights = FOR_NOBODY


@dataclass(frozen=True, slots=True)
class Ending:
    """How a call ended: with a reply, or with the error that came instead.

    `malformed`: why an otherwise good reply is not of the form asked for. `attempts`: how often it was tried; `latency_ms`: how
    long the last try took. `maybe_billed`: some try, of which no reply has come.
    """

    asking: Asking
    call: Call
    result: Completion | LLMError
    attempts: int
    latency_ms: int
    answered_at: datetime
    malformed: str = ""
    maybe_billed: bool = False

    @property
    def entry(self) -> Entry:
        """For the asker's book. A reply tells what it took; with an error, nobody may know."""
        doubtful = self.maybe_billed and isinstance(self.result, LLMError)
        return Entry(self.asking.owner, self.call, self.asking.estimate, maybe_billed=doubtful)


def find(asked: Sequence[tuple[EndpointQuestion, Rights]]) -> list[Call | Blinded | None]:
    """For each question, asked with these rights, the call that answers it already, as `_find` says; most have none, and all of
    these take one query. `Blinded`, where it was asked in a scope that is barred: it may not be sent either."""
    digests = {question.digest for question, _ in asked}
    known: dict[str, set[str]] = {}
    made = Call.objects.filter(request_digest__in=digests).order_by()
    for digest, scope in made.values_list("request_digest", "scope").distinct():
        known.setdefault(digest, set()).add(scope)
    return [_look(question, rights, known.get(question.digest, set())) for question, rights in asked]


def _look(question: EndpointQuestion, rights: Rights, scopes: set[str]) -> Call | Blinded | None:
    """`scopes`: all those in which the question was asked."""
    if scopes & rights.barred:
        return Blinded(
            "This very question was asked in a study whose items whoever started this job labels: its answer is not for them to "
            "see before they have stopped labelling there. Nothing was sent."
        )
    if rights.reuse is not None and not scopes & rights.reuse:
        return None
    return _find(question, rights) if scopes else None


def _find(question: EndpointQuestion, rights: Rights) -> Call | None:
    """The call that answers a question already, of those open to the asker: the newest that ended `ok`; or a malformed one whose
    corrective re-ask did not come to an end.

    Only `ok` replies are answers for good: errors, refusals, truncated and empty replies are asked again. A malformed reply is
    taken up again while its correction is outstanding (a worker died in between) or was answered `ok`, so that the same
    words are not paid for twice; once the correction, too, has come to nothing, the question is asked afresh.
    """
    usable = Call.objects.all() if rights.reuse is None else Call.objects.filter(scope__in=rights.reuse)
    asked = usable.filter(request_digest=question.digest, sample=question.sample).order_by("-pk")
    answer = asked.filter(outcome=Call.Outcome.OK).first()
    if answer is not None or question.schema is None or question.correction_of is not None:
        return answer
    malformed = asked.filter(outcome=Call.Outcome.MALFORMED).first()
    if malformed is None:
        return None
    correction = question.corrected(malformed.reply, malformed.error, call_id=malformed.pk)
    ended = usable.filter(
        request_digest=correction.digest, sample=question.sample, pk__gt=malformed.pk, outcome__in=_SPENT
    )
    return None if ended.exists() else malformed


def fresh_sample(question: EndpointQuestion) -> int:
    """The number of a sample that nobody has asked for: with it the question is sent, whatever the log knows."""
    last = Call.objects.filter(request_digest=question.digest).aggregate(last=Max("sample"))["last"]
    return 0 if last is None else last + 1


def reuse(found: Sequence[tuple[Asking, Call]]) -> list[None]:
    """Note that calls from the log, perhaps of another endpoint at the same address, answered these questions too."""
    for asking, call in found:
        if call.simulated:
            _mark_simulated(asking.question.endpoint)
    _note(
        [(asking, Entry(asking.owner, call, asking.estimate, from_cache=True)) for asking, call in found],
        lambda book: book.ended,
    )
    return [None] * len(found)


def open_calls(askings: Sequence[Asking]) -> list[Call]:
    """The intents. A row that stays like this is a request whose worker died: see `give_up`."""
    calls = Call.objects.bulk_create(
        Call(
            endpoint=asking.question.endpoint,
            purpose=asking.question.purpose,
            prompt_name=asking.question.prompt.name,
            prompt_version=asking.question.prompt.version,
            prompt_digest=asking.question.prompt.digest,
            request=asking.question.stored(),
            request_digest=asking.question.digest,
            sample=asking.question.sample,
            scope=asking.rights.scope,
        )
        for asking in askings
    )
    _note(
        [(asking, Entry(asking.owner, call, asking.estimate)) for asking, call in zip(askings, calls, strict=True)],
        lambda book: book.opened,
    )
    return calls


def end_calls(endings: Sequence[Ending]) -> list[None]:
    """Complete the rows with the replies, or errors, and have the askers note it."""
    for ending in endings:
        call = ending.call
        call.attempts = ending.attempts
        call.latency_ms = ending.latency_ms
        call.answered_at = ending.answered_at
        if isinstance(ending.result, LLMError):
            call.outcome = Call.Outcome.FAILED
            call.error = made_storable(ending.result.sentence)
        else:
            _complete(call, ending.result, malformed=ending.malformed)
        if call.simulated:
            _mark_simulated(call.endpoint)
    write_columns([ending.call for ending in endings], _TOLD_BY_THE_END)
    _note(
        [(ending.asking, ending.entry) for ending in endings],
        lambda book: book.ended,
    )
    return [None] * len(endings)


def give_up(calls: QuerySet[Call]) -> int:
    """These calls, as far as they are open, end as unknown: whoever waited for their replies is gone. Returns how many.

    Should somebody live after all, and end one, that end replaces this.
    """
    given_up: int = calls.filter(outcome=Call.Outcome.SENT).update(outcome=Call.Outcome.UNKNOWN)
    return given_up


def forgotten(now: datetime) -> QuerySet[Call]:
    """Open calls older than any wait for a reply, its repetitions included."""
    return Call.objects.filter(outcome=Call.Outcome.SENT, sent_at__lt=now - FORGOTTEN_AFTER)


def _complete(call: Call, completion: Completion, *, malformed: str) -> None:
    call.outcome = Call.Outcome.MALFORMED if malformed else Call.Outcome(completion.outcome)
    call.reply = made_storable(completion.text or completion.refusal or "")
    call.thought = made_storable(completion.thought)
    call.error = made_storable(malformed or completion.problem)
    call.resolved_llm = made_storable(completion.resolved_llm)[:200]
    call.request_id = made_storable(completion.request_id)[:200]
    call.unsupported_parameters = list(completion.unsupported_parameters)
    call.tokens_in = completion.tokens_in
    call.tokens_out = completion.tokens_out
    call.cost = call.endpoint.cost(completion.tokens_in, completion.tokens_out)
    call.simulated = completion.simulated


def _note(noted: Sequence[tuple[Asking, Entry]], how: Callable[[Book], Callable[[Sequence[Entry]], None]]) -> None:
    books = {id(asking.book): asking.book for asking, _ in noted if asking.book is not None}
    for book in books.values():
        how(book)([entry for asking, entry in noted if asking.book is book])


def _mark_simulated(endpoint: Endpoint) -> None:
    """For good: labels of all that the endpoint made derive from it."""
    if not endpoint.simulated:
        Endpoint.objects.filter(pk=endpoint.pk, simulated=False).update(simulated=True)
        endpoint.simulated = True
