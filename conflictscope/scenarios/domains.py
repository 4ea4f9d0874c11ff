"""Fields of life as tags on scenarios: set by an LLM as a job, or by hand for one scenario or a whole list."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, QuerySet
from pydantic import BaseModel, ConfigDict, create_model

from conflictscope.errors import Conflict, InvalidInput
from conflictscope.jobs import control
from conflictscope.jobs.budgets import NO_BUDGET, Budget
from conflictscope.jobs.models import Job, WorkItem
from conflictscope.jobs.registry import Grown, NewItem
from conflictscope.llm.client import Door
from conflictscope.llm.models import Endpoint
from conflictscope.llm.prompts import PromptLibrary, delimit
from conflictscope.llm.types import Parsed, Prompt
from conflictscope.scenarios.about_jobs import OnDataset, dataset_of_job
from conflictscope.scenarios.models import Dataset, DomainTag, Scenario
from conflictscope.studies.endpoints import check_allowed

if TYPE_CHECKING:
    from django.contrib.auth.models import User

KIND = "scenarios.tag_domains"
PROMPT = "domains/domain"
PROMPTS = PromptLibrary("conflictscope.scenarios")
UNPARSABLE = "unparsable"

DOMAINS = (
    "health and care",
    "education",
    "work and employment",
    "business and trade",
    "money and finance",
    "law and justice",
    "government and public services",
    "family and relationships",
    "home and daily life",
    "community and culture",
    "science and technology",
    "media and communication",
    "safety and emergencies",
    "other",
)
_LONGEST, _MOST = 60, 60
_WRITE_BATCH = 500


def domains_of(dataset: Dataset) -> list[str]:
    """The domains that the dataset's scenarios are sorted into: its own list, or the usual one."""
    return list(dataset.domains or DOMAINS)


def checked(domains: Iterable[str]) -> list[str]:
    """The names of a list, each once, without what stands around them.

    Raises:
        InvalidInput: fewer than two, too many, or one too long.
    """
    names = list(dict.fromkeys(name for each in domains if (name := " ".join(each.replace("\x00", "").split()))))
    if not 2 <= len(names) <= _MOST:
        raise InvalidInput(f"Give between 2 and {_MOST} domains to choose from, not {len(names)}.")
    for name in names:
        _checked(name)
    return names


def _checked(domain: str) -> str:
    name = " ".join(domain.replace("\x00", "").split())
    if len(name) > _LONGEST or "<" in name or name == "~":
        raise InvalidInput(f"{name[:80]!r} cannot name a domain: use at most {_LONGEST} characters, and no <.")
    return name


def tag_by_hand(dataset: Dataset, pks: Sequence[int], domain: str, *, by: User) -> int:
    """Give scenarios of the dataset a domain, or take it away with an empty one. Returns how many were changed.

    Raises:
        InvalidInput: no name of a domain.
    """
    name = _checked(domain)
    changed = 0
    with transaction.atomic():
        for at in range(0, len(pks), _WRITE_BATCH):
            scenarios = dataset.scenarios.filter(pk__in=pks[at : at + _WRITE_BATCH]).exclude(domain=name)
            these = list(scenarios.values_list("pk", flat=True))
            Scenario.objects.filter(pk__in=these).update(domain=name)
            DomainTag.objects.bulk_create(
                DomainTag(scenario_id=pk, domain=name, source=DomainTag.Source.HUMAN, set_by=by) for pk in these
            )
            changed += len(these)
    return changed


def start(
    dataset: Dataset,
    endpoint: Endpoint,
    *,
    domains: Iterable[str] | None = None,
    again: bool = False,
    started_by: User | None = None,
    budget: Budget = NO_BUDGET,
) -> Job:
    """Have an LLM tag the scenarios that have no domain; returns the live job if there is one.

    Args:
        domains: what to choose from; it becomes the dataset's list. None: the list that it has.
        again: also those that were tagged or imported with one, unless a person set it.

    Raises:
        InvalidInput: no list of domains. Conflict: there is nothing to tag.
        NotAllowed: the study may not use the endpoint.
    """
    check_allowed(dataset.study, endpoint)
    names = checked(domains if domains is not None else domains_of(dataset))
    if not to_tag(dataset, again=again).exists():
        raise Conflict(f"Every scenario of {dataset.slug!r} has a domain already, or no text to tell it by.")
    if names != domains_of(dataset):
        Dataset.objects.filter(pk=dataset.pk).update(domains=names)
        dataset.domains = names
    return control.start(
        dataset.study,
        kind=KIND,
        subject=f"dataset {dataset.pk}",
        title=f"Tag domains of {dataset.name} by {endpoint.name}",
        parameters={"dataset": dataset.pk, "endpoint": endpoint.pk, "domains": names, "again": again},
        started_by=started_by,
        budget=budget,
    )


