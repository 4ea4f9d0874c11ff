"""How far studies are on the way from values to rankings: live counts, for any number of studies in a fixed number of queries."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from django.db.models import Count, Exists, OuterRef, Q

from annotation.models import Assignment, Campaign, Item
from conflictscope.jobs.models import Job
from conflictscope.scenarios.models import Dataset, Scenario
from conflictscope.studies.models import Study
from evaluation.models import Ranking, Run
from evaluation.rankings.fitting import stale_runs
from evaluation.running.coverage import coverage_of

Status = Scenario.Status


@dataclass(slots=True)
class StudyCounts:
    """One study in numbers. Baselines (datasets without values) can be evaluated, but neither filtered for a value conflict nor ranked.

    Attributes:
        to_draft, messages_alone: outlines that a generation would draft, and imported scenarios of which nothing but an opening
            message is known, by the slug of their dataset.
        responses_by_mode: to scenarios that are in scope of their run now. unasked: of the run that lacks most, how many scenarios
            have no response, with its scope; missing_runs: runs that lack any response.
        stale_runs: rankings that would be others if they were fitted now. failed_kinds: jobs that ended with something undone, by kind.
    """

    datasets: int = 0
    simulated: bool = False
    values: int = 0
    generated: int = 0
    imported: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    to_draft: dict[str, int] = field(default_factory=dict)
    messages_alone: dict[str, int] = field(default_factory=dict)
    baseline_drafted: int = 0
    campaigns: dict[str, int] = field(default_factory=dict)
    items: int = 0
    items_complete: int = 0
    labels: int = 0
    people: int = 0
    validated: int = 0
    responses_by_mode: dict[str, int] = field(default_factory=dict)
    rankable_runs: int = 0
    ranked_runs: int = 0
    unasked: int = 0
    unasked_scope: str = ""
    missing_runs: int = 0
    stale_runs: int = 0
    failed_kinds: dict[str, int] = field(default_factory=dict)
    live_kinds: dict[str, int] = field(default_factory=dict)
    paused_jobs: int = 0

    def of(self, *statuses: str) -> int:
        return sum(self.statuses.get(status, 0) for status in statuses)

    @property
    def scenarios(self) -> int:
        return sum(self.statuses.values())

    @property
    def outlined(self) -> int:
        """Outlines still to be drafted. What was imported without actions is drafted by nobody."""
        return sum(self.to_draft.values())

    @property
    def drafted(self) -> int:
        """Scenarios that have their two actions, whatever became of them."""
        return self.of(Status.DRAFTED, Status.KEPT, Status.DROPPED, Status.UNDECIDED)

    @property
    def filtered(self) -> int:
        return self.of(Status.KEPT, Status.DROPPED, Status.UNDECIDED)

    @property
    def to_filter(self) -> int:
        return self.of(Status.DRAFTED) - self.baseline_drafted

    @property
    def to_evaluate(self) -> int:
        """Scenarios that a target could be asked about."""
        return self.of(Status.KEPT) + self.baseline_drafted

    @property
    def responses(self) -> int:
        return sum(self.responses_by_mode.values())

    @property
    def undecided(self) -> int:
        """Scenarios of which the judge's replies could not be read."""
        return self.of(Status.UNDECIDED)

    @property
    def live_jobs(self) -> int:
        return sum(self.live_kinds.values())


def counts_of(studies: Collection[Study]) -> dict[int, StudyCounts]:
    """The counts of each study, by its id. In a fixed number of queries, however many there are."""
    counts = {study.pk: StudyCounts() for study in studies}
    for count in (_datasets, _scenarios, _campaigns, _items, _labels, _validated, _responses, _jobs):
        count(counts)
    return counts


def _datasets(found: dict[int, StudyCounts]) -> None:
    rows = (
        Dataset.objects.shown()
        .filter(study__in=found)
        .order_by()
        .values_list("study")
        .annotate(
            datasets=Count("pk", distinct=True),
            values=Count("value_set_version__values", distinct=True),
            by_simulators=Count("pk", filter=Q(generator__simulated=True) | Q(recipe__simulated=True)),
        )
    )
    for study, datasets, values, simulated in rows:
        counts = found[study]
        counts.datasets, counts.values, counts.simulated = datasets, values, bool(simulated)


