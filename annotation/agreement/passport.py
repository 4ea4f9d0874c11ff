"""A judge's passport: everything that says whether its word can be believed, for one campaign, a row for each dimension.

Judge and people stand on the same footing (single person against single person, over the same items), beside the judge against
the majority, the alternative annotator test, what the judge's own answers in both orders of the actions say of it, and where it
leans. A row ends in a sentence (`annotation.agreement.believing`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from django.db.models import QuerySet

from annotation.agreement import believing
from annotation.agreement.asked_again import Itself, itself, stamp_of_readings
from annotation.agreement.defensible import by_sets
from annotation.agreement.kept import Figures
from annotation.agreement.tables import Subject, Tables
from annotation.consensus.labels import Labels
from annotation.kinds import KINDS
from annotation.models import Campaign
from conflictscope.scenarios.filtering.dimensions import ACTION_1, ACTION_2, BOTH, NEITHER
from conflictscope.scenarios.filtering.judge_comparison import judges_of
from conflictscope.scenarios.models import Dimension, Judge, Verdict
from conflictscope.scenarios.option_orders import OptionOrder
from conflictscope.stats.agreement import Agreement, judge_agreement
from conflictscope.stats.alternative import EPSILON, AlternativeTest, alternative_annotator_test
from conflictscope.stats.clusters import Flags, Floats, Sample
from conflictscope.stats.consistency import Drift, PositionConsistency, drift, position_consistency
from conflictscope.stats.intervals import ratio
from conflictscope.stats.labels import MISSING, Codes
from conflictscope.stats.panels import Footing, MajorityAgreement, one_against_one, what_a_majority_hides
from conflictscope.stats.response_sets import SetAgreement
from conflictscope.stats.types import Estimate
from evaluation.models import Target

SEED = 15
RESAMPLES = 500

CHOSEN = (ACTION_1, ACTION_2, BOTH, NEITHER)
# Whose labels they are, as the alternative annotator test asks: by how the campaign finds its people.
KIND_OF_PEOPLE = {
    Campaign.Access.MEMBERS.value: "skilled",
    Campaign.Access.LINK.value: "skilled",
    Campaign.Access.CROWD.value: "crowd",
}


@dataclass(frozen=True)
class PassportRow:
    """What is known of a judge on one subject.

    Attributes:
        majority: against the majority of people, weighted where items were drawn with unequal chances; unweighted: the same of
            the sample as drawn, None where that is no other.
        footing: judge against single people beside these against each other.
        replaces: the alternative annotator test. lean: shares of the judge's outcomes less those of the majority's.
        position: None where the judge was not asked in both orders.
        unread: share of labelled items of which the judge said nothing that could be read; undecided: of those where it said both or
            neither, None where that is no answer.
        sets: against the sets of answers that people allow; None where they give one answer each.
        itself: what it said of its anchors when asked again; None where it was not.
    """

    subject: Subject
    majority: MajorityAgreement
    unweighted: Agreement | None
    footing: Footing
    replaces: AlternativeTest
    lean: Drift
    position: PositionConsistency | None
    unread: Estimate
    believed: believing.Believed
    undecided: Estimate | None = None
    sets: SetAgreement | None = None
    itself: Itself | None = None


@dataclass(frozen=True)
class Passport:
    """Attributes: competes: labels of targets that are the judge's own LLM; family: those of its family, by their names; part:
    which labels of a split campaign it rests on, "dev" or "test"; empty: all of them."""

    judge: Judge
    rows: tuple[PassportRow, ...]
    items: int
    asked: int
    people: int
    weighted: bool
    simulated: bool
    kind_of_people: str
    competes: tuple[str, ...]
    family: tuple[str, ...]
    part: str

    @property
    def best(self) -> believing.Believed:
        """What is said of all dimensions together, or of the question that comes first."""
        row = self.rows[-1] if len(self.rows) > 1 and self.rows[-1].subject.key == "all" else self.rows[0]
        return row.believed


def judges_in(campaign: Campaign) -> list[Judge]:
    """The judges that have said something of what the campaign asks about; none where people are asked what should be done."""
    kind = KINDS[campaign.kind]
    if kind.by_dimension:
        return judges_of(campaign.dataset)
    if not kind.of_responses:
        return []
    judges = Judge.objects.filter(judgements__response__run__in=campaign.runs.all()).select_related("endpoint")
    return list(judges.distinct().order_by("name"))


def passport_of(campaign: Campaign, judge: Judge, *, labels: Callable[[str], Labels] | None = None) -> Passport:
    """The passport as it stands; what was worked out before is read. `labels`: as of `kept.Figures`."""
    figures = Figures(campaign, judge=judge, labels=labels)
    competes, family = relatives(judge, campaign)
    again = stamp_of_readings(campaign, judge)
    name = f"passport {KIND_OF_PEOPLE[campaign.access]} {sorted(competes)} {sorted(family)} {again}"
    return figures.of(name, lambda: _passport(figures.tables, judge, competes, family, figures.part))


def _passport(tables: Tables, judge: Judge, competes: tuple[str, ...], family: tuple[str, ...], part: str) -> Passport:
    labels = tables.labels
    both_orders = _in_both_orders(tables, judge)
    again = itself(tables.campaign, judge, tables.subjects)
    return Passport(
        judge=judge,
        rows=tuple(
            _row(tables, subject, both_orders.get(subject.key), again.get(subject.key)) for subject in tables.subjects
        ),
        items=len(labels.items),
        asked=labels.asked,
        people=len(labels.annotators),
        weighted=tables.weighted,
        simulated=labels.simulated or judge.simulated,
        kind_of_people=KIND_OF_PEOPLE[tables.campaign.access],
        competes=competes,
        family=family,
        part=part,
    )


def _row(tables: Tables, subject: Subject, position: PositionConsistency | None, again: Itself | None) -> PassportRow:
    # What it says of value guidance with the actions in either order is known of every scenario, not of anchors alone.
    position = position or (again.position if again is not None else None)
    key, categories = subject.key, subject.categories
    by_judge, by_person, by_people = tables.by_judge[key], tables.by_person[key], tables.by_people[key]
    labelled = (by_person != MISSING).any(axis=1)
    by_judge, by_person, by_people = by_judge[labelled], by_person[labelled], by_people[labelled]
    plain = tables.sample().part(labelled)
    sample = tables.sample(weighted=True).part(labelled) if tables.weighted else plain
    rng = np.random.default_rng(SEED)
    footing = one_against_one(
        by_judge, by_person, categories=categories, weights=subject.weights, sample=sample, rng=rng, resamples=RESAMPLES
    )
    replaces = alternative_annotator_test(
        by_judge,
        by_person,
        raters=[annotator.pseudonym for annotator in tables.labels.annotators],
        categories=categories,
        epsilon=EPSILON[KIND_OF_PEOPLE[tables.campaign.access]],
        sample=plain,
    )
    lean = drift(by_people, by_judge, categories=categories, sample=sample, rng=rng, resamples=RESAMPLES)
    unread = ratio(*_by_scenario(by_judge == MISSING, plain))
    return PassportRow(
        subject=subject,
        majority=_against_majority(subject, by_judge, by_people, by_person, sample, rng),
        unweighted=judge_agreement(
            by_judge,
            by_people,
            categories=categories,
            positive=subject.positive,
            weights=subject.weights,
            sample=plain,
            rng=rng,
            resamples=RESAMPLES,
        )
        if tables.weighted
        else None,
        footing=footing,
        replaces=replaces,
        lean=lean,
        position=position,
        unread=unread,
        believed=believing.believed(
            footing,
            replaces=replaces,
            lean=lean,
            position=position,
            unread=unread,
            said=subject.said,
            consistency=again.steady if again is not None else None,
            drifted=again.moved if again is not None else None,
        ),
        undecided=_undecided(by_judge, subject, plain),
        sets=by_sets(tables, subject),
        itself=again,
    )


def _against_majority(
    subject: Subject,
    by_judge: Codes,
    by_people: Codes,
    by_person: Codes,
    sample: Sample,
    rng: np.random.Generator,
) -> MajorityAgreement:
    """With the answers that stand (a majority, a median on a scale, what was settled by hand), and what a majority hides."""
    agreement = judge_agreement(
        by_judge,
        by_people,
        categories=subject.categories,
        positive=subject.positive,
        weights=subject.weights,
        sample=sample,
        rng=rng,
        resamples=RESAMPLES,
    )
    return MajorityAgreement(agreement, *what_a_majority_hides(by_judge, by_person, len(subject.categories)))


def _undecided(by_judge: Codes, subject: Subject, sample: Sample) -> Estimate | None:
    """Share of the judge's answers that take both actions or neither."""
    if not {BOTH, NEITHER} <= set(subject.categories):
        return None
    said = by_judge != MISSING
    neither_nor = np.isin(by_judge[said], [subject.categories.index(answer) for answer in (BOTH, NEITHER)])
    return ratio(*_by_scenario(neither_nor, sample.part(said))) if said.any() else None


