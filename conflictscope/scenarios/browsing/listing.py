"""Which scenarios a list shows and in which order: the address of a list, read; its facets, counted; its neighbours, found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.db.models import Count, Exists, F, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from conflictscope.scenarios.filtering.dimensions import dimensions_of
from conflictscope.scenarios.filtering.verdicts import SETTLED_BY_VERDICTS
from conflictscope.scenarios.models import Dataset, Dimension, Scenario, Verdict
from conflictscope.scenarios.search import Query, matching, parse, ranked

if TYPE_CHECKING:
    from django.http import QueryDict

UNTAGGED = "~"  # as a domain: scenarios without one
_LONGEST = 200
_MOST = 50  # values of one facet

SORTS: dict[str, str] = {
    "": "As made",
    "newest": "Newest first",
    "uid": "By name",
    "similarity": "Most similar to an earlier one",
    "failures": "Most dimensions failed",
    "disagreed": "People and judge disagree most",
}
BY_RELEVANCE = "Best match"

DISAGREE, AGREE, VALIDATED, UNSEEN = "disagree", "agree", "validated", "unseen"
PEOPLE: dict[str, str] = {
    DISAGREE: "Disagree with the judge",
    AGREE: "Agree with the judge",
    VALIDATED: "Passed it on everything",
    UNSEEN: "Have not decided on it",
}


@dataclass(frozen=True, slots=True)
class ScenarioFilter:
    """What a list is narrowed down to. Values of one field are alternatives, different fields must all hold."""

    status: tuple[str, ...] = ()
    pair: tuple[str, ...] = ()  # keys of two values with a tilde between them
    template: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()  # dimensions whose standing verdict is a fail
    failed_by: tuple[str, ...] = ()  # a judge's name and a dimension with a tilde between them, whoever overruled it
    people: tuple[str, ...] = ()  # keys of PEOPLE
    domain: tuple[str, ...] = ()
    search: str = ""
    sort: str = ""

    @classmethod
    def of(cls, given: QueryDict) -> ScenarioFilter:
        """Read from an address. What no list knows is kept: it matches nothing, and the page shows that it was asked for."""

        def several(name: str) -> tuple[str, ...]:
            return tuple(dict.fromkeys(value for each in given.getlist(name) if (value := _clean(each))))[:_MOST]

        sort = given.get("sort", "")
        return cls(
            **{name: several(name) for name in FACETS},
            search=_clean(given.get("search", "")),
            sort=sort if sort in SORTS else "",
        )

    @property
    def narrowed(self) -> bool:
        return any(getattr(self, name) for name in FACETS) or bool(self.search)

    @property
    def query(self) -> Query:
        return parse(self.search)

    def without(self, name: str, value: str) -> ScenarioFilter:
        """The filter with one value taken back; of a text, the whole of it."""
        left: Any = "" if name == "search" else tuple(each for each in getattr(self, name) if each != value)
        return replace(self, **{name: left})

    def address(self, *, page: int = 1) -> str:
        """The query string of the list, empty fields left out; empty, or with its question mark."""
        parameters = [(name, value) for name in FACETS for value in getattr(self, name)]
        parameters += [(name, value) for name in ("search", "sort") if (value := getattr(self, name))]
        parameters += [("page", str(page))] if page > 1 else []
        return f"?{urlencode(parameters)}" if parameters else ""


FACETS = tuple(field.name for field in fields(ScenarioFilter) if field.name not in ("search", "sort"))


def _clean(value: str) -> str:
    return value.strip()[:_LONGEST]


@dataclass(frozen=True, slots=True)
class FacetOption:
    """One value of a facet with the number of scenarios that have it, all other facets and the search applied."""

    value: str
    label: str
    count: int
    chosen: bool


@dataclass(frozen=True, slots=True)
class Facet:
    name: str
    label: str
    options: list[FacetOption]

    @property
    def chosen(self) -> int:
        return sum(option.chosen for option in self.options)


@dataclass(frozen=True, slots=True)
class Chip:
    """One thing that a list is narrowed down to, and the address of the list without it."""

    facet: str
    label: str
    address: str


def chips(chosen: ScenarioFilter, facets: Iterable[Facet]) -> list[Chip]:
    every_chip = [
        Chip(facet.label, option.label, chosen.without(facet.name, option.value).address())
        for facet in facets
        for option in facet.options
        if option.chosen
    ]
    if chosen.search:
        every_chip.append(Chip("Words", chosen.search, chosen.without("search", "").address()))
    return every_chip


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Where a scenario stands in a list, counted from 1; None where it is not in it."""

    position: int | None
    total: int
    previous: str | None  # uids
    next: str | None


