"""What to do next in a study: one suggestion, the first that applies."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from annotation.models import Campaign
from conflictscope.overview.pipeline import StudyCounts
from conflictscope.studies.permissions import Action
from evaluation.models import Run


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A sentence, and the page on which to follow it: the study's, or that of one dataset (`dataset`, its slug). `stage` names
    the box of the flow that it is about. `at_once`: no page, but a form's address: one click does it."""

    sentence: str
    label: str
    url_name: str
    stage: str = ""
    dataset: str = ""
    at_once: bool = False


def next_step(counts: StudyCounts, *, may: Collection[Action]) -> Suggestion | None:
    """The one thing that brings the study on, for somebody who may do these things; None where nothing is left for them."""
    if counts.live_jobs:
        single_job = counts.live_jobs == 1
        return Suggestion(
            f"{counts.live_jobs} {'job is' if single_job else 'jobs are'} running; this page follows.",
            "Watch the job" if single_job else "Watch the jobs",
            "jobs:jobs",
        )
    if Action.RUN_PIPELINE in may:
        return _for_researchers(counts)
    if Action.ADJUDICATE in may and counts.labels:
        return Suggestion("See where people disagree.", "Campaigns", "annotation:campaigns", "labelled")
    return _for_readers(counts)


def _for_researchers(counts: StudyCounts) -> Suggestion:
    preparing = _prepare(counts)
    if preparing:
        return preparing
    if missing := _missing(counts):
        return missing
    if not counts.campaigns and counts.filtered:
        return Suggestion(
            f"Let people label a sample of the {counts.filtered} judged scenarios: until they do, nobody knows whether "
            "the judge can be trusted.",
            "Open a campaign",
            "annotation:campaigns",
            "labelled",
        )
    if counts.campaigns.get(Campaign.State.DRAFT) and not counts.campaigns.get(Campaign.State.OPEN):
        return Suggestion("A campaign is drafted but not open.", "Open it", "annotation:campaigns", "labelled")
    return _evaluate(counts) or _finish(counts)


def _prepare(counts: StudyCounts) -> Suggestion | None:
    """From nothing to judged scenarios."""
    if counts.paused_jobs:
        return Suggestion(
            f"{_some(counts.paused_jobs, 'job is', 'jobs are')} paused, by a person or at its budget.",
            "See why",
            "jobs:jobs",
        )
    if not counts.scenarios:
        return Suggestion(
            "There are no scenarios yet: generate some from a value set, or import some.",
            "Generate or import",
            "scenarios:datasets",
            "outlined",
        )
    if counts.outlined:
        return _failed(counts, "scenarios.generate") or Suggestion(
            f"{_some(counts.outlined, 'outline waits', 'outlines wait')} to be drafted: start generating again, it does "
            "what is missing.",
            "See the dataset" if len(counts.to_draft) == 1 else "See the first dataset",
            "scenarios:dataset",
            "drafted",
            dataset=min(counts.to_draft),
        )
    if counts.messages_alone and not counts.drafted:
        return Suggestion(
            "What was imported are opening messages alone: they can be read, but neither filtered nor evaluated. Generate "
            "scenarios, or import the file that tells them.",
            "See the dataset",
            "scenarios:dataset",
            "drafted",
            dataset=min(counts.messages_alone),
        )
    if counts.to_filter:
        return _failed(counts, "scenarios.filter") or Suggestion(
            f"Filter the {_some(counts.to_filter, 'drafted scenario', 'drafted scenarios')}.",
            "Filter",
            "scenarios:datasets",
            "filtered",
        )
    return None


_SCOPES: dict[str, str] = {Run.Scope.KEPT: "kept ", Run.Scope.HUMAN_VALIDATED: "human-validated "}