def _scenarios(found: dict[int, StudyCounts]) -> None:
    rows = (
        Scenario.objects.shown()
        .filter(dataset__study__in=found)
        .order_by()
        .values_list("dataset__study", "dataset__slug", "dataset__variant", "dataset__value_set_version", "status")
        .annotate(Count("pk"))
    )
    for study, slug, variant, version, status, number in rows:
        counts = found[study]
        counts.statuses[status] = counts.statuses.get(status, 0) + number
        if variant == Dataset.Variant.IMPORTED:
            counts.imported += number
        else:
            counts.generated += number
        if status == Status.OUTLINED:
            (counts.messages_alone if variant == Dataset.Variant.IMPORTED else counts.to_draft)[slug] = number
        if version is None and status == Status.DRAFTED:
            counts.baseline_drafted += number


def _campaigns(found: dict[int, StudyCounts]) -> None:
    rows = Campaign.objects.filter(study__in=found).order_by().values_list("study", "state").annotate(Count("pk"))
    for study, state, number in rows:
        found[study].campaigns[state] = number


def _items(found: dict[int, StudyCounts]) -> None:
    # An item without a free slot is not complete while somebody holds it.
    held = Assignment.objects.filter(item=OuterRef("pk"), state=Assignment.State.LEASED)
    rows = (
        Item.objects.filter(campaign__study__in=found, is_training=False)
        .order_by()
        .values_list("campaign__study")
        .annotate(items=Count("pk"), complete=Count("pk", filter=Q(~Exists(held), open_slots=0)))
    )
    for study, items, complete in rows:
        found[study].items, found[study].items_complete = items, complete


def _labels(found: dict[int, StudyCounts]) -> None:
    """Labels that count, and the people who gave them."""
    rows = (
        Assignment.objects.counted()
        .filter(item__campaign__study__in=found)
        .order_by()
        .values_list("item__campaign__study")
        .annotate(labels=Count("pk"), people=Count("participant__user", distinct=True))
    )
    for study, labels, people in rows:
        found[study].labels, found[study].people = labels, people


def _validated(found: dict[int, StudyCounts]) -> None:
    validated = (
        Scenario.objects.shown()
        .filter(dataset__study__in=found)
        .human_validated()
        .order_by()
        .values_list("dataset__study")
        .annotate(Count("pk"))
    )
    for study, number in validated:
        found[study].validated = number


def _responses(found: dict[int, StudyCounts]) -> None:
    runs = list(Run.objects.filter(study__in=found, dataset__hidden_at__isnull=True).select_related("dataset"))
    coverage = coverage_of(runs)
    answered = [run for run in runs if coverage[run.pk].responses]
    for run in answered:
        counts = found[run.study_id]
        counts.responses_by_mode[run.mode] = counts.responses_by_mode.get(run.mode, 0) + coverage[run.pk].responses
        counts.rankable_runs += run.dataset.value_set_version_id is not None and not run.import_unfinished
    for run in runs:
        counts, lacks = found[run.study_id], coverage[run.pk]
        if lacks.missing and not run.imported:
            counts.missing_runs += 1
            if lacks.unasked > counts.unasked:
                counts.unasked, counts.unasked_scope = lacks.unasked, run.scope
    studies = {run.pk: run.study_id for run in answered}
    for run_id in stale_runs([run for run in answered if not run.import_unfinished]):
        found[studies[run_id]].stale_runs += 1
    ranked = (
        Ranking.objects.filter(run__in=answered).order_by().values_list("study").annotate(Count("run", distinct=True))
    )
    for study, number in ranked:
        found[study].ranked_runs = number


def _jobs(found: dict[int, StudyCounts]) -> None:
    rows = Job.objects.live().filter(study__in=found).order_by()
    for study, kind, state, number in rows.values_list("study", "kind", "state").annotate(Count("pk")):
        if state == Job.State.PAUSED:
            found[study].paused_jobs += number
        else:
            found[study].live_kinds[kind] = found[study].live_kinds.get(kind, 0) + number
    failed = Job.objects.with_failures().filter(study__in=found).order_by()
    for study, kind, number in failed.values_list("study", "kind").annotate(Count("pk")):
        found[study].failed_kinds[kind] = number