class Listing:
    """A filter applied to a dataset."""

    def __init__(self, dataset: Dataset, chosen: ScenarioFilter) -> None:
        self.dataset, self.chosen, self.query = dataset, chosen, chosen.query

    @cached_property
    def scenarios(self) -> QuerySet[Scenario]:
        """The scenarios in their order; by relevance they are not ordered here, see `pks`."""
        narrowed = self._narrowed()
        match self.chosen.sort:
            case "newest":
                return narrowed.order_by("-created_at", "-pk")
            case "uid":
                return narrowed.order_by("uid")
            case "similarity":
                return narrowed.order_by(F("similarity").desc(nulls_last=True), "pk")
            case "failures":
                return narrowed.annotate(rank=_counted(self._failures())).order_by("-rank", "pk")
            case "disagreed":
                return narrowed.annotate(rank=_counted(self._disputes())).order_by("-rank", "pk")
        return narrowed.order_by("pk")

    @property
    def by_relevance(self) -> bool:
        return bool(self.query.terms) and not self.chosen.sort

    def pks(self) -> list[int]:
        """All of them, in order."""
        if self.by_relevance:
            wanted = set(self._narrowed(but="search").values_list("pk", flat=True))
            return [pk for pk in ranked(self.dataset, self.query) if pk in wanted]
        return list(self.scenarios.values_list("pk", flat=True))

    def neighbours(self, scenario: Scenario) -> Neighbours:
        pks = self.pks()
        if scenario.pk not in pks:
            return Neighbours(None, len(pks), None, None)
        here = pks.index(scenario.pk)
        beside = [pks[at] if 0 <= at < len(pks) else 0 for at in (here - 1, here + 1)]
        uids = dict(Scenario.objects.filter(pk__in=beside).values_list("pk", "uid"))
        return Neighbours(here + 1, len(pks), uids.get(beside[0]), uids.get(beside[1]))

    def facets(self) -> list[Facet]:
        """Every facet that tells scenarios of this dataset apart, its options counted as if it alone were open."""
        facets = [
            Facet("status", "Status", self._options("status", Scenario.Status.choices, self._grouped("status"))),
            *self._facets_of_values(),
            self._facet_of_failures(),
            self._facet_of_judges(),
            self._facet_of_people(),
            self._facet_of_domains(),
        ]
        return [facet for facet in facets if facet.options]

    def _facets_of_values(self) -> list[Facet]:
        if self.dataset.value_set_version is None:
            return []
        pairs = {
            f"{first.key}~{second.key}": f"{first.name} – {second.name}"
            for first, second in self.dataset.value_set_version.pairs()
        }
        rows = self._narrowed(but="pair").order_by().values_list("value_1__key", "value_2__key").annotate(Count("pk"))
        counts = {f"{first}~{second}": count for first, second, count in rows}
        others = {pair: pair.replace("~", " – ") for pair in counts if pair not in pairs and pair != "None~None"}
        templates = self._options("template", Scenario.Template.choices, self._grouped("template"))
        return [
            Facet("pair", "Value pair", self._options("pair", (pairs | others).items(), counts)),
            Facet("template", "Template", templates),
        ]

    def _facet_of_failures(self) -> Facet:
        rows = self._failures().filter(scenario__in=self._narrowed(but="failed").order_by().values("pk"))
        counts = dict(rows.values_list("dimension").annotate(Count("scenario", distinct=True)))
        names = [(dimension.value, dimension.label) for dimension in dimensions_of(self.dataset)]
        return Facet("failed", "Failed on", self._options("failed", names, counts))

    def _facet_of_judges(self) -> Facet:
        """Only what was chosen: numbers on other pages lead to it, where "Failed on" is what a reader of the list wants."""
        chosen = self.chosen.failed_by
        base = self._narrowed(but="failed_by") if chosen else Scenario.objects.none()
        counts = {value: base.filter(self._failed_by(value)).count() for value in chosen}
        labels = {str(dimension): str(dimension.label) for dimension in Dimension}
        names = []
        for value in chosen:
            judge, _, dimension = value.partition("~")
            names.append((value, f"{judge}: {labels.get(dimension, dimension)}"))
        return Facet("failed_by", "Failed by a judge", self._options("failed_by", names, counts))

    def _facet_of_people(self) -> Facet:
        decided = Verdict.objects.filter(source=Verdict.Source.HUMAN, scenario__dataset=self.dataset)
        counts = {}
        if self.chosen.people or decided.exists():
            base = self._narrowed(but="people")
            counts = base.aggregate(**{key: Count("pk", filter=self._said(key)) for key in PEOPLE})
        return Facet("people", "People", self._options("people", PEOPLE.items(), counts))

    def _facet_of_domains(self) -> Facet:
        counts = self._grouped("domain")
        untagged = counts.pop("", 0)
        if not counts and not self.chosen.domain and not self.dataset.scenarios.exclude(domain="").exists():
            return Facet("domain", "Domain", [])
        names = sorted(counts, key=lambda name: (-counts[name], name))
        named = [*((name, name) for name in names), (UNTAGGED, "No domain")]
        return Facet("domain", "Domain", self._options("domain", named, counts | {UNTAGGED: untagged}))

    def _grouped(self, name: str) -> dict[str, int]:
        return dict(self._narrowed(but=name).order_by().values_list(name).annotate(Count("pk")))

    def _options(self, name: str, labels: Iterable[tuple[str, str]], counts: dict[str, int]) -> list[FacetOption]:
        """Those that occur, and those that were chosen though they do not."""
        chosen = getattr(self.chosen, name)
        named = dict(labels)
        named |= {value: value for value in chosen if value not in named}
        return [
            FacetOption(value, str(label), counts.get(value, 0), value in chosen)
            for value, label in named.items()
            if counts.get(value) or value in chosen
        ]

    def _narrowed(self, but: str = "") -> QuerySet[Scenario]:
        """The scenarios that the filter leaves, one of its fields left open."""
        chosen = self.chosen
        scenarios = self.dataset.scenarios.all()
        if chosen.status and but != "status":
            scenarios = scenarios.filter(status__in=chosen.status)
        if chosen.pair and but != "pair":
            scenarios = scenarios.filter(_any(_of_pair(pair) for pair in chosen.pair))
        if chosen.template and but != "template":
            scenarios = scenarios.filter(template__in=chosen.template)
        if chosen.failed and but != "failed":
            failing = self._failures().filter(dimension__in=chosen.failed)
            scenarios = scenarios.filter(pk__in=failing.values("scenario"))
        if chosen.failed_by and but != "failed_by":
            scenarios = scenarios.filter(_any(self._failed_by(value) for value in chosen.failed_by))
        if chosen.people and but != "people":
            scenarios = scenarios.filter(_any(self._said(key) for key in chosen.people))
        if chosen.domain and but != "domain":
            scenarios = scenarios.filter(domain__in=["" if domain == UNTAGGED else domain for domain in chosen.domain])
        if self.query and but != "search":
            scenarios = scenarios.filter(pk__in=matching(self.query)) if self.query.terms else scenarios.none()
        return scenarios

    def _said(self, key: str) -> Q:
        human = Verdict.objects.filter(source=Verdict.Source.HUMAN, scenario__dataset=self.dataset)
        disputed = Q(pk__in=self._disputes().values("scenario"))
        match key:
            case "disagree":
                return disputed
            case "agree":
                return Q(pk__in=self._beside_the_judge().values("scenario")) & ~disputed
            case "validated":
                return Q(pk__in=self.dataset.scenarios.human_validated().values("pk"))
            case "unseen":
                return ~Q(pk__in=human.values("scenario"))
        return Q(pk__in=[])

    def _failures(self) -> QuerySet[Verdict]:
        """Standing verdicts that are fails, as `verdicts.standing_verdicts` finds them: of each dimension the verdict of the
        panel that decided last, and the primary judge's where no panel has decided."""
        deciding = Q(source=Verdict.Source.HUMAN) | Q(judge=self.dataset.primary_judge_id, judge__isnull=False)
        later = Q(created_at__gt=OuterRef("created_at")) | Q(created_at=OuterRef("created_at"), pk__gt=OuterRef("pk"))
        overruling = Verdict.objects.filter(
            later | ~Q(source=OuterRef("source")),
            source=Verdict.Source.HUMAN,
            scenario=OuterRef("scenario"),
            dimension=OuterRef("dimension"),
        )
        return Verdict.objects.filter(deciding, ~Exists(overruling), outcome=Verdict.Outcome.FAIL).order_by()

    def _failed_by(self, value: str) -> Q:
        """What this judge failed on a dimension, counted as the page of the filter results counts: no duplicates."""
        judge, _, dimension = value.partition("~")
        failed = Verdict.objects.filter(judge__name=judge, dimension=dimension, outcome=Verdict.Outcome.FAIL).order_by()
        return Q(status__in=SETTLED_BY_VERDICTS, pk__in=failed.values("scenario"))

    def _beside_the_judge(self, *conditions: Q) -> QuerySet[Verdict]:
        """Verdicts of people where the primary judge passed or failed the same dimension of the same scenario.

        All conditions on `scenario__verdicts` stand in one filter: they are about one and the same verdict of the judge.
        """
        return Verdict.objects.filter(
            *conditions,
            source=Verdict.Source.HUMAN,
            scenario__dataset=self.dataset,
            scenario__verdicts__judge=self.dataset.primary_judge_id or 0,
            scenario__verdicts__dimension=F("dimension"),
            scenario__verdicts__outcome__in=[Verdict.Outcome.PASS, Verdict.Outcome.FAIL],
        ).order_by()

    def _disputes(self) -> QuerySet[Verdict]:
        """Verdicts of people that are not the primary judge's; what the judge could not be read on disputes nothing."""
        passed, failed = Verdict.Outcome.PASS, Verdict.Outcome.FAIL
        return self._beside_the_judge(
            Q(outcome=passed, scenario__verdicts__outcome=failed)
            | Q(outcome=failed, scenario__verdicts__outcome=passed)
        )


def _of_pair(pair: str) -> Q:
    first, _, second = pair.partition("~")
    return Q(value_1__key=first, value_2__key=second)


def _any(conditions: Iterable[Q]) -> Q:
    disjunction = Q()
    for condition in conditions:
        disjunction |= condition
    return disjunction


def _counted(verdicts: QuerySet[Verdict]) -> Coalesce:
    """How many dimensions of the scenario these verdicts are about."""
    of_one = verdicts.filter(scenario=OuterRef("pk")).values("scenario")
    return Coalesce(
        Subquery(of_one.annotate(n=Count("dimension", distinct=True)).values("n"), output_field=IntegerField()), 0
    )
