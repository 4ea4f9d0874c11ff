"""One response as its page shows it: turns with the thought behind each, who decided what, and the calls behind all of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from conflictscope.llm.models import Call
from conflictscope.scenarios.models import OpeningMessage
from conflictscope.scenarios.option_orders import OptionOrder, letters
from evaluation.models import CHOICE_OF_ACTION, Judgement, Rating, Response, Run
from evaluation.running.browsing import Filter, in_scope_or_not

TALKING = ("answer", "choice")  # purposes of calls that a target answers


@dataclass(frozen=True, slots=True)
class ShownTurn:
    """`thought`: what the target thought before it said this, as far as its provider tells. `ended`: how an answer broke off that did
    not come to its end, and that nobody judged; empty otherwise."""

    by_user: bool
    text: str
    thought: str = ""
    ended: str = ""


@dataclass(frozen=True, slots=True)
class ShownJudgement:
    """A judgement with the letters as its decider saw them; `letter`: that of the chosen action, empty for none or both."""

    judgement: Judgement
    letter: str
    a: str = ""
    b: str = ""


@dataclass(frozen=True, slots=True)
class Transcript:
    """`previous`, `next`: ids of the neighbours in the run, among those that a filter lets through."""

    response: Response
    turns: list[ShownTurn]
    decided: list[ShownJudgement]
    rating: Rating | None
    calls: list[Call]
    previous: int | None
    next: int | None


def transcript_of(response: Response, chosen: Filter) -> Transcript:
    """What the page of a response shows, in some ten queries."""
    run = response.run
    calls = list(calls_behind(response).select_related("endpoint").order_by("pk"))
    own = {call.pk for call in response.calls.all()}
    return Transcript(
        response=response,
        turns=list(turns_of(response, [call for call in calls if call.pk in own])),
        decided=[decided_by(judgement, response) for judgement in response.judgements.all()],
        rating=Rating.objects.filter(run=run, scenario=response.scenario_id, sample=response.sample).first(),
        calls=calls,
        previous=neighbour(response, chosen, forward=False),
        next=neighbour(response, chosen, forward=True),
    )


def turns_of(response: Response, calls: Sequence[Call]) -> Iterator[ShownTurn]:
    """The turns, each of the target's with the thought of the call that said it."""
    waiting = [call for call in calls if call.purpose in TALKING]
    for turn in response.transcript:
        text = str(turn.get("text", ""))
        if turn.get("role") == "user":
            yield ShownTurn(True, text)
            continue
        call = next((each for each in waiting if each.reply.strip() == text.strip()), None)
        if call is not None:
            waiting.remove(call)
        yield ShownTurn(False, text, call.thought if call else "", str(turn.get("ended", "")))


def decided_by(judgement: Judgement, response: Response) -> ShownJudgement:
    """With the letters that the two actions had for whoever decided; none where that is not known."""
    order = judgement.order or response.order
    if order not in OptionOrder.values:
        return ShownJudgement(judgement, "")
    of_choice = {CHOICE_OF_ACTION[action]: letter for action, letter in letters(order).items()}
    by_letter = {letter: action for action, letter in letters(order).items()}
    chosen = next((letter for choice, letter in of_choice.items() if choice == judgement.choice), "")
    return ShownJudgement(judgement, chosen, a=by_letter["A"], b=by_letter["B"])


def calls_behind(response: Response) -> QuerySet[Call]:
    """Those that opened the conversation, answered, rated and judged."""
    run = response.run
    opening = OpeningMessage.objects.filter(
        scenario=response.scenario_id, sample=response.sample, user_simulator=run.user_simulator_id
    )
    ratings = Rating.objects.filter(run=run, scenario=response.scenario_id, sample=response.sample)
    behind = (
        Response.calls.through.objects.filter(response=response).values("call"),
        Judgement.calls.through.objects.filter(judgement__response=response).values("call"),
        Rating.calls.through.objects.filter(rating__in=ratings).values("call"),
    )
    wanted = Q(pk__in=behind[0]) | Q(pk__in=behind[1]) | Q(pk__in=behind[2])
    if run.mode == Run.Mode.SIMULATED_USER and run.user_simulator_id:
        wanted |= Q(pk__in=OpeningMessage.calls.through.objects.filter(openingmessage__in=opening).values("call"))
    return Call.objects.filter(wanted)


def neighbour(response: Response, chosen: Filter, *, forward: bool) -> int | None:
    """The id of the next response of the run that the filter lets through, in the order of scenario, option order and sample."""
    way, sign = ("gt", "") if forward else ("lt", "-")
    here = Q(**{f"scenario__{way}": response.scenario_id})
    here |= Q(scenario=response.scenario_id, **{f"order__{way}": response.order})
    here |= Q(scenario=response.scenario_id, order=response.order, **{f"sample__{way}": response.sample})
    beyond = chosen.apply(Response.objects.filter(run=response.run_id).with_decision()).filter(here)
    beyond = in_scope_or_not(beyond, response.run, outside=chosen.outside)
    neighbour_id: int | None = (
        beyond.order_by(f"{sign}scenario_id", f"{sign}order", f"{sign}sample").values_list("pk", flat=True).first()
    )
    return neighbour_id
