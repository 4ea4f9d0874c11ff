"""What a run has come to so far, in counts: for lists, pages and the last line of a command."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from django.db.models import Case, Count, Q, Value, When

from conflictscope.stats.intervals import ratio
from conflictscope.stats.types import Estimate
from evaluation.models import Judgement, Rating, Response, Run
from evaluation.running.coverage import Coverage, coverage_of, in_scope

DECIDED = (Judgement.Choice.VALUE_1, Judgement.Choice.VALUE_2)
CHOICE_LABELS = {
    "value_1": "Action 1",
    "value_2": "Action 2",
    "both": "Both",
    "neither": "Neither",
    "none": "Nothing to decide on",
    "unjudged": "Not judged yet",
}


@dataclass(slots=True)
class RunSummary:
    """What is counted are responses to scenarios that are in scope now; `coverage` says what else there is, and what is missing.

    `choices` counts responses by the decision that pages show; those that nobody has judged yet under "unjudged". `unanswered`
    counts those that are none of an answer, by how they ended.
    """

    choices: dict[str, int] = field(default_factory=dict)
    unanswered: dict[str, int] = field(default_factory=dict)
    refused: int = 0
    by_people: int = 0
    ratings: int = 0
    rated_both: int = 0
    coverage: Coverage = field(default_factory=Coverage)

    @property
    def responses(self) -> int:
        return sum(self.choices.values())

    @property
    def decided(self) -> int:
        return sum(self.choices.get(choice, 0) for choice in DECIDED)

    @property
    def unanswered_in_words(self) -> str:
        """Such as "2 truncated, 1 blocked"; empty where every reply is an answer."""
        return ", ".join(f"{number} {outcome}" for outcome, number in sorted(self.unanswered.items()))

    @property
    def unjudged(self) -> int:
        return self.choices.get("unjudged", 0)

    @property
    def judged(self) -> int:
        return self.responses - self.unjudged

    @property
    def undecided(self) -> int:
        """How many of the judged were decided for neither action. The share with its interval: `undecided_in`."""
        return self.judged - self.decided


def undecided_in(run: Run) -> Estimate:
    """Share of a run's judged responses that were decided for neither action; its interval takes the scenario as the unit, as that
    of a ranking does."""
    responses = Response.objects.filter(in_scope([run]), run=run).with_decision().order_by()
    by_scenario: dict[int, list[bool]] = {}
    columns = ("scenario", "decision")
    for scenario, decision in responses.values_list(*columns):
        if decision is not None:
            by_scenario.setdefault(scenario, []).append(decision not in DECIDED)
    trials = [len(neither) for neither in by_scenario.values()]
    return ratio([sum(neither) for neither in by_scenario.values()], trials, decided=trials)


def summaries_of(runs: Collection[Run]) -> dict[int, RunSummary]:
    """A summary of each run, by its id, in three to five queries."""
    summaries = {run.pk: RunSummary() for run in runs}
    counted = {run.pk: (0, 0) for run in runs}
    by = ("run", "decision", "decided_by", "inside")
    rows = (
        Response.objects.filter(run__in=list(summaries))
        .with_decision()
        .annotate(inside=Case(When(in_scope(runs), then=Value(True)), default=Value(False)))
        .values(*by)
        .annotate(
            n=Count("pk"),
            refusals=Count("pk", filter=Q(refused=True)),
            **{outcome: Count("pk", filter=Q(outcome=outcome)) for outcome in Response.UNANSWERED},
        )
        .order_by()
    )
    for row in rows:
        summary = summaries[row["run"]]
        inside, outside = counted[row["run"]]
        if not row["inside"]:
            counted[row["run"]] = inside, outside + row["n"]
            continue
        counted[row["run"]] = inside + row["n"], outside
        choice = row["decision"] or "unjudged"
        summary.choices[choice] = summary.choices.get(choice, 0) + row["n"]
        summary.refused += row["refusals"]
        for outcome in Response.UNANSWERED:
            if number := row[outcome]:
                summary.unanswered[outcome] = summary.unanswered.get(outcome, 0) + number
        summary.by_people += row["n"] if row["decided_by"] == Judgement.Source.HUMAN else 0
    both = Q(rating_1__isnull=False, rating_2__isnull=False)
    ratings = Rating.objects.filter(in_scope(runs), run__in=list(summaries)).values("run")
    for row in ratings.annotate(n=Count("pk"), both=Count("pk", filter=both)).order_by():
        summaries[row["run"]].ratings, summaries[row["run"]].rated_both = row["n"], row["both"]
    for run, coverage in coverage_of(runs, counted=counted).items():
        summaries[run].coverage = coverage
    return summaries
