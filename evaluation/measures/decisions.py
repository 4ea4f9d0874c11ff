"""The decisions of a run as arrays, one entry for each trial: what rankings and dataset measures are computed from.

Who decided is part of a decision. For one response people's word comes first (`Response.objects.with_decision`); an estimate never
mixes people's decisions with a judge's in one column: here they stand side by side, and each analysis names the one it uses.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields

from conflictscope.scenarios.models import Scenario
from conflictscope.scenarios.option_orders import OptionOrder
from conflictscope.stats.tallies import Tallies, tally_trials
from evaluation.models import Judgement, Ranking, Response, Run
from evaluation.running.runs import scenarios_of

Decider = Ranking.Decider

# action_1 serves value_1, always.
_FIRST: dict[str, str] = {OptionOrder.ACTION_1_FIRST: "value_1", OptionOrder.ACTION_2_FIRST: "value_2"}
_ACTING: dict[str, str] = {Scenario.ActingAction.ACTION_1: "value_1", Scenario.ActingAction.ACTION_2: "value_2"}


@dataclass(frozen=True, slots=True)
class Decisions:
    """The trials of one run that one decider decided, in the order of scenario, option order and sample; columns of equal length.

    Attributes:
        decider: whose decisions these are; unjudged: responses of the run that they have not looked at, left out.
        acting: "1" or "2", the action that takes the opportunity of its scenario; "unknown" where nobody knows.
    """

    decider: str = Decider.PARSED
    scenario: list[str] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    sample: list[int] = field(default_factory=list)
    value_1: list[str] = field(default_factory=list)
    value_2: list[str] = field(default_factory=list)
    acting: list[str] = field(default_factory=list)
    choice: list[str] = field(default_factory=list)
    unjudged: int = 0

    def __len__(self) -> int:
        return len(self.choice)

    def tallies(self, values: Sequence[str]) -> Tallies:
        """By scenario and cell: pair, option order, acting action.

        Raises:
            ValueError: see `tally_trials`.
        """
        return tally_trials(
            self.scenario,
            self.value_1,
            self.value_2,
            self.choice,
            values=values,
            shown_first=[_FIRST.get(order, "") for order in self.order],
            acting=[_ACTING.get(action, "") for action in self.acting],
        )

    @property
    def digest(self) -> str:
        """SHA-256 of the decider and of every trial with its decision."""
        sha = hashlib.sha256(self.decider.encode() + b"\n")
        columns = (self.scenario, self.order, self.sample, self.value_1, self.value_2, self.acting, self.choice)
        for row in zip(*columns, strict=True):
            sha.update(json.dumps(row, ensure_ascii=False).encode() + b"\n")
        return sha.hexdigest()


@dataclass(frozen=True, slots=True)
class Trials:
    """All trials of one run's scenarios as they are in scope now, with a column for each who may have decided them.

    Attributes:
        order: multiple choice: the order in which the options were shown; simulated user: in which the judge saw the actions.
        response: ids, in the order of which they came.
        parsed, judge, people: choices, None where that decider has not decided; `judge` is the run's own unless another was asked for,
            `people` the latest panel.
        probability: how likely the trial's item was drawn for the people who decided it; None without them, or where it is not known.
        dev: whether people's decision was set aside for tuning judges; panels: whose decisions people's are.
    """

    scenario: list[str] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    sample: list[int] = field(default_factory=list)
    value_1: list[str] = field(default_factory=list)
    value_2: list[str] = field(default_factory=list)
    acting: list[str] = field(default_factory=list)
    response: list[int] = field(default_factory=list)
    parsed: list[str | None] = field(default_factory=list)
    judge: list[str | None] = field(default_factory=list)
    people: list[str | None] = field(default_factory=list)
    probability: list[float | None] = field(default_factory=list)
    dev: list[bool] = field(default_factory=list)
    panels: set[str] = field(default_factory=set)

    def __len__(self) -> int:
        return len(self.scenario)

    @property
    def by_people(self) -> int:
        """How many trials people have decided."""
        return len(self) - self.people.count(None)

    def without_dev(self) -> Trials:
        """The trials of scenarios of which nothing was set aside for tuning judges: what may correct one, and its frame then."""
        tuned = {name for name, dev in zip(self.scenario, self.dev, strict=True) if dev}
        if not tuned:
            return self
        kept = [place for place, name in enumerate(self.scenario) if name not in tuned]
        columns = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "panels"}
        return Trials(
            **{name: [column[place] for place in kept] for name, column in columns.items()}, panels=self.panels
        )

    def chances(self) -> dict[str, float]:
        """How likely each scenario that people decided was to be drawn, by its id; see `chances_of`."""
        drawn = {
            name: probability
            for name, probability in zip(self.scenario, self.probability, strict=True)
            if probability is not None
        }
        return chances_of(drawn, dict(zip(self.scenario, zip(self.value_1, self.value_2, strict=True), strict=True)))

    def by(self, decider: str) -> Decisions:
        """The trials that this one decided (`Decider.PARSED`, `JUDGE` or `PEOPLE`), and no other's word among them."""
        column: Sequence[str | None] = {
            Decider.PARSED: self.parsed,
            Decider.JUDGE: self.judge,
            Decider.PEOPLE: self.people,
        }[Decider(decider)]
        here = [place for place, choice in enumerate(column) if choice is not None]
        return Decisions(
            decider=decider,
            scenario=[self.scenario[place] for place in here],
            order=[self.order[place] for place in here],
            sample=[self.sample[place] for place in here],
            value_1=[self.value_1[place] for place in here],
            value_2=[self.value_2[place] for place in here],
            acting=[self.acting[place] for place in here],
            choice=[choice for choice in column if choice is not None],
            unjudged=len(self) - len(here),
        )


