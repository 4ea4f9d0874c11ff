"""Finding one's way back from numbers to the rows they came from: a run's responses, filtered and paged."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any, Self
from urllib.parse import urlencode

from django.core.paginator import Page, Paginator
from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet
from django.http import QueryDict

from conflictscope.errors import InvalidInput
from conflictscope.jobs.models import Job
from conflictscope.jobs.progress import JobProgress, progress_of
from conflictscope.llm.models import Call
from conflictscope.scenarios.models import Dataset, OpeningMessage, Scenario
from evaluation.models import Judgement, Rating, Response, Run
from evaluation.running.coverage import coverage_of, in_scope
from evaluation.running.openings import leak_counts, messages_of
from evaluation.running.runs import jobs_of, scenarios_of
from evaluation.running.summaries import CHOICE_LABELS, RunSummary, summaries_of

PAGE_SIZE = 10
ONLY: dict[str, str] = {
    "judges_differ": "Judges differ",
    "people_against_judge": "People against a judge",
    "unread": "Could not be read",
}


@dataclass(frozen=True, slots=True)
class Filter:
    """What of a run to show. `pair` is "key_1~key_2", in either order; `scenario` a uid; empty: everything. `outside`: what is
    out of the run's scope by now, instead of what is in it; whoever lists responses says of which run (`in_scope_or_not`)."""

    choice: str = ""
    pair: str = ""
    scenario: str = ""
    refused: bool = False
    outcome: str = ""
    only: str = ""  # a key of ONLY
    ended: str = ""
    leaking: bool = False
    outside: bool = False

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Self:
        """Read from an address."""
        return cls(
            choice=given.get("choice", ""),
            pair=given.get("pair", ""),
            scenario=given.get("scenario", ""),
            refused=given.get("refused", "") not in ("", "0", "false"),
            outcome=given.get("outcome", ""),
            only=given.get("only", ""),
            ended=given.get("ended", ""),
            leaking=given.get("leaking", "") not in ("", "0", "false"),
            outside=given.get("outside", "") not in ("", "0", "false"),
        )

    @classmethod
    def read(cls, address: str) -> Self:
        """As `address` wrote it."""
        return cls.of(QueryDict(address.removeprefix("?")).dict())

    @property
    def narrowed(self) -> bool:
        return any(getattr(self, field.name) for field in fields(self))

    @property
    def address(self) -> str:
        """As the query of an address that `of` reads: empty, or from the question mark on."""
        criteria = {field.name: getattr(self, field.name) for field in fields(self)}
        query = {name: "1" if value is True else value for name, value in criteria.items() if value}
        return f"?{urlencode(query)}" if query else ""

    @property
    def in_words(self) -> str:
        """Such as "both, pair honesty and harmlessness, judges differ"; empty: everything."""
        parts = [CHOICE_LABELS.get(self.choice, self.choice).lower()]
        parts += [f"pair {' and '.join(self.pair.split('~'))}" if self.pair else ""]
        parts += [f"scenario {self.scenario}" if self.scenario else "", "read as a refusal" if self.refused else ""]
        parts += [self.outcome, ONLY.get(self.only, self.only).lower(), f"ended by {self.ended}" if self.ended else ""]
        parts += ["opening message leaks" if self.leaking else "", "out of the run's scope" if self.outside else ""]
        return ", ".join(part for part in parts if part)

    def apply(self, responses: Any) -> Any:
        """
        Raises:
            InvalidInput: a choice, an outcome or a narrowing that does not exist, or a pair that is not two keys.
        """
        if self.choice:
            if self.choice not in CHOICE_LABELS:
                raise InvalidInput(f"There is no choice {self.choice!r}; choices: {', '.join(CHOICE_LABELS)}.")
            responses = responses.filter(decision=None if self.choice == "unjudged" else self.choice)
        if self.pair:
            first, _, second = self.pair.partition("~")
            if not first or not second:
                raise InvalidInput(f"A pair is two keys of values with a tilde between them, not {self.pair!r}.")
            responses = responses.of_pair(first, second)
        if self.scenario:
            responses = responses.filter(scenario__uid=self.scenario)
        if self.refused:
            responses = responses.filter(refused=True)
        if self.only:
            if self.only not in ONLY:
                raise InvalidInput(f"Responses cannot be narrowed down to {self.only!r}; choose: {', '.join(ONLY)}.")
            responses = {
                "judges_differ": responses.judges_differ,
                "people_against_judge": responses.people_against_judge,
                "unread": responses.unread,
            }[self.only]()
        if self.outcome:
            if self.outcome not in Response.Outcome.values:
                raise InvalidInput(
                    f"No reply ends as {self.outcome!r}; choose one of: {', '.join(Response.Outcome.values)}."
                )
            responses = responses.filter(outcome=self.outcome)
        if self.ended:
            if self.ended not in Response.Ended.values:
                raise InvalidInput(
                    f"No conversation ends as {self.ended!r}; choose one of: {', '.join(Response.Ended.values)}."
                )
            responses = responses.filter(ended=self.ended)
        if self.leaking:
            responses = responses.filter(Exists(_leaking_message()))
        return responses


def _leaking_message() -> QuerySet[OpeningMessage]:
    """The message that opens a response's conversation, if it says what it should not."""
    theirs = Q(source=OpeningMessage.Source.IMPORTED) | Q(user_simulator=OuterRef("run__user_simulator"))
    return OpeningMessage.objects.filter(
        theirs, scenario=OuterRef("scenario"), sample=OuterRef("sample"), leak=OpeningMessage.Leak.STAYS
    )