def _by_scenario(flags: Flags, sample: Sample) -> tuple[Floats, Floats]:
    """Of each scenario how many of its items are so, and how many it has."""
    hits, every = (
        np.bincount(sample.scenario, amount, sample.scenarios).astype(np.float64)
        for amount in (flags.astype(np.float64), np.ones(sample.n))
    )
    return hits, every


def _in_both_orders(tables: Tables, judge: Judge) -> Mapping[str, PositionConsistency]:
    """What a judge of the filter said of value guidance with the actions in either order: each value is a question of its own."""
    guidance = str(Dimension.VALUE_GUIDANCE)
    if guidance not in tables.dimensions:
        return {}
    orders = tuple(OptionOrder.values)
    place = {answer: code for code, answer in enumerate(CHOSEN)}
    answers: list[tuple[int, int, int]] = []
    for scenario, evidence in _evidence(tables, judge, guidance).iterator(chunk_size=2_000):
        by_question: dict[str, dict[str, int]] = {}
        for reply in evidence.get("asked", ()):
            if reply.get("order") in orders and reply.get("answer") in place:
                by_question.setdefault(reply["question"], {})[reply["order"]] = place[reply["answer"]]
        answers += [
            (scenario, by_order.get(orders[0], MISSING), by_order.get(orders[1], MISSING))
            for by_order in by_question.values()
        ]
    if not answers:
        return {}
    table = np.array(answers, dtype=np.int64)
    consistency = position_consistency(
        table[:, 1].astype(np.int8),
        table[:, 2].astype(np.int8),
        categories=CHOSEN,
        options=(ACTION_1, ACTION_2),
        sample=Sample.of(len(table), scenarios=table[:, 0]),
        rng=np.random.default_rng(SEED),
        resamples=RESAMPLES,
    )
    return {guidance: consistency}


def _evidence(
    tables: Tables, judge: Judge, dimension: str
) -> QuerySet[Verdict, tuple[int, dict[str, list[dict[str, str]]]]]:
    rows = Verdict.objects.filter(judge=judge, dimension=dimension, scenario__items__campaign=tables.campaign)
    return rows.order_by("pk").values_list("scenario", "evidence")


def relatives(judge: Judge, campaign: Campaign) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Targets of the study that are the judge's own LLM, and those of one family with it, as far as names tell."""
    if judge.endpoint is None:
        return (), ()
    own, kin = judge.endpoint.llm, family_of(judge.endpoint.llm)
    targets = Target.objects.filter(runs__study=campaign.study_id, endpoint__isnull=False).distinct()
    known = sorted(targets.values_list("label", "endpoint__llm"))
    return (
        tuple(label for label, llm in known if llm == own),
        tuple(label for label, llm in known if llm != own and kin and family_of(llm) == kin),
    )


def family_of(llm: str) -> str:
    """The word that the name of an LLM begins with, such as "claude" or "gpt"; an address before it is left away."""
    match = re.match(r"[a-z]+", llm.rpartition("/")[2].lower())
    return match.group() if match else ""
