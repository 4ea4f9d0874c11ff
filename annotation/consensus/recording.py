"""What is written down when people agree: a verdict on a scenario, a judgement of a response, a community's order of values.

Rooms below read these tables and never look up here. Each keeps who decided (the campaign's slug, as a panel's name) and how
its item came to be asked about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import transaction

from annotation.consensus.labels import Cell, Labels, answers_of, words
from annotation.kinds import KINDS, answer_label
from annotation.models import Campaign, Decision, Item, Participant
from annotation.questions import ACTION_STRENGTH, ACTION_TAKEN, PREFERRED_ACTION, RESOLVED
from conflictscope.errors import InvalidInput
from conflictscope.scenarios.filtering.dimensions import YES, outcome_of, questions_of
from conflictscope.scenarios.filtering.verdicts import PanelSays, write_human_verdicts
from conflictscope.scenarios.models import Dimension, Scenario, Verdict
from conflictscope.stats.bradley_terry import fit_ranking
from conflictscope.stats.labels import MISSING
from conflictscope.stats.rankings import RankingResult
from conflictscope.stats.tallies import Tallies, tally_trials
from conflictscope.values.models import TargetRanking, TargetRankingPosition
from evaluation.models import CHOICE_OF_ACTION, Judgement, Steering

SEED = 0
RESAMPLES = 2000

# Of each item the answer to each question that stands, and its decisions by question.
Answers = Sequence[Mapping[str, Cell]]
Standing = Mapping[int, Mapping[str, Decision]]


@dataclass(frozen=True, slots=True)
class Written:
    """What was written about some items: how much of it stands, how much of that passes, and how much is new, changed or gone."""

    written: int = 0
    passed: int = 0
    changed: int = 0

    def __add__(self, other: Written) -> Written:
        return Written(self.written + other.written, self.passed + other.passed, self.changed + other.changed)


@dataclass
class Recorder:
    """Writes what the answers to items come to; this one nothing at all.

    `labels`: of the items that are written about.
    """

    campaign: Campaign
    labels: Labels

    def write(self, answers: Answers, standing: Standing) -> Written:
        """Bring what is written about all items in line with the answers that people agree on, and tell the decisions in memory
        what they wrote. Runs inside a transaction."""
        return Written(
            written=sum(any(answer is not None for answer in item_answers.values()) for item_answers in answers)
        )

    def finish(self, minimum: int) -> tuple[TargetRanking | None, int]:
        """What all items of the campaign together come to, and whether that changed anything. `labels`: of all of them."""
        return None, 0

    def people(self, row: int) -> list[Participant]:
        answered = np.any([table[row] != MISSING for table in self.labels.codes.values()], axis=0)
        return [self.labels.annotators[column] for column in np.flatnonzero(answered)]


class VerdictRecorder(Recorder):
    """A human verdict for each dimension, which overrides the judge's on that scenario."""

    def write(self, answers: Answers, standing: Standing) -> Written:
        panel_outcomes = [
            PanelSays(
                item.scenario_id,
                str(dimension),
                self._outcome(dimension, answers[row]),
                self._evidence(row, dimension, people),
            )
            for row, item in enumerate(self.labels.items)
            for people in (self.people(row),)
            for dimension in self.labels.dimensions
        ]
        verdicts, changed = write_human_verdicts(self.campaign.dataset, panel_outcomes, panel=self.campaign.slug)
        for item in self.labels.items:
            for dimension in self.labels.dimensions:
                verdict = verdicts.get((item.scenario_id, str(dimension)))
                for question in questions_of(dimension):
                    if (decision := standing[item.pk].get(question.key)) is not None:
                        decision.verdict = verdict
        passed = sum(verdict.outcome == Verdict.Outcome.PASS for verdict in verdicts.values())
        return Written(len(verdicts), passed, changed)

    def _outcome(self, dimension: Dimension, answers: Mapping[str, Cell]) -> Cell:
        asked = questions_of(dimension)
        known = {each.key: answer for each in asked if (answer := answers.get(each.key)) is not None}
        return str(outcome_of(dimension, known)) if len(known) == len(asked) else None

    def _evidence(self, row: int, dimension: Dimension, people: Sequence[Participant]) -> dict[str, Any]:
        """What a verdict keeps beside its outcome: the votes behind it, and how its item came to be asked about."""
        return {
            "campaign": self.campaign.slug,
            "votes": {question.key: self.labels.votes(row, question.key) for question in questions_of(dimension)},
            "people": len(people),
            "simulated": any(annotator.simulated for annotator in people),
            "inclusion_probability": self.labels.items[row].inclusion_probability,
        }


