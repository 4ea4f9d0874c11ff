"""From a dataset to a campaign that people label in: draw, open, close; and a person's place in it."""

from __future__ import annotations

import logging
import secrets
from collections import Counter

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.text import slugify

from annotation import sampling
from annotation.errors import CampaignClosed, CampaignExists, NothingToLabel
from annotation.guidelines import default_guideline
from annotation.models import Campaign, Guideline, Item, Participant
from annotation.sampling import Plan
from conflictscope.errors import InvalidInput, NotFound
from conflictscope.scenarios.models import Dataset
from conflictscope.studies.models import Study

logger = logging.getLogger(__name__)

# What people can be asked to label at present.
KINDS = (Campaign.Kind.SCENARIO_FILTER,)

_COLOURS = (
    "amber", "ashen", "azure", "coral", "cream", "dusky", "ebony", "fawn", "green", "hazel", "indigo", "ivory",
    "jade", "khaki", "lilac", "maroon", "mauve", "ochre", "olive", "pearl", "rosy", "ruby", "rusty", "sandy",
    "silver", "slate", "tawny", "teal", "umber", "violet",
)  # fmt: skip
_BIRDS = (
    "avocet", "bittern", "bunting", "crane", "curlew", "dipper", "dunlin", "eider", "finch", "gannet", "godwit",
    "grebe", "heron", "hoopoe", "ibis", "jackdaw", "kestrel", "lapwing", "linnet", "martin", "osprey", "petrel",
    "pipit", "plover", "redwing", "siskin", "snipe", "swift", "tern", "wagtail",
)  # fmt: skip


def create_campaign(
    study: Study,
    dataset: Dataset,
    *,
    name: str,
    size: int,
    slug: str = "",
    kind: str = Campaign.Kind.SCENARIO_FILTER,
    overlap: int = 3,
    plan: str = Plan.RANDOM,
    seed: int = 0,
    quota: int | None = None,
    lease_minutes: int = 30,
    guideline: str = "",
    created_by: User | None = None,
) -> Campaign:
    """A draft campaign on a sample of the dataset's scenarios. Asked for again with the same name and settings, it is found.

    `guideline` is Markdown; empty: the default of the kind. `size` above what the dataset has takes all of it.

    Raises:
        InvalidInput: settings that make no campaign, each named.
        NothingToLabel: no scenario of the dataset has two actions yet.
        CampaignExists: the study has a campaign of that name with other settings.
    """
    slug = slug or slugify(name)[:50]
    _check(
        study, dataset, slug=slug, kind=kind, size=size, overlap=overlap, plan=plan, quota=quota, lease=lease_minutes
    )
    asked = {"plan": str(plan), "size": size, "seed": seed}
    with transaction.atomic():
        Study.objects.select_for_update().get(pk=study.pk)
        existing = Campaign.objects.filter(study=study, slug=slug).first()
        if existing is not None:
            return _same(existing, dataset, kind=kind, overlap=overlap, quota=quota, asked=asked)
        population = sampling.candidates(dataset)
        if not population:
            raise NothingToLabel(
                f"{dataset.name} has no scenario with two actions yet. Generate or import scenarios first."
            )
        fewest = sampling.least(population, plan=Plan(plan))
        if size < fewest:
            raise InvalidInput(
                f"A {plan} sample of {dataset.name} needs at least {fewest} items: one for each of the judge's outcomes."
            )
        drawn = sampling.draw(population, plan=Plan(plan), size=size, seed=seed)
        campaign = Campaign.objects.create(
            study=study,
            slug=slug,
            name=name.strip(),
            kind=kind,
            dataset=dataset,
            overlap=overlap,
            lease_minutes=lease_minutes,
            quota=quota,
            created_by=created_by,
            sampling_plan=asked
            | {
                "drawn": len(drawn),
                "population": len(population),
                "drawn_by_outcome": Counter(each.candidate.outcome for each in drawn),
                "population_by_outcome": Counter(each.outcome for each in population),
            },
        )
        Guideline.objects.create(campaign=campaign, version=1, markdown=guideline.strip() or default_guideline(kind))
        Item.objects.bulk_create(
            (
                Item(
                    campaign=campaign,
                    scenario_id=each.candidate.scenario_id,
                    open_slots=overlap,
                    shuffle_key=each.shuffle_key,
                    inclusion_probability=each.probability,
                    stratum=each.candidate.stratum[:200],
                )
                for each in drawn
            ),
            batch_size=500,
        )
    logger.info("Campaign %s created with %s items", campaign.pk, len(drawn))
    return campaign


def open_campaign(study: Study, dataset: Dataset, *, name: str, size: int, **settings: object) -> Campaign:
    """`create_campaign` and `start` in one, for callers without a preview. One that has been closed stays closed."""
    campaign = create_campaign(study, dataset, name=name, size=size, **settings)  # type: ignore[arg-type]
    if campaign.state != Campaign.State.CLOSED:
        start(campaign)
    return campaign