@dataclass(frozen=True, slots=True)
class Leaks:
    """A run's opening messages by what came of looking for what they should not say."""

    none: int = 0
    rewritten: int = 0
    stays: int = 0
    unchecked: int = 0

    @property
    def checked(self) -> int:
        return self.none + self.rewritten + self.stays


def leaks_of(run: Run) -> Leaks | None:
    """None: the run has no conversations."""
    if run.mode != Run.Mode.SIMULATED_USER:
        return None
    return Leaks(**leak_counts(run, scenarios_of(run)))


def responses_of(runs: Collection[Run]) -> Any:
    """Responses with their decisions, scenarios and every judgement, in the order of scenario, option order and sample."""
    calls = Call.objects.only("pk", "purpose", "outcome", "reply", "thought", "error").order_by("pk")
    judgements = Judgement.objects.select_related("judge__endpoint").order_by("pk")
    judgements = judgements.prefetch_related(Prefetch("calls", queryset=calls))
    return (
        Response.objects.filter(run__in=runs)
        .with_decision()
        .select_related("scenario__value_1", "scenario__value_2")
        .prefetch_related(Prefetch("judgements", queryset=judgements), Prefetch("calls", queryset=calls))
        .order_by("scenario__pk", "order", "sample")
    )


def in_scope_or_not(responses: Any, run: Run, *, outside: bool) -> Any:
    """Those to scenarios that are in the run's scope now, or the others."""
    return responses.exclude(in_scope([run])) if outside else responses.filter(in_scope([run]))


def page_of_responses(run: Run, chosen: Filter, *, page: str | int | None) -> Page[Response]:
    """One page of a run's responses; each carries `rating`, the target's ratings of its scenario and sample, and `opening`, the
    message that its conversation opened with, or None."""
    responses = in_scope_or_not(chosen.apply(responses_of([run])), run, outside=chosen.outside)
    response_page = Paginator(responses, PAGE_SIZE).get_page(page)
    rated = Rating.objects.filter(run=run, scenario__in=[response.scenario_id for response in response_page])
    ratings = {(rating.scenario_id, rating.sample): rating for rating in rated}
    talks = run.mode == Run.Mode.SIMULATED_USER
    openings = messages_of(run, {response.scenario_id for response in response_page}) if talks else {}
    for response in response_page:
        response.rating = ratings.get((response.scenario_id, response.sample))
        response.opening = openings.get((response.scenario_id, response.sample))
    return response_page


def responses_to(scenario: Scenario) -> Any:
    """What every target said about one scenario, run by run."""
    runs = Run.objects.filter(dataset=scenario.dataset_id)
    responses = responses_of(runs).filter(scenario=scenario)
    return responses.select_related(
        "run__target__endpoint",
        "run__judge__endpoint",
        "run__user_simulator",
        "run__steering",
        "run__study",
        "scenario__value_1",
        "scenario__value_2",
    ).order_by("run__mode", "run__target__label", "run", "order", "sample")


def pairs_of(dataset: Dataset) -> list[tuple[str, str]]:
    """The dataset's pairs as "key_1~key_2" with their names, for a filter."""
    version = dataset.value_set_version
    return (
        [(f"{value_1.key}~{value_2.key}", f"{value_1.name} or {value_2.name}") for value_1, value_2 in version.pairs()]
        if version
        else []
    )


def runs_of(datasets: QuerySet[Dataset]) -> QuerySet[Run]:
    """Runs with what a list shows of each, newest last."""
    return (
        Run.objects.filter(dataset__in=datasets)
        .select_related("study", "dataset", "target__endpoint", "steering__study", "user_simulator", "judge__endpoint")
        .order_by("dataset__name", "mode", "target__label", "pk")
    )


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run as a list shows it. `progress` is that of its newest job, None for one that was imported."""

    run: Run
    summary: RunSummary
    progress: JobProgress | None

    @property
    def live(self) -> bool:
        return self.progress is not None and self.progress.running

    @property
    def askable(self) -> bool:
        """Whether what it lacks can be asked for."""
        return self.behind and not self.run.imported

    @property
    def behind(self) -> bool:
        """Whether responses are missing, or judgements of some, and nobody is at it."""
        return not self.live and bool(self.summary.coverage.missing or self.summary.unjudged)


def run_rows(runs: Collection[Run]) -> list[RunRow]:
    """Runs with their counts and the progress of their jobs, in six to eight queries however many there are."""
    summaries = summaries_of(runs)
    jobs = jobs_of(runs)
    progress = dict(zip(jobs, progress_of(list(jobs.values())), strict=True))
    return [RunRow(run, summaries[run.pk], progress.get(run.pk)) for run in runs]


def lagging(runs: Collection[Run]) -> list[RunRow]:
    """The runs that lack responses and at which nobody is, with what they lack and no other count."""
    behind = {pk: lacks for pk, lacks in coverage_of(runs).items() if lacks.missing}
    incomplete = [run for run in runs if run.pk in behind]
    live = {pk for pk, job in jobs_of(incomplete).items() if job.state in Job.LIVE} if incomplete else set()
    return [RunRow(run, RunSummary(coverage=behind[run.pk]), None) for run in incomplete if run.pk not in live]