class JudgementRecorder(Recorder):
    """A human judgement of each response. Where one response is shown it comes before the judge's; an estimate uses one or the other."""

    def write(self, answers: Answers, standing: Standing) -> Written:
        mine = Judgement.objects.filter(source=Judgement.Source.HUMAN, panel=self.campaign.slug)
        there = {
            each.response_id: each for each in mine.filter(response__in=[i.response_id for i in self.labels.items])
        }
        new: list[Judgement] = []
        gone: list[int] = []
        withdrawn = 0
        for row, item in enumerate(self.labels.items):
            if item.response_id is None:
                raise InvalidInput(f"Item {item.pk} is no response, so there is nothing to judge.")
            fields = self._said(row, answers[row], standing[item.pk])
            judgement = there.get(item.response_id)
            if judgement is not None and (
                fields is None or any(getattr(judgement, name) != value for name, value in fields.items())
            ):
                gone.append(there.pop(item.response_id).pk)
                withdrawn += fields is None
                judgement = None
            if judgement is None and fields is not None:
                # Written anew, not over: a ranking that was fitted before tells by the time that it is out of date.
                judgement = Judgement(
                    response_id=item.response_id, source=Judgement.Source.HUMAN, panel=self.campaign.slug, **fields
                )
                there[item.response_id] = judgement
                new.append(judgement)
        mine.filter(pk__in=gone).delete()
        Judgement.objects.bulk_create(new, batch_size=1_000)
        for item in self.labels.items:
            for decision in standing[item.pk].values():
                decision.judgement = there.get(item.response_id or 0)
        return Written(written=len(there), changed=len(new) + withdrawn)

    def _said(self, row: int, answers: Mapping[str, Cell], standing: Mapping[str, Decision]) -> dict[str, Any] | None:
        """The columns of the judgement; None where people came to no answer."""
        taken = answers.get(ACTION_TAKEN.key)
        if taken is None:
            return None
        strength, resolved = answers.get(ACTION_STRENGTH.key), answers.get(RESOLVED.key)
        return {
            "choice": CHOICE_OF_ACTION.get(taken, taken),
            "strength": None if strength is None else int(strength),
            "resolved": None if resolved is None else resolved == YES,
            "reason": self._reason(row, standing),
            "inclusion_probability": self.labels.items[row].inclusion_probability,
            "dev": self.labels.items[row].part == Item.Part.DEV,
            "of_selection": bool(self.campaign.sampling_plan.get("among")),
        }

    def _reason(self, row: int, standing: Mapping[str, Decision]) -> str:
        """The votes, and an adjudicator's reason where there is one."""
        votes = self.labels.votes(row, ACTION_TAKEN.key)
        parts = [f"{count} × {answer_label(ACTION_TAKEN.key, answer)}" for answer, count in votes.items()]
        reason = ", ".join(parts)
        decision = standing.get(ACTION_TAKEN.key)
        if decision is not None and decision.method == Decision.Method.ADJUDICATED:
            reason = f"Adjudicated: {decision.reason} ({reason})" if reason else f"Adjudicated: {decision.reason}"
        return reason