def to_tag(dataset: Dataset, *, again: bool) -> QuerySet[Scenario]:
    """Scenarios with a text, no duplicates, that no person has tagged; unless `again`, only those without a domain."""
    by_person = DomainTag.objects.filter(scenario=OuterRef("pk"), source=DomainTag.Source.HUMAN)
    scenarios = dataset.scenarios.exclude(status=Scenario.Status.DUPLICATE).exclude(description="", outline_context="")
    scenarios = scenarios.filter(~Exists(by_person)).order_by("pk")
    return scenarios if again else scenarios.filter(domain="")


class _DomainReply(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    domain: str


@lru_cache(maxsize=32)
def _reply_of(domains: tuple[str, ...]) -> type[_DomainReply]:
    """The form of a reply that names one of these and nothing else."""
    one_of: Any = Literal[domains]
    return create_model("DomainReply", __base__=_DomainReply, domain=(one_of, ...))


@dataclass(frozen=True, slots=True)
class TaggingCall:
    endpoint: Endpoint
    prompt: Prompt
    reply: type[_DomainReply]


class TagDomainsHandler(OnDataset):
    """One item is one scenario and one call."""

    kind = KIND
    reply_tokens: ClassVar[dict[str, int]] = {"domain": 12}
    left_out = ""

    def foresee(self, job: Job) -> Iterable[NewItem]:
        return self.plan(job)

    def follow(self, item: WorkItem, outcome: Parsed[_DomainReply]) -> Iterable[Grown[TaggingCall]]:
        return ()

    def plan(self, job: Job) -> Iterable[NewItem]:
        dataset = Dataset.objects.get(pk=job.parameters["dataset"])
        scenarios = to_tag(dataset, again=job.parameters["again"])
        for pk in list(scenarios.values_list("pk", flat=True)):
            yield NewItem(key=f"domain {pk}", payload={"scenario": pk})

    def prepare(self, item: WorkItem) -> TaggingCall:
        scenario = Scenario.objects.only("description", "outline_context", "outline_opportunity").get(
            pk=item.payload["scenario"]
        )
        domains = tuple(item.job.parameters["domains"])
        text = scenario.description or f"{scenario.outline_context} {scenario.outline_opportunity}"
        prompt = PROMPTS.render(
            PROMPT,
            description=delimit("description", text),
            domains=delimit("domains", "\n".join(domains)),
        )
        return TaggingCall(Endpoint.objects.get(pk=item.job.parameters["endpoint"]), prompt, _reply_of(domains))

    async def ask(self, prepared: TaggingCall, door: Door) -> Parsed[_DomainReply]:
        return await door.ask_for(
            prepared.reply, prepared.endpoint, prepared.prompt, purpose="domain", parameters={"temperature": 0}
        )

    def store(self, item: WorkItem, outcome: Parsed[_DomainReply]) -> str:
        if outcome.value is None:
            return UNPARSABLE
        scenario = Scenario.objects.select_for_update(of=("self",)).only("pk").get(pk=item.payload["scenario"])
        if scenario.domain_tags.filter(source=DomainTag.Source.HUMAN).exists():
            return "a person was faster"
        DomainTag.objects.create(
            scenario=scenario,
            domain=outcome.value.domain,
            source=DomainTag.Source.LLM,
            endpoint_id=item.job.parameters["endpoint"],
            call_id=outcome.reply.call_ids[-1] if outcome.reply.call_ids else None,
        )
        Scenario.objects.filter(pk=scenario.pk).update(domain=outcome.value.domain)
        return ""

    def outcome(self, job: Job) -> str:
        dataset = dataset_of_job(job)
        rows = (
            dataset.scenarios.order_by()
            .values_list("domain")
            .annotate(number=Count("pk"))
            .order_by("-number", "domain")
        )
        return "\n".join([f"{dataset.name}:", *(f"  {number} {domain or 'no domain'}" for domain, number in rows)])