def start(campaign: Campaign) -> bool:
    """Open a draft or paused campaign for labelling. False: it was open already.

    Raises:
        CampaignClosed: closing is final, because then people have seen each other's answers.
    """
    may_open = [Campaign.State.DRAFT, Campaign.State.PAUSED]
    opened = Campaign.objects.filter(pk=campaign.pk, state__in=may_open).update(state=Campaign.State.OPEN)
    campaign.refresh_from_db(fields=["state"])
    if campaign.state == Campaign.State.CLOSED:
        raise CampaignClosed(
            f"{campaign.name} is closed, and its labels have been seen. Open a new campaign with another name."
        )
    return bool(opened)


def close(campaign: Campaign) -> bool:
    """End a campaign for good: nothing more is handed out or counted. False: it was closed already."""
    closed = Campaign.objects.exclude(state=Campaign.State.CLOSED).filter(pk=campaign.pk)
    done = bool(closed.update(state=Campaign.State.CLOSED))
    campaign.state = Campaign.State.CLOSED
    return done


def add_guideline(campaign: Campaign, markdown: str) -> Guideline:
    """A new version, which items claimed from now on are labelled by. The text that stands already adds none.

    Raises:
        InvalidInput: an empty text.
        CampaignClosed: there is nobody left to follow it.
    """
    text = markdown.replace("\r\n", "\n").strip()
    if not text:
        raise InvalidInput("A guideline needs some text: annotators read it before they start.")
    with transaction.atomic():
        locked = Campaign.objects.select_for_update().get(pk=campaign.pk)
        if locked.state == Campaign.State.CLOSED:
            raise CampaignClosed(f"{campaign.name} is closed; its guideline stays as people followed it.")
        newest = locked.guidelines.last()
        if newest is not None and newest.markdown.strip() == text:
            return newest
        return Guideline.objects.create(campaign=locked, version=newest.version + 1 if newest else 1, markdown=text)


def join(campaign: Campaign, user: User, *, simulated: bool = False) -> Participant:
    """The person's place in the campaign, made on their first visit under a pseudonym that nobody chose."""
    place = Participant.objects.filter(campaign=campaign, user=user).select_related("campaign").first()
    attempt = 0
    while place is None:
        attempt += 1
        try:
            with transaction.atomic():
                place, _ = Participant.objects.get_or_create(
                    campaign=campaign,
                    user=user,
                    defaults={"pseudonym": _pseudonym(attempt, simulated), "simulated": simulated},
                )
        except IntegrityError:
            if attempt > 50:
                raise
    place.campaign = campaign
    return place


def consent(participant: Participant) -> None:
    """The person has read the guideline and agrees to label by it."""
    Participant.objects.filter(pk=participant.pk, consented_at__isnull=True).update(consented_at=timezone.now())
    participant.refresh_from_db(fields=["consented_at"])


def campaign_named(study: Study, slug: str) -> Campaign:
    """The campaign of a command line.

    Raises:
        NotFound: naming the study's campaigns.
    """
    try:
        return study.campaigns.select_related("dataset", "study").get(slug=slug)
    except Campaign.DoesNotExist as exc:
        known = ", ".join(study.campaigns.values_list("slug", flat=True)[:20]) or "none yet"
        raise NotFound(
            f"{study.slug} has no campaign {slug!r}. Campaigns: {known}. Open one with: manage.py open_campaign."
        ) from exc


def _pseudonym(attempt: int, simulated: bool) -> str:
    name = f"{secrets.choice(_COLOURS)}-{secrets.choice(_BIRDS)}"
    name = f"simulated-{name}" if simulated else name
    return name if attempt < 10 else f"{name}-{secrets.randbelow(10_000)}"


def _check(
    study: Study,
    dataset: Dataset,
    *,
    slug: str,
    kind: str,
    size: int,
    overlap: int,
    plan: str,
    quota: int | None,
    lease: int,
) -> None:
    problems = []
    if not slug:
        problems.append("the name needs at least one letter or digit")
    if dataset.study_id != study.pk:
        problems.append(f"the dataset {dataset.slug} belongs to another study")
    if kind not in KINDS:
        problems.append(f"the kind must be one of: {', '.join(KINDS)}")
    if plan not in list(Plan):
        problems.append(f"the sampling plan must be one of: {', '.join(Plan)}")
    if size < 1:
        problems.append("at least one item is needed")
    if not 1 <= overlap <= 100:
        problems.append("the overlap (people for each item) must be from 1 to 100")
    if quota is not None and quota < 1:
        problems.append("the quota (items for one person) must be at least 1, or left empty")
    if not 1 <= lease <= 10_000:
        problems.append("the lease must be from 1 to 10000 minutes")
    if problems:
        raise InvalidInput(f"This makes no campaign: {'; '.join(problems)}.")


def _same(
    existing: Campaign, dataset: Dataset, *, kind: str, overlap: int, quota: int | None, asked: dict[str, object]
) -> Campaign:
    stands = {
        "dataset": existing.dataset_id,
        "kind": existing.kind,
        "overlap": existing.overlap,
        "quota": existing.quota,
    }
    stands |= {key: existing.sampling_plan.get(key) for key in asked}
    wanted = {"dataset": dataset.pk, "kind": str(kind), "overlap": overlap, "quota": quota, **asked}
    other = [key for key in wanted if wanted[key] != stands[key]]
    if other:
        raise CampaignExists(
            f"The study has a campaign {existing.slug!r} already, with another {' and '.join(other)}. "
            "Choose another name, or the settings it has."
        )
    return existing
