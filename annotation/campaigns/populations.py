"""What a campaign of each kind can draw from: the scenarios of a dataset, and what is known about each before people look.

The unit that is drawn is the scenario, also where its responses are what people label: trials of one scenario are not
independent, so a ranking or an agreement figure counts scenarios.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from django.db.models import F

from annotation.kinds import KINDS
from conflictscope.scenarios.filtering.dimensions import dimensions_of
from conflictscope.scenarios.filtering.verdicts import SETTLED_BY_VERDICTS, settle
from conflictscope.scenarios.models import Dataset, Scenario, Verdict
from evaluation.models import Judgement, Response, Run
from evaluation.running.browsing import Filter
from evaluation.running.coverage import in_scope

# How much likelier than a clear case one is drawn on which the judge is least sure, by a plan that leans to uncertainty.
MOST_DOUBT = 4.0
SPLIT = "split"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A scenario that could be drawn.

    Attributes:
        outcome: what the judge alone made of it: a scenario status, or the choice that most of its responses took.
        doubt: from 1, how unsure the judge is of it.
        responses: those that become items when it is drawn; empty where the scenario itself is labelled.
    """

    scenario_id: int
    pair: str
    template: str
    outcome: str
    doubt: float = 1.0
    responses: tuple[int, ...] = ()

    @property
    def stratum(self) -> str:
        return " · ".join(part for part in (self.pair, self.template, self.outcome) if part)

    @property
    def group(self) -> str:
        """What gets an equal part of a stratified sample: the judge's outcomes, or the pairs where there are none."""
        return self.outcome or self.pair


def population_of(kind: str, dataset: Dataset, *, runs: Collection[Run] = (), among: str = "") -> list[Candidate]:
    """Everything that a campaign of the kind could ask about, in the order of its making.

    Args: among: the address of a filter of responses; the others, and scenarios that have none left, are not asked about.
    Raises:
        InvalidInput: there is no such filter.
    """
    population: list[Candidate] = KINDS[kind].draw_from(dataset, runs)
    if not among:
        return population
    chosen = Filter.read(among)
    answers = Response.objects.filter(run__in=runs).with_decision()
    shown = chosen.apply(answers)
    shown = shown.exclude(in_scope(runs)) if chosen.outside else shown.filter(in_scope(runs))
    meant = set(shown.values_list("pk", flat=True))
    narrowed = (
        replace(each, responses=tuple(response for response in each.responses if response in meant))
        for each in population
    )
    return [each for each in narrowed if each.responses]


def population_digest(population: Sequence[Candidate]) -> str:
    """Changes when the population does: a sample can only be enlarged from what it was drawn from."""
    text = "\n".join(f"{each.scenario_id} {each.stratum} {each.doubt:g} {each.responses}" for each in population)
    return hashlib.sha256(text.encode()).hexdigest()


def candidates(dataset: Dataset, runs: Collection[Run] = ()) -> list[Candidate]:
    """Every scenario with two actions, in the order of its making: kept, dropped, undecided or not judged yet."""
    outcomes: dict[int, dict[str, str]] = defaultdict(dict)
    if dataset.primary_judge_id is not None:
        verdicts = Verdict.objects.filter(scenario__dataset=dataset, judge=dataset.primary_judge_id)
        for scenario_id, dimension, outcome in verdicts.values_list("scenario", "dimension", "outcome").iterator():
            outcomes[scenario_id][dimension] = outcome
    asked = dimensions_of(dataset)
    return [
        Candidate(
            scenario_id=pk,
            pair=pair,
            template=template,
            outcome=settle(outcomes[pk], dimensions=asked),
            doubt=_doubt_of_filter(outcomes[pk]),
        )
        for pk, pair, template in _scenarios(dataset)
    ]


def kept_scenarios(dataset: Dataset, runs: Collection[Run] = ()) -> list[Candidate]:
    """The scenarios of two values that passed the filter: those for which it makes sense to ask what should be done."""
    rows = _scenarios(dataset, statuses=[Scenario.Status.KEPT])
    return [Candidate(scenario_id=pk, pair=pair, template=template, outcome="") for pk, pair, template in rows if pair]


def judged_scenarios(dataset: Dataset, runs: Collection[Run]) -> list[Candidate]:
    """The scenarios to which the runs' targets gave an answer that is not empty, with these answers; conversations that go on are left
    out."""
    rows = Response.objects.filter(run__in=runs, outcome=Response.Outcome.ANSWERED).over().order_by("pk")
    responses: dict[int, list[int]] = defaultdict(list)
    choices: dict[int, Counter[str]] = defaultdict(Counter)
    doubts: dict[int, list[float]] = defaultdict(list)
    judged = {
        response: (choice, strength)
        for response, choice, strength in Judgement.objects.filter(
            response__run__in=runs, source=Judgement.Source.JUDGE, judge=F("response__run__judge")
        ).values_list("response", "choice", "strength")
    }
    for pk, scenario in rows.values_list("pk", "scenario"):
        choice, strength = judged.get(pk, ("", None))
        responses[scenario].append(pk)
        choices[scenario][choice or "unjudged"] += 1
        doubts[scenario].append(_doubt_of_judgement(strength))
    return [
        Candidate(
            scenario_id=pk,
            pair=pair,
            template=template,
            outcome=_commonest(choices[pk]),
            doubt=sum(doubts[pk]) / len(doubts[pk]),
            responses=tuple(responses[pk]),
        )
        for pk, pair, template in _scenarios(dataset, statuses=None)
        if pk in responses
    ]


def _scenarios(
    dataset: Dataset, *, statuses: Collection[str] | None = tuple(SETTLED_BY_VERDICTS)
) -> list[tuple[int, str, str]]:
    rows = Scenario.objects.filter(dataset=dataset).order_by("pk")
    if statuses is not None:
        rows = rows.filter(status__in=statuses)
    return [
        (pk, f"{value_1}-{value_2}" if value_1 else "", template)
        for pk, value_1, value_2, template in rows.values_list("pk", "value_1__key", "value_2__key", "template")
    ]


def _doubt_of_filter(outcomes: dict[str, str]) -> float:
    """Most where one dimension alone decided, or could not be read; a scenario that failed on several is a clear case."""
    failed = sum(outcome == Verdict.Outcome.FAIL for outcome in outcomes.values())
    unread = sum(outcome == Verdict.Outcome.UNPARSABLE for outcome in outcomes.values())
    return MOST_DOUBT if failed == 1 or (unread and not failed) else 1.0


def _doubt_of_judgement(strength: int | None) -> float:
    """4 in the middle of the scale, or without a judgement, down to 1 at its ends."""
    return MOST_DOUBT if strength is None else MOST_DOUBT - abs(strength - 4)


def _commonest(choices: Counter[str]) -> str:
    (first, most), *others = choices.most_common()
    return SPLIT if others and others[0][1] == most else first
