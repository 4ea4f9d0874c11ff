"""What is written down when people agree: a verdict on a scenario, a judgement of a response, a community's order of values.

Rooms below read these tables and never look up here. Each keeps who decided (the campaign's slug, as a panel's name) and how
its item came to be asked about.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from django.db import transaction

from annotation.consensus.labels import Cell, Labels
from annotation.kinds import KINDS, answer_label
from annotation.models import Campaign, Decision
from annotation.questions import ACTION_STRENGTH, ACTION_TAKEN, PREFERRED_ACTION, RESOLVED
from conflictscope.errors import InvalidInput
from conflictscope.scenarios.filtering.dimensions import YES, outcome_of, questions_of
from conflictscope.scenarios.filtering.verdicts import resettle, write_human_verdict
from conflictscope.scenarios.models import Dimension, Scenario, Verdict
from conflictscope.stats.bradley_terry import fit_ranking, tally_trials
from conflictscope.stats.rankings import RankingResult
from conflictscope.values.models import TargetRanking, TargetRankingPosition
from evaluation.models import CHOICE_OF_ACTION, Judgement, Steering

SEED = 0
RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Written:
    written: int = 0
    passed: int = 0
    changed: int = 0


@dataclass
class Recorder:
    """Writes what the answers to one item after the other come to; this one nothing at all."""

    campaign: Campaign
    labels: Labels

    def write(self, row: int, answers: Mapping[str, Cell], standing: Mapping[str, Decision]) -> Written:
        """Bring what is written about the item in line with the answers that people agree on."""
        return Written(written=any(answer is not None for answer in answers.values()))

    def finish(self, minimum: int) -> tuple[TargetRanking | None, int]:
        """What all items together come to, and whether that changed anything."""
        return None, 0

    def votes(self, row: int, question: str) -> dict[str, int]:
        given = self.labels.answers[question][row]
        return dict(sorted(Counter(cell for cell in given if cell is not None).items()))

    def people(self, row: int) -> list[Any]:
        return [
            annotator
            for column, annotator in enumerate(self.labels.annotators)
            if any(table[row][column] is not None for table in self.labels.answers.values())
        ]


@dataclass
class VerdictRecorder(Recorder):
    """A human verdict for each dimension, which overrides the judge's on that scenario."""

    @cached_property
    def scenarios(self) -> dict[int, Scenario]:
        return Scenario.objects.select_related("dataset").in_bulk([item.scenario_id for item in self.labels.items])

    def write(self, row: int, answers: Mapping[str, Cell], standing: Mapping[str, Decision]) -> Written:
        written = passed = changed = 0
        scenario = self.scenarios[self.labels.items[row].scenario_id]
        for dimension in self.labels.dimensions:
            outcome, new = self._write(row, scenario, dimension, answers, standing)
            written += outcome is not None
            passed += outcome == Verdict.Outcome.PASS
            changed += new
        return Written(written, passed, changed)

    def _write(
        self,
        row: int,
        scenario: Scenario,
        dimension: Dimension,
        answers: Mapping[str, Cell],
        standing: Mapping[str, Decision],
    ) -> tuple[Cell, bool]:
        """The outcome that now stands for the dimension, and whether writing it down changed anything."""
        panel = self.campaign.slug
        known = {
            question.key: answer
            for question in questions_of(dimension)
            if (answer := answers.get(question.key)) is not None
        }
        if len(known) < len(questions_of(dimension)):
            gone = Verdict.objects.filter(scenario=scenario, dimension=dimension, panel=panel)
            withdrawn = bool(gone.delete()[0])
            if withdrawn:
                resettle(scenario)
            return None, withdrawn
        outcome = str(outcome_of(dimension, known))
        behind = [standing[key] for key in known if key in standing]
        said = self._evidence(row, dimension)
        verdict = next((decision.verdict for decision in behind if decision.verdict is not None), None)
        changed = verdict is None or verdict.outcome != outcome or verdict.evidence != said
        if changed:
            verdict = write_human_verdict(scenario, dimension, outcome, panel=panel, evidence=said)
        Decision.objects.filter(pk__in=[decision.pk for decision in behind]).exclude(verdict=verdict).update(
            verdict=verdict
        )
        return outcome, changed

    def _evidence(self, row: int, dimension: Dimension) -> dict[str, Any]:
        """What a verdict keeps beside its outcome: the votes behind it, and how its item came to be asked about."""
        people = self.people(row)
        return {
            "campaign": self.campaign.slug,
            "votes": {question.key: self.votes(row, question.key) for question in questions_of(dimension)},
            "people": len(people),
            "simulated": any(annotator.simulated for annotator in people),
            "inclusion_probability": self.labels.items[row].inclusion_probability,
        }