# --- the flow -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StagePart:
    label: str
    count: int | None = None
    of: int | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """One box of the flow: what stands there now, and the page behind it."""

    key: str
    title: str
    count: int
    unit: str
    url_name: str
    parts: tuple[StagePart, ...] = ()
    running: bool = False

    @property
    def state(self) -> str:
        """running | done (something stands here) | waiting (nothing yet)."""
        return "running" if self.running else "done" if self.count else "waiting"


def stages_of(counts: StudyCounts) -> list[Stage]:
    """The way from values to a validated dataset. What was imported was never outlined, so those two boxes may be missing."""
    generating = "scenarios.generate" in counts.live_kinds
    stages = [Stage("values", "Values", counts.values, "in the value sets", "scenarios:datasets")]
    if counts.generated or generating or not counts.imported:
        duplicates = counts.of(Status.DUPLICATE)
        stages += [
            Stage("outlined", "Outlined", counts.generated, "outlines", "scenarios:datasets", running=generating),
            Stage(
                "deduplicated",
                "Deduplicated",
                counts.generated - duplicates,
                "unlike any other",
                "scenarios:datasets",
                (StagePart("duplicates set aside", duplicates),) if duplicates else (),
                running=generating,
            ),
        ]
    stages += [
        Stage(
            "drafted",
            "Drafted" if counts.generated or not counts.imported else "Imported",
            counts.drafted,
            "scenarios",
            "scenarios:datasets",
            tuple(_drafted_parts(counts)),
            running=generating,
        ),
        Stage(
            "filtered",
            "Filtered by the judge",
            counts.filtered,
            "judged",
            "scenarios:datasets",
            tuple(StagePart(status, counts.of(status)) for status in (Status.KEPT, Status.DROPPED, Status.UNDECIDED))
            if counts.filtered
            else (),
            running="scenarios.filter" in counts.live_kinds,
        ),
        Stage(
            "labelled",
            "Labelled by people",
            counts.labels,
            "times labelled",
            "annotation:campaigns",
            tuple(_labelled_parts(counts)),
        ),
        Stage(
            "evaluated",
            "Targets evaluated",
            counts.responses,
            "responses",
            "evaluation:runs",
            tuple(_evaluated_parts(counts)),
            running="evaluation.evaluate" in counts.live_kinds,
        ),
        Stage(
            "ranked",
            "Ranked",
            counts.ranked_runs,
            "rankings",
            "evaluation:rankings",
            tuple(_ranked_parts(counts)),
        ),
        Stage(
            "exported",
            "To export",
            counts.validated,
            "human-validated",
            "exports:exports",
            (StagePart("kept", counts.of(Status.KEPT)),) if counts.filtered else (),
        ),
    ]
    return stages


def _drafted_parts(counts: StudyCounts) -> Iterable[StagePart]:
    if counts.imported and counts.generated:
        yield StagePart("imported", counts.imported)
    if counts.messages_alone:
        yield StagePart("more that are opening messages alone", sum(counts.messages_alone.values()))


def _labelled_parts(counts: StudyCounts) -> Iterable[StagePart]:
    if counts.items:
        yield StagePart("items complete", counts.items_complete, of=counts.items)
    if counts.people:
        yield StagePart("person" if counts.people == 1 else "people", counts.people)


def _evaluated_parts(counts: StudyCounts) -> Iterable[StagePart]:
    for mode, number in sorted(counts.responses_by_mode.items()):
        yield StagePart(Run.Mode(mode).label.lower(), number)
    if counts.missing_runs:
        yield StagePart("run lacks some" if counts.missing_runs == 1 else "runs lack some", counts.missing_runs)


def _ranked_parts(counts: StudyCounts) -> Iterable[StagePart]:
    if counts.rankable_runs:
        yield StagePart(
            "run can be ranked" if counts.rankable_runs == 1 else "runs can be ranked", counts.rankable_runs
        )
    if counts.stale_runs:
        yield StagePart("out of date", counts.stale_runs)
