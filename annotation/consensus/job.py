"""Deciding a campaign as a job: batch by batch, so that neither a request nor a transaction holds twenty thousand items."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.db.models import QuerySet

from annotation.consensus import recording
from annotation.consensus.deciding import TOO_FEW, decide_items, to_decide
from annotation.consensus.labels import counted
from annotation.consensus.reports import decision_report
from annotation.models import Campaign
from conflictscope.errors import Conflict, InvalidInput, NotFound
from conflictscope.jobs import control, planning
from conflictscope.jobs.models import Job, WorkItem
from conflictscope.jobs.registry import NewItem, WorkedOn
from conflictscope.llm.client import Door
from conflictscope.write_pauses import let_others_write

if TYPE_CHECKING:
    from django.contrib.auth.models import User

logger = logging.getLogger(__name__)

KIND = "annotation.decide"
BATCH = 500


class _Stopped(Conflict):
    """Somebody paused or cancelled the job."""


def start(campaign: Campaign, *, minimum: int | None = None, started_by: User | None = None) -> Job:
    """Write down what people agree on: a decision for each question, and what the kind of campaign makes of them.

    A scenario filter writes a human verdict for each dimension, an action judgement a human judgement of each response, a
    preference an order of values. Only items that at least `minimum` people have labelled are decided; by default as many as
    the campaign asks for. Returns the live job if there is one.

    Raises:
        InvalidInput: a minimum below 1.
        Conflict: the campaign is being decided with another minimum.
    """
    minimum = campaign.overlap if minimum is None else minimum
    if minimum < 1:
        raise InvalidInput(TOO_FEW)
    job = control.start(
        campaign.study,
        kind=KIND,
        subject=_subject(campaign),
        title=f"Decide {campaign.name}",
        parameters={"campaign": campaign.pk, "minimum": minimum},
        started_by=started_by,
    )
    if job.parameters["minimum"] != minimum:
        raise Conflict(
            f"{campaign.name} is being decided from {job.parameters['minimum']} labels on: wait for that job."
        )
    return job


def jobs_of(campaign: Campaign) -> QuerySet[Job]:
    """The jobs that decide, or decided, the campaign, newest first."""
    return Job.objects.filter(kind=KIND, subject=_subject(campaign)).order_by("-pk")


def _subject(campaign: Campaign) -> str:
    return f"campaign {campaign.pk}"


class DecideHandler:
    """All of the work is local, and the job's plan: one worker does it, a transaction a batch. When it dies another begins
    anew, and finds what is written already as it should be."""

    kind = KIND

    def plan(self, job: Job) -> Iterable[NewItem]:
        campaign, minimum = campaign_of(job), job.parameters["minimum"]
        items = to_decide(campaign)
        done = recording.Written()
        for first in range(0, len(items), BATCH):
            if not Job.objects.filter(pk=job.pk, state=Job.State.RUNNING).exists():
                raise _Stopped(f"{campaign.name} is decided in part: its job was stopped. What was written stands.")
            planning.say(job, f"{first:,} of {len(items):,} items decided")
            done += decide_items(campaign, items[first : first + BATCH], minimum=minimum)
            let_others_write()
        recording.recorder_of(campaign, counted(campaign)).finish(minimum)
        logger.info("Campaign %s decided: %s written, %s changed", campaign.pk, done.written, done.changed)
        return []

    def prepare(self, item: WorkItem) -> None:
        raise NotFound(f"{item.job} has no items: its plan is all of it.")

    async def ask(self, prepared: None, door: Door) -> None:
        raise NotFound("Deciding asks no language model.")

    def store(self, item: WorkItem, outcome: None) -> str:
        raise NotFound(f"{item.job} has no items: its plan is all of it.")

    def worked_on(self, job: Job) -> WorkedOn:
        campaign = campaign_of(job)
        return WorkedOn(campaign.name, campaign.get_absolute_url())

    def outcome(self, job: Job) -> str:
        return decision_report(campaign_of(job), minimum=job.parameters["minimum"], since=job.created_at)


def campaign_of(job: Job) -> Campaign:
    """
    Raises:
        NotFound: the campaign was deleted since.
    """
    campaigns = Campaign.objects.select_related("study", "dataset__value_set_version", "dataset__primary_judge")
    if (campaign := campaigns.filter(pk=job.parameters.get("campaign")).first()) is None:
        raise NotFound(f"The campaign of job {job.pk} is no longer there.")
    return campaign