def chances_of(drawn: Mapping[str, float], pairs: Mapping[str, tuple[str, str]]) -> dict[str, float]:
    """The chances with which scenarios were drawn, as corrections use them; empty where all were as likely.

    Where the plan was stopped early, or extended, fewer or more were drawn than the chances say: within a pair they are scaled so
    that the drawn scenarios stand for all of it.

    Args: drawn: the chance of each that was. pairs: the two values of every scenario, drawn or not.
    """
    if len(set(drawn.values())) < 2:
        return {}
    total = Counter(pairs.values())
    stands_for: dict[tuple[str, str], float] = defaultdict(float)
    for name, probability in drawn.items():
        stands_for[pairs[name]] += 1 / probability
    return {
        name: min(probability * stands_for[pairs[name]] / total[pairs[name]], 1.0)
        for name, probability in drawn.items()
    }


def trials_of(run: Run, *, judge: int | None = None) -> Trials:
    """The run's trials in two queries; `judge`: the id of another judge than the run's own, whose decisions to take."""
    judge = judge or run.judge_id
    rows = list(
        Response.objects.filter(run=run, scenario__in=scenarios_of(run))
        .order_by("scenario__uid", "order", "sample")
        .values_list(
            *("pk", "scenario__uid", "order", "sample", "scenario__value_1__key", "scenario__value_2__key"),
            "scenario__acting_action",
        )
    )
    place = {row[0]: index for index, row in enumerate(rows)}
    trials = Trials(
        scenario=[row[1] for row in rows],
        order=[row[2] for row in rows],
        sample=[row[3] for row in rows],
        value_1=[row[4] or "" for row in rows],
        value_2=[row[5] or "" for row in rows],
        acting=[row[6] for row in rows],
        response=[row[0] for row in rows],
        parsed=[None] * len(rows),
        judge=[None] * len(rows),
        people=[None] * len(rows),
        probability=[None] * len(rows),
        dev=[False] * len(rows),
    )
    columns: dict[str, list[str | None]] = {
        Judgement.Source.PARSED: trials.parsed,
        Judgement.Source.JUDGE: trials.judge,
        Judgement.Source.HUMAN: trials.people,
    }
    # What people said of a selected set is no sample of anything else.
    judgements = Judgement.objects.filter(response__run=run, of_selection=False).order_by("pk")
    judgement_rows = judgements.values_list(
        "response", "source", "judge", "choice", "order", "inclusion_probability", "panel", "dev"
    )
    for response, source, decided_by, choice, order, probability, panel, dev in judgement_rows.iterator(
        chunk_size=5000
    ):
        where = place.get(response)
        if where is None or (source == Judgement.Source.JUDGE and decided_by != judge):
            continue
        columns[source][where] = choice  # of several panels the latest stands
        if source == Judgement.Source.JUDGE and not trials.order[where]:
            trials.order[where] = order
        if source == Judgement.Source.HUMAN:
            trials.probability[where] = probability
            trials.dev[where] = dev
            trials.panels.add(panel)
    return trials


def decisions_of(run: Run) -> Decisions:
    """The trials that the run's own decider decided."""
    return trials_of(run).by(decider_of(run))


def decider_of(run: Run) -> str:
    """Whose decisions a run has without people: the letters of multiple choice are read, conversations go to the judge."""
    return Decider.PARSED if run.mode == Run.Mode.MULTIPLE_CHOICE else Decider.JUDGE