def _missing(counts: StudyCounts) -> Suggestion | None:
    """What runs lack since scenarios came into their scope: people decided, more were generated, or something stayed undone."""
    if not counts.missing_runs:
        return None
    if failed := _failed(counts, "evaluation.evaluate"):
        return failed
    scope = _SCOPES.get(counts.unasked_scope, "")
    runs = _some(counts.missing_runs, "run", "runs")
    lacks = f"{_some(counts.unasked, f'{scope}scenario has', f'{scope}scenarios have')} no response in {runs}"
    return Suggestion(
        f"{lacks}: ask for what is missing." if counts.unasked else f"Responses are missing in {runs}: ask for them.",
        "Ask for what is missing",
        "evaluation:ask_missing",
        "evaluated",
        at_once=True,
    )


def _failed(counts: StudyCounts, kind: str) -> Suggestion | None:
    """Why something is still to be done, if jobs of this kind have failed at it."""
    if not (number := counts.failed_kinds.get(kind)):
        return None
    return Suggestion(
        f"{_some(number, 'job', 'jobs')} ended with something undone: see why, and try it again.",
        "See what failed",
        "jobs:jobs",
    )


def _evaluate(counts: StudyCounts) -> Suggestion | None:
    if counts.to_evaluate and not counts.responses_by_mode:
        return Suggestion(
            f"Evaluate a target on the {_some(counts.to_evaluate, 'scenario', 'scenarios')} that stand.",
            "Evaluate",
            "evaluation:runs",
            "evaluated",
        )
    if counts.rankable_runs and set(counts.responses_by_mode) == {Run.Mode.MULTIPLE_CHOICE}:
        return Suggestion(
            "You know what the targets say. Evaluate them with a simulated user, too, to learn what they do.",
            "Evaluate",
            "evaluation:runs",
            "evaluated",
        )
    if counts.rankable_runs > counts.ranked_runs:
        waiting = counts.rankable_runs - counts.ranked_runs
        return Suggestion(
            f"Rank the values: {_some(waiting, 'run has', 'runs have')} no ranking yet.",
            "Rank",
            "evaluation:rankings",
            "ranked",
        )
    if counts.stale_runs:
        return Suggestion(
            f"{_some(counts.stale_runs, 'ranking is', 'rankings are')} out of date: something was judged since, or other "
            "scenarios are in scope now. Fit them again.",
            "Rank again",
            "evaluation:rankings",
            "ranked",
        )
    return None


def _finish(counts: StudyCounts) -> Suggestion:
    if counts.items_complete < counts.items and counts.campaigns.get(Campaign.State.OPEN):
        left = counts.items - counts.items_complete
        return Suggestion(
            f"{_some(left, 'item waits', 'items wait')} for labels ({counts.items_complete} of {counts.items} complete): "
            "invite annotators, or remind them.",
            "See the campaigns",
            "annotation:campaigns",
            "labelled",
        )
    still = _left_open(counts)
    if counts.labels:
        return Suggestion(
            f"People and judge have spoken: see how far they agree, then export.{still}",
            "Agreement",
            "annotation:agreement",
        )
    return Suggestion(f"Everything stands: export it.{still}", "Export", "exports:exports", "exported")


def _left_open(counts: StudyCounts) -> str:
    """What stays as it is until somebody looks at it, and holds nothing up."""
    clauses = []
    if counts.undecided:
        clauses.append(
            f"{_some(counts.undecided, 'scenario is', 'scenarios are')} undecided, as a reply of the judge could not be read"
        )
    if failed := sum(counts.failed_kinds.values()):
        clauses.append(f"{_some(failed, 'job', 'jobs')} ended with something undone")
    return f" Left open: {'; '.join(clauses)}." if clauses else ""


def _for_readers(counts: StudyCounts) -> Suggestion | None:
    if counts.ranked_runs:
        return Suggestion("Rankings have been fitted.", "See the rankings", "evaluation:rankings", "ranked")
    if counts.labels:
        return Suggestion("People have labelled.", "See the agreement", "annotation:agreement", "labelled")
    if counts.scenarios:
        return Suggestion("There are scenarios to read.", "See the datasets", "scenarios:datasets", "drafted")
    return None


def _some(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
