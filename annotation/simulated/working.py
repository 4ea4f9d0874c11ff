"""Simulated annotators at work: their accounts and places, and what they come to."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from rest_framework.authtoken.models import Token

from annotation.api.serializers import sheet_payload
from annotation.campaigns.lifecycle import consent, join
from annotation.errors import NotOpen
from annotation.labelling import checking
from annotation.labelling.serving import TOLD_WITH
from annotation.labelling.sheets import preview_of
from annotation.models import Annotation, Assignment, Campaign, Item, Participant
from annotation.simulated.answering import Annotator, true_answers
from annotation.simulated.client import LabellingClient
from annotation.simulated.server import serving
from conflictscope.errors import Conflict, InvalidInput
from conflictscope.scenarios.option_orders import OptionOrder
from conflictscope.stats.intervals import wilson
from conflictscope.stats.types import Estimate
from conflictscope.studies.models import Membership
from conflictscope.studies.permissions import Role

logger = logging.getLogger(__name__)

NAME = "sim-annotator-{number}"
MOST = 1_000


@dataclass(frozen=True, slots=True)
class Labelled:
    """What simulated annotators have done in a campaign. `submitted` is what this run added.

    `answers_per_item` counts items by how many of them labelled it; `accuracy` is the share of all their answers that is true.
    """

    annotators: int
    submitted: int
    items: int
    answers_per_item: tuple[tuple[int, int], ...]
    accuracy: Estimate


def label_campaign(
    campaign: Campaign,
    *,
    count: int,
    first: int = 1,
    like: Annotator | None = None,
    base_url: str = "",
    progress: Callable[[], object] | None = None,
) -> Labelled:
    """Let `count` simulated annotators label all that the campaign has for them, each taking one item in turn.

    Run again, it does only what is missing; with a larger count, further people join. In a closed campaign nothing is added.

    Args:
        first: the number of the first of them, so that campaigns can have different people.
        like: how they all are, but for the name.
        base_url: the server whose API they use; empty: one is started in this process. It must serve this very database.
    Raises:
        InvalidInput: a count out of range.
        NotOpen: the campaign gives out no work yet, or has none of these annotators and never will.
        Conflict: a person has an account of such a name, or does something else in the study or the campaign.
        Refused, Unreachable: what the server says.
    """
    like = like or Annotator("")
    if not 1 <= count <= MOST:
        raise InvalidInput(f"From 1 to {MOST} annotators can be simulated, not {count}.")
    if campaign.state == Campaign.State.CLOSED and simulated_in(campaign) >= count:
        return so_far(campaign, submitted=0)
    if campaign.state != Campaign.State.OPEN:
        raise NotOpen(f"{campaign.name} is {campaign.state}, so nobody can label in it. Open it, or choose another.")
    users = [place.user for place in _places(campaign, count, first=first) if not place.excluded]
    submitted = 0
    with clients(users, base_url=base_url) as asking:
        at_work = [
            (_person(like, user.username), client, client.next(campaign.pk))
            for user, client in zip(users, asking, strict=True)
        ]
        while at_work := [(annotator, client, sheet) for annotator, client, sheet in at_work if sheet is not None]:
            handed = []
            for annotator, client, sheet in at_work:
                answers = annotator.answers_to(sheet)
                done = client.submit(
                    sheet["token"],
                    answers,
                    also=annotator.second_answers_to(sheet, answers),
                    active_seconds=annotator.seconds_for(sheet),
                    then_next=True,
                )
                submitted += done["stored"]
                handed.append((annotator, client, done["next"]))
                if progress:
                    progress()
            at_work = handed
    logger.info("Campaign %s: %s submissions simulated", campaign.pk, submitted)
    return so_far(campaign, submitted=submitted)


def _person(like: Annotator, name: str) -> Annotator:
    """One of them; a colluder copies the first of all."""
    return replace(like, name=name, copies=NAME.format(number=1) if like.kind == "colluder" else "")


@contextmanager
def clients(users: Sequence[User], *, base_url: str = "") -> Iterator[list[LabellingClient]]:
    """A client of the API for each account, with a token that is good for this long only."""
    with ExitStack() as stack:
        headers: dict[str, str] = {}
        if not base_url:
            base_url, headers = stack.enter_context(serving())
        asking = []
        for user in users:
            new_token = partial(_token, user, stack)
            client = LabellingClient(base_url, new_token(), headers=headers, new_token=new_token)
            asking.append(stack.enter_context(client))
        yield asking


def _token(user: User, stack: ExitStack) -> str:
    """Their token, which goes when the run ends. Another run of the same people may take it away: then they get a new one."""
    token, made = Token.objects.get_or_create(user=user)
    if made:
        stack.callback(Token.objects.filter(pk=token.pk).delete)
    return str(token.key)


def simulated_in(campaign: Campaign) -> int:
    """How many simulated annotators have a place in the campaign."""
    return Participant.objects.filter(campaign=campaign, simulated=True).count()


def so_far(campaign: Campaign, *, submitted: int = 0) -> Labelled:
    """What the campaign's simulated annotators have done, held against the truth of the texts."""
    theirs = Assignment.objects.filter(
        item__campaign=campaign, participant__simulated=True, state=Assignment.State.SUBMITTED
    )
    people = Counter(theirs.values_list("item", flat=True))
    return Labelled(
        annotators=simulated_in(campaign),
        submitted=submitted,
        items=campaign.items.count(),
        answers_per_item=tuple(sorted(Counter(people.values()).items())),
        accuracy=_accuracy(theirs),
    )


def true_of(item: Item) -> dict[str, str]:
    """The true answers to the item's questions, by their keys."""
    order = OptionOrder.ACTION_1_FIRST
    sheet = sheet_payload(preview_of(item, order=order), campaign=item.campaign_id, state=None)
    return checking.understand(Assignment(item=item, action_order=order), true_answers(sheet), {}).answers


def _accuracy(assignments: QuerySet[Assignment]) -> Estimate:
    items = Item.objects.filter(pk__in=assignments.values("item"))
    relations = [name.removeprefix("item__") for name in TOLD_WITH]
    truth = {item.pk: true_of(item) for item in items.select_related(*relations).iterator(chunk_size=500)}
    answers = Annotation.objects.filter(assignment__in=assignments).exclude(answer="")
    right = [
        truth[item].get(question) == answer
        for item, question, answer in answers.values_list("assignment__item", "question", "answer")
    ]
    return wilson(sum(right), len(right)) if right else Estimate.undefined("nothing has been answered")


def _places(campaign: Campaign, count: int, *, first: int) -> list[Participant]:
    """The annotators' places in the campaign, made where they are missing: all of them, or none."""
    names = [NAME.format(number=number) for number in range(first, first + count)]
    with transaction.atomic():
        places = []
        for name in names:
            user, _ = User.objects.get_or_create(username=name, defaults={"password": make_password(None)})
            if user.has_usable_password():
                raise Conflict(f"{name} is the account of a person, who can log in. Rename it to simulate annotators.")
            membership, _ = Membership.objects.get_or_create(
                study=campaign.study, user=user, defaults={"role": Role.ANNOTATOR}
            )
            if membership.role != Role.ANNOTATOR:
                raise Conflict(
                    f"{name} is {membership.role} of {campaign.study.slug}, and only annotators label. "
                    "Give them the role annotator, or take them out."
                )
            place = join(campaign, user, simulated=True)
            if not place.simulated:
                raise Conflict(f"{name} labels as a person in {campaign.name}, so their answers cannot be simulated.")
            if place.consented_at is None:
                consent(place)
            places.append(place)
    return places
