"""A trial: a few scenarios for each pair of a value set, to see whether the definitions really conflict. One call a pair."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from django.db import transaction
from django.urls import reverse

from conflictscope.errors import Conflict, InvalidInput, NotAllowed, NotFound
from conflictscope.jobs import control
from conflictscope.jobs.budgets import NO_BUDGET, Budget
from conflictscope.jobs.models import Job, WorkItem
from conflictscope.jobs.registry import Grown, NewItem, WorkedOn
from conflictscope.llm.client import Door
from conflictscope.llm.models import Endpoint
from conflictscope.llm.prompts import delimit
from conflictscope.llm.types import Parsed, Prompt
from conflictscope.scenarios.generation.prompts import DIRECT, PROMPTS
from conflictscope.scenarios.generation.replies import DilemmasReply
from conflictscope.scenarios.models import Trial, TrialScenario
from conflictscope.studies.endpoints import check_allowed
from conflictscope.studies.models import Study
from conflictscope.studies.permissions import Action, SetAction
from conflictscope.values.access import may
from conflictscope.values.models import ValueSetVersion

if TYPE_CHECKING:
    from django.contrib.auth.models import User

KIND = "scenarios.trial"
UNPARSABLE = "unparsable"
A_PAIR = 3
MOST_PAIRS = 200


def subject_of(version: ValueSetVersion) -> str:
    return f"trial of value set version {version.pk}"


def values_now(version: ValueSetVersion) -> list[dict[str, str]]:
    """What a generator is told of the values."""
    values = version.values.values_list("key", "name", "definition")
    return [{"key": key, "name": name, "definition": definition} for key, name, definition in values]


def live_job(version: ValueSetVersion) -> Job | None:
    return Job.objects.live().filter(kind=KIND, subject=subject_of(version)).first()


def start(
    version: ValueSetVersion,
    study: Study,
    generator: Endpoint,
    *,
    started_by: User | None = None,
    budget: Budget = NO_BUDGET,
) -> Job:
    """Have a study's generator write three scenarios for each pair of the version, as its values read now; returns the live job if
    a trial of the version is running.

    Args: started_by: None: a command, which may try any.

    Raises:
        NotAllowed: the person may not propose in the set, or runs no pipeline in the study; or the study may not use the endpoint.
        InvalidInput: the version has no pair, or more than a trial is for.
        Conflict: another study tries it out just now.
    """
    if started_by is not None:
        _refuse_stranger(version, study, started_by)
    check_allowed(study, generator)
    pairs = [[first.key, second.key] for first, second in version.pairs()]
    if not pairs:
        raise InvalidInput(
            f"{version} has no two values that conflict: write two, of different groups if it pairs across groups."
        )
    if len(pairs) > MOST_PAIRS:
        raise InvalidInput(f"{version} has {len(pairs)} pairs; a trial is for {MOST_PAIRS} at the most.")
    with transaction.atomic():
        ValueSetVersion.objects.select_for_update().get(pk=version.pk)  # of two who start at once one makes the trial
        live = live_job(version)
        if live is not None and live.study_id != study.pk:
            raise Conflict(f"Another study tries {version} out just now: wait until its trial is done.")
        trial = live.parameters["trial"] if live else _made(version, study, generator, pairs, by=started_by).pk
        return control.start(
            study,
            kind=KIND,
            subject=subject_of(version),
            title=f"Try out {version}"[:200],
            parameters={"trial": trial},
            started_by=started_by,
            budget=budget,
        )


def _refuse_stranger(version: ValueSetVersion, study: Study, user: User) -> None:
    if not may(user, SetAction.PROPOSE, version.value_set):
        raise NotAllowed(f"Only members of {version.value_set} try it out: fork it to try one of yours.")
    if not Study.objects.visible_to(user, may=Action.RUN_PIPELINE).filter(pk=study.pk).exists():
        raise NotAllowed(f"Only who runs the pipeline of {study} may spend on its generators.")


def _made(
    version: ValueSetVersion, study: Study, generator: Endpoint, pairs: list[list[str]], *, by: User | None
) -> Trial:
    values = values_now(version)
    earlier = Trial.objects.filter(version__value_set=version.value_set_id, generator=generator)
    return Trial.objects.create(
        version=version,
        edition=version.edition,
        values=values,
        pairs=pairs,
        repeat=sum(each == values for each in earlier.values_list("values", flat=True)),
        study=study,
        generator=generator,
        started_by=by,
    )


def latest_trial(version: ValueSetVersion) -> Trial | None:
    trials = Trial.objects.filter(version=version).select_related("study", "generator", "started_by", "version")
    return trials.prefetch_related("scenarios").first()


@dataclass(frozen=True, slots=True)
class TriedPair:
    """Names of two values, what the generator made of their conflict, and whether the words it was shown still stand."""

    first: str
    second: str
    scenarios: list[TrialScenario]
    as_now: bool


def tried_pairs(trial: Trial) -> list[TriedPair]:
    """The pairs of the trial with their scenarios, in the set's order as it was."""
    then = {value["key"]: value for value in trial.values}
    now = {value["key"]: value for value in values_now(trial.version)}
    by_pair: dict[tuple[str, str], list[TrialScenario]] = {(first, second): [] for first, second in trial.pairs}
    for scenario in trial.scenarios.all():
        by_pair[scenario.first, scenario.second].append(scenario)
    return [
        TriedPair(
            then[first]["name"],
            then[second]["name"],
            scenarios,
            as_now=all(now.get(key) == then[key] for key in (first, second)),
        )
        for (first, second), scenarios in by_pair.items()
    ]