class JudgementRecorder(Recorder):
    """A human judgement of each response. Where one response is shown it comes before the judge's; an estimate uses one or the other."""

    def write(self, row: int, answers: Mapping[str, Cell], standing: Mapping[str, Decision]) -> Written:
        item = self.labels.items[row]
        if item.response_id is None:
            raise InvalidInput(f"Item {item.pk} is no response, so there is nothing to judge.")
        mine = Judgement.objects.filter(
            response=item.response_id, source=Judgement.Source.HUMAN, panel=self.campaign.slug
        )
        taken = answers.get(ACTION_TAKEN.key)
        if taken is None:
            return Written(changed=int(bool(mine.delete()[0])))
        strength, resolved = answers.get(ACTION_STRENGTH.key), answers.get(RESOLVED.key)
        said = {
            "choice": CHOICE_OF_ACTION.get(taken, taken),
            "strength": None if strength is None else int(strength),
            "resolved": None if resolved is None else resolved == YES,
            "reason": self._reason(row, standing),
            "inclusion_probability": item.inclusion_probability,
        }
        judgement = mine.first()
        changed = judgement is None or any(getattr(judgement, name) != value for name, value in said.items())
        if changed:
            # Written anew, not over: a ranking that was fitted before tells by the time that it is out of date.
            mine.delete()
            judgement = Judgement.objects.create(
                response_id=item.response_id, source=Judgement.Source.HUMAN, panel=self.campaign.slug, **said
            )
        Decision.objects.filter(item=item.pk).exclude(judgement=judgement).update(judgement=judgement)
        return Written(written=1, changed=int(changed))

    def _reason(self, row: int, standing: Mapping[str, Decision]) -> str:
        """The votes, and an adjudicator's reason where there is one."""
        votes = self.votes(row, ACTION_TAKEN.key)
        parts = [f"{count} × {answer_label(ACTION_TAKEN.key, answer)}" for answer, count in votes.items()]
        said = ", ".join(parts)
        decision = standing.get(ACTION_TAKEN.key)
        if decision is not None and decision.method == Decision.Method.ADJUDICATED:
            said = f"Adjudicated: {decision.reason} ({said})" if said else f"Adjudicated: {decision.reason}"
        return said


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
    version = campaign.dataset.value_set_version
    keys = [value.key for value in version.values.all()] if version else []
    pairs = {
        pk: (one, two)
        for pk, one, two in Scenario.objects.filter(items__campaign=campaign).values_list(
            "pk", "value_1__key", "value_2__key"
        )
    }
    trials: list[tuple[int, str, str, str]] = []
    for row, item in enumerate(labels.items):
        given = [cell for cell in labels.answers[PREFERRED_ACTION.key][row] if cell is not None]
        if len(given) >= minimum:
            one, two = pairs[item.scenario_id]
            trials += [(item.scenario_id, one, two, CHOICE_OF_ACTION.get(answer, answer)) for answer in given]
    columns = [list(column) for column in zip(*trials, strict=True)] if trials else [[], [], [], []]
    tallies = tally_trials(*columns, values=keys)
    result = fit_ranking(tallies, rng=np.random.default_rng(SEED), resamples=resamples)
    if result.reason and result.counts.decided_trials:
        result = fit_ranking(tallies, rng=np.random.default_rng(SEED), method="penalised", resamples=resamples)
    return result
