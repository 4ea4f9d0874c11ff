"""A judge against itself: what it said of its anchors when it was asked again, as figures beside those of its passport.

Fresh answers on a frozen list of anchors tell whether a judge says the same twice, whether the places of the actions move it, and
whether it says today what it said on an earlier day. None of them decides anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np
from django.contrib.auth.models import User
from django.db.models import Count, Exists, OuterRef

from annotation.agreement.tables import ALL, Subject, together
from annotation.consensus.labels import OUTCOMES, served
from annotation.kinds import KINDS
from annotation.models import Campaign
from conflictscope.errors import Conflict
from conflictscope.jobs.budgets import NO_BUDGET, Budget
from conflictscope.jobs.models import Job
from conflictscope.scenarios.filtering.dimensions import ACTION_1, ACTION_2, NO, YES
from conflictscope.scenarios.models import Judge, Verdict
from conflictscope.scenarios.option_orders import OptionOrder
from conflictscope.stats.agreement import judge_agreement
from conflictscope.stats.clusters import Sample
from conflictscope.stats.consistency import (
    Drift,
    PositionConsistency,
    SelfConsistency,
    drift,
    position_consistency,
    self_consistency,
)
from conflictscope.stats.labels import MISSING, Codes
from conflictscope.stats.types import Estimate
from evaluation.models import CHOICE_OF_ACTION, Anchor, Judgement, Occasion, Reading
from evaluation.readings import job as reading

SEED = 15
RESAMPLES = 500
NO_PLACE = "pass and fail stand at no place that could be followed"
ACTION_OF_CHOICE = {str(choice): action for action, choice in CHOICE_OF_ACTION.items()}


@dataclass(frozen=True)
class Itself:
    """A judge against itself on one subject. None: it was not asked that way.

    Attributes: anchors: how many were asked about. steady: over samples. position: over both orders of the actions.
        moved: later against earlier. since, until: the days that are compared; since is None where it is held against the
        verdicts or judgements that stand.
    """

    anchors: int
    steady: SelfConsistency | None
    position: PositionConsistency | None
    moved: Drift | None
    since: datetime | None
    until: datetime


@dataclass(frozen=True)
class _Asked:
    """What a judge said on an occasion: by subject a code for each anchor and sample, and for the actions turned."""

    samples: dict[str, Codes]
    turned: dict[str, Codes]
    usual_first: np.ndarray[tuple[int], np.dtype[np.bool_]]


def occasions_of(campaign: Campaign, judge: Judge) -> list[Occasion]:
    """The occasions on which the judge was asked again about what the campaign asks about, the newest first."""
    answered = Exists(Reading.objects.filter(occasion=OuterRef("pk")))
    return list(
        Occasion.objects.filter(answered, judge=judge, dataset=campaign.dataset_id, about=_about(campaign)).order_by(
            "-pk"
        )
    )


def stamp_of_readings(campaign: Campaign, judge: Judge) -> tuple[tuple[int, int], ...]:
    """What figures of a judge against itself hang on."""
    occasions = Occasion.objects.filter(judge=judge, dataset=campaign.dataset_id, about=_about(campaign))
    return tuple(occasions.annotate(said=Count("readings")).order_by("-pk").values_list("pk", "said")[:2])


def ask_again(
    campaign: Campaign,
    judge: Judge,
    *,
    size: int = reading.USUAL_SIZE,
    samples: int = reading.USUAL_SAMPLES,
    started_by: User | None = None,
    budget: Budget = NO_BUDGET,
) -> Job:
    """Ask the judge afresh about anchors among the campaign's items; those of an earlier occasion are kept.

    Raises:
        Conflict: people are asked alone in the campaign. As `evaluation.readings.job.start`.
    """
    if not KINDS[campaign.kind].judged:
        raise Conflict("Preferences are held against no judge: there is nobody to ask again.")
    responses = KINDS[campaign.kind].of_responses
    items = served(campaign).order_by().values_list("response" if responses else "scenario", flat=True)
    return reading.start(
        judge,
        campaign.dataset,
        among=list(items),
        responses=responses,
        size=size,
        samples=samples,
        started_by=started_by,
        budget=budget,
    )


def itself(campaign: Campaign, judge: Judge, subjects: Sequence[Subject]) -> dict[str, Itself]:
    """The judge against itself, subject by subject; empty where it was never asked again. Places on a scale are left out."""
    occasions = occasions_of(campaign, judge)
    if not occasions:
        return {}
    return _Comparison(campaign, judge, subjects, occasions).figures()


class _Comparison:
    def __init__(
        self, campaign: Campaign, judge: Judge, subjects: Sequence[Subject], occasions: Sequence[Occasion]
    ) -> None:
        self.campaign, self.judge = campaign, judge
        self.subjects = [subject for subject in subjects if not subject.weights]
        self.newest, self.before = occasions[0], occasions[1] if len(occasions) > 1 else None
        self.responses = self.newest.about == Occasion.About.RESPONSES
        self.anchors = reading.anchors_of(judge, self.newest.dataset, responses=self.responses)
        self.row_of = {anchor.pk: row for row, anchor in enumerate(self.anchors)}

    def figures(self) -> dict[str, Itself]:
        now = self._asked(self.newest)
        earlier = self._first_samples(self.before) if self.before is not None else self._standing()
        found = {}
        for subject in self.subjects:
            key, codes = subject.key, now.samples[subject.key]
            enough = codes.shape[1] > 1
            options = {"categories": subject.categories, "sample": self.sample, "resamples": RESAMPLES}
            rng = np.random.default_rng(SEED)
            found[key] = Itself(
                anchors=len(self.anchors),
                steady=self_consistency(codes, rng=rng, **options) if enough else None,  # type: ignore[arg-type]
                position=self._position(subject, codes[:, 0], now),
                moved=drift(earlier[key], codes[:, 0], rng=rng, **options)  # type: ignore[arg-type]
                if (earlier[key] != MISSING).any()
                else None,
                since=self.before.started_at if self.before is not None else None,
                until=self.newest.started_at,
            )
        return found

    @cached_property
    def sample(self) -> Sample:
        scenarios = dict(Anchor.objects.filter(pk__in=self.row_of).values_list("pk", "response__scenario"))
        of_anchor = [anchor.scenario_id or scenarios[anchor.pk] for anchor in self.anchors]
        return Sample.of(len(of_anchor), scenarios=of_anchor)

    def _position(self, subject: Subject, usual: Codes, now: _Asked) -> PositionConsistency | None:
        turned = now.turned[subject.key]
        if not (turned != MISSING).any():
            return None
        rng = np.random.default_rng(SEED)
        if {ACTION_1, ACTION_2} <= set(subject.categories):
            return position_consistency(
                np.where(now.usual_first, usual, turned).astype(np.int8),
                np.where(now.usual_first, turned, usual).astype(np.int8),
                categories=subject.categories,
                options=(ACTION_1, ACTION_2),
                sample=self.sample,
                rng=rng,
                resamples=RESAMPLES,
            )
        agreement = judge_agreement(
            usual, turned, categories=subject.categories, sample=self.sample, rng=rng, resamples=RESAMPLES
        )
        return PositionConsistency(agreement, Estimate.undefined(NO_PLACE))

    def _asked(self, occasion: Occasion) -> _Asked:
        shape = (len(self.anchors), occasion.samples)
        samples = {key: np.full(shape, MISSING, dtype=np.int8) for key in self._keys}
        turned = {key: np.full(shape[0], MISSING, dtype=np.int8) for key in self._keys}
        usual_first = np.ones(shape[0], dtype=bool)
        rows = (
            Reading.objects.filter(occasion=occasion)
            .order_by()
            .values_list("anchor", "turned", "sample", "order", "dimension", "outcome", "resolved")
        )
        for anchor, is_turned, number, order, dimension, outcome, resolved in rows.iterator(chunk_size=2_000):
            row = self.row_of[anchor]
            if self.responses and order:
                usual_first[row] = (order == OptionOrder.ACTION_1_FIRST) != is_turned
            for key, code in self._codes(dimension, outcome, resolved).items():
                if is_turned:
                    turned[key][row] = code
                else:
                    samples[key][row, number] = code
        if not self.responses:
            dimensions = [key for key in self._keys if key != ALL]
            samples[ALL] = together([samples[key].reshape(-1) for key in dimensions]).reshape(shape)
        return _Asked(samples, turned, usual_first)

    def _first_samples(self, occasion: Occasion) -> dict[str, Codes]:
        return {key: codes[:, 0] for key, codes in self._asked(occasion).samples.items()}

    def _standing(self) -> dict[str, Codes]:
        """What the judge's verdicts or judgements say of the anchors."""
        codes = {key: np.full(len(self.anchors), MISSING, dtype=np.int8) for key in self._keys}
        if self.responses:
            of_response = {anchor.response_id: row for row, anchor in enumerate(self.anchors)}
            said = Judgement.objects.filter(judge=self.judge, response__in=of_response).values_list(
                "response", "choice", "resolved"
            )
            for response, choice, resolved in said:
                for key, code in self._codes("", choice, resolved).items():
                    codes[key][of_response[response]] = code
            return codes
        of_scenario = {anchor.scenario_id: row for row, anchor in enumerate(self.anchors)}
        verdicts = Verdict.objects.filter(judge=self.judge, scenario__in=of_scenario)
        for scenario, dimension, outcome in verdicts.values_list("scenario", "dimension", "outcome"):
            for key, code in self._codes(dimension, outcome, None).items():
                codes[key][of_scenario[scenario]] = code
        codes[ALL] = together([codes[key] for key in self._keys if key != ALL])
        return codes

    @cached_property
    def _keys(self) -> list[str]:
        return [subject.key for subject in self.subjects]

    @cached_property
    def _code_of(self) -> Mapping[str, Mapping[str, int]]:
        return {
            subject.key: {answer: code for code, answer in enumerate(subject.categories)} for subject in self.subjects
        }

    def _codes(self, dimension: str, outcome: str, resolved: bool | None) -> dict[str, int]:
        """By subject the code of what one reading, verdict or judgement says; nothing where it could not be read."""
        if dimension:
            known = outcome in OUTCOMES and dimension in self._code_of
            return {dimension: self._code_of[dimension][outcome]} if known else {}
        said = {"action_taken": ACTION_OF_CHOICE.get(outcome, outcome)}
        if resolved is not None:
            said["resolved"] = YES if resolved else NO
        return {key: self._code_of[key][answer] for key, answer in said.items() if answer in self._code_of[key]}


def _about(campaign: Campaign) -> Occasion.About:
    return Occasion.About.RESPONSES if KINDS[campaign.kind].of_responses else Occasion.About.SCENARIOS