@dataclass(frozen=True, slots=True)
class TrialCall:
    generator: Endpoint
    prompt: Prompt
    repeat: int


class TrialHandler:
    """One item is one pair and one call."""

    kind = KIND
    reply_tokens: ClassVar[dict[str, int]] = {"trial": 1_000}
    left_out = ""

    def foresee(self, job: Job) -> Iterable[NewItem]:
        return self.plan(job)

    def follow(self, item: WorkItem, outcome: Parsed[DilemmasReply]) -> Iterable[Grown[TrialCall]]:
        return ()

    def plan(self, job: Job) -> Iterable[NewItem]:
        for first, second in _trial_of(job).pairs:
            yield NewItem(key=f"dilemmas {first} {second}", payload={"pair": [first, second]})

    def phase(self, key: str, payload: Mapping[str, Any]) -> str:
        return "trying out"

    def prepare(self, item: WorkItem) -> TrialCall:
        trial = _trial_of(item.job)
        values = {value["key"]: value for value in trial.values}
        first, second = (f"{values[key]['name']}: {values[key]['definition']}" for key in item.payload["pair"])
        prompt = PROMPTS.render(
            DIRECT,
            value_1=delimit("value_1", first),
            value_2=delimit("value_2", second),
            number=str(A_PAIR),
            avoid=delimit("avoid", "(none yet)"),
        )
        return TrialCall(trial.generator, prompt, trial.repeat)

    async def ask(self, prepared: TrialCall, door: Door) -> Parsed[DilemmasReply]:
        return await door.ask_for(
            DilemmasReply, prepared.generator, prepared.prompt, purpose="trial", sample=prepared.repeat
        )

    def store(self, item: WorkItem, outcome: Parsed[DilemmasReply]) -> str:
        if outcome.value is None:
            return UNPARSABLE
        first, second = item.payload["pair"]
        calls = outcome.reply.call_ids
        TrialScenario.objects.bulk_create(
            TrialScenario(
                trial_id=item.job.parameters["trial"],
                first=first,
                second=second,
                number=number,
                call_id=calls[-1] if calls else None,
                **each.model_dump(),
            )
            for number, each in enumerate(outcome.value.scenarios[:A_PAIR], start=1)
        )
        return ""

    def worked_on(self, job: Job) -> WorkedOn:
        version = _trial_of(job).version
        if version.status == ValueSetVersion.Status.DRAFT:
            return WorkedOn(str(version), reverse("values:draft", args=[version.value_set.slug]))
        return WorkedOn(str(version), version.get_absolute_url())

    def outcome(self, job: Job) -> str:
        trial = _trial_of(job)
        lines = [f"{trial.scenarios.count()} scenarios for {len(trial.pairs)} pairs, in no dataset."]
        if unparsable := job.items.filter(state=WorkItem.State.DONE, note=UNPARSABLE).count():
            lines.append(f"{unparsable} replies were unparsable, also when asked again.")
        return "\n".join(lines)


def _trial_of(job: Job) -> Trial:
    """
    Raises:
        NotFound: the draft was discarded since, and its trials with it.
    """
    trials = Trial.objects.select_related("version__value_set", "generator")
    if (trial := trials.filter(pk=job.parameters.get("trial")).first()) is None:
        raise NotFound(f"What job {job.pk} tried out is no longer there.")
    return trial