class RankingRecorder(Recorder):
    """The community's order of values, fitted to every single answer of items that enough people labelled."""

    def finish(self, minimum: int) -> tuple[TargetRanking | None, int]:
        result = community_ranking(self.campaign, self.labels, minimum=minimum)
        ranks = {
            value: round(rank.value) for value, rank in zip(result.values, result.ranks, strict=True) if rank.value
        }
        if len(ranks) < len(result.values):
            return self.campaign.target_ranking, 0
        return self._write(ranks)

    def _write(self, ranks: Mapping[str, int]) -> tuple[TargetRanking, int]:
        version = self.campaign.dataset.value_set_version
        if version is None:
            raise InvalidInput(f"{self.campaign.dataset.name} has no values to put in order.")
        standing = self.campaign.target_ranking
        if standing is not None and dict(standing.positions.values_list("value__key", "rank")) == ranks:
            return standing, 0
        with transaction.atomic():
            if standing is None or Steering.objects.filter(target_ranking=standing).exists():
                # What a steering prompt carries does not change under it.
                standing = TargetRanking.objects.create(
                    version=version,
                    study=self.campaign.study,
                    name=self._free_name(),
                    origin=TargetRanking.Origin.COMMUNITY,
                )
                Campaign.objects.filter(pk=self.campaign.pk).update(target_ranking=standing)
                self.campaign.target_ranking = standing
            standing.positions.all().delete()
            TargetRankingPosition.objects.bulk_create(
                TargetRankingPosition(ranking=standing, value=value, rank=ranks[value.key])
                for value in version.values.all()
            )
        return standing, 1

    def _free_name(self) -> str:
        """The campaign's name, with a number where the study has an order of that name already."""
        standing = TargetRanking.objects.of_study(self.campaign.study)
        version = self.campaign.dataset.value_set_version
        taken = set(standing.filter(version=version).values_list("name", flat=True))
        names = [self.campaign.name, *(f"{self.campaign.name[:190]} ({number})" for number in range(2, len(taken) + 3))]
        return next(name for name in names if name not in taken)


def recorder_of(campaign: Campaign, labels: Labels) -> Recorder:
    recorder: Recorder = KINDS[campaign.kind].recorder_class(campaign, labels)
    return recorder


def community_ranking(
    campaign: Campaign, labels: Labels, *, minimum: int = 1, resamples: int = RESAMPLES
) -> RankingResult:
    """Bradley-Terry over the values from what people say should be done; both and neither count for no side.

    Every answer is a trial of its scenario, so that scenarios count alike and disagreement is kept. Where no finite maximum
    likelihood fit exists the penalised one is given, which says so by its method. Scenarios drawn with unequal chances are
    not weighted: within a pair the plans for preferences draw all alike.
    """
    tallies = community_tallies(campaign, labels, minimum=minimum)
    result = fit_ranking(tallies, rng=np.random.default_rng(SEED), resamples=resamples)
    if result.reason and result.counts.decided_trials:
        result = fit_ranking(tallies, rng=np.random.default_rng(SEED), method="penalised", resamples=resamples)
    return result


def community_tallies(campaign: Campaign, labels: Labels, *, minimum: int = 1) -> Tallies:
    """What people say should be done, by the uid of the scenario: of each as many trials as there are answers."""
    version = campaign.dataset.value_set_version
    keys = [value.key for value in version.values.all()] if version else []
    pairs = {
        pk: (first, second)
        for pk, first, second in Scenario.objects.filter(items__campaign=campaign).values_list(
            "pk", "value_1__key", "value_2__key"
        )
    }
    offered = answers_of(PREFERRED_ACTION.key)
    trials: list[tuple[str, str, str, str]] = []
    for row, item in enumerate(labels.items):
        choices = [cell for cell in words(labels.codes[PREFERRED_ACTION.key][row], offered) if cell is not None]
        if len(choices) >= minimum:
            first, second = pairs[item.scenario_id]
            trials += [(item.uid, first, second, CHOICE_OF_ACTION.get(answer, answer)) for answer in choices]
    columns = [list(column) for column in zip(*trials, strict=True)] if trials else [[], [], [], []]
    return tally_trials(*columns, values=keys)
