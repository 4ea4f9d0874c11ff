"""Each trial to its scenario, with its choice turned to the dataset's own order of actions, and to its run."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.utils.text import slugify

from conflictscope.scenarios.importing.records import BadRow, RowProblem
from conflictscope.scenarios.importing.values import ValueNames
from conflictscope.scenarios.models import Dataset, Judge
from conflictscope.scenarios.option_orders import OptionOrder
from evaluation.importing.records import ImportedTrial
from evaluation.models import Judgement, Run, Target

if TYPE_CHECKING:
    from django.contrib.auth.models import User

Choice = Judgement.Choice
REMEMBERED = 5_000  # bad rows; all are counted
_TURNED = {"first": Choice.VALUE_2, "second": Choice.VALUE_1}
_STRAIGHT = {"first": Choice.VALUE_1, "second": Choice.VALUE_2}
RunName = tuple[str, str, str, str]  # mode, target and user simulator as the file calls them, and the judge as we do
_ENDS = 8  # 1 and 7, 2 and 6, ... of a scale seen from its other end


@dataclass(slots=True)
class EvaluationReport:
    """
    Attributes:
        read: rows gone through. added, known: what became of the good ones. bad: rows left out, the first of them in `bad_rows`.
        runs: the runs they belong to. choices: of the good rows, by target and by what was chosen, in the dataset's order of values.
    """

    read: int = 0
    added: int = 0
    known: int = 0
    bad: int = 0
    bad_rows: list[BadRow] = field(default_factory=list)
    runs: dict[int, Run] = field(default_factory=dict)
    choices: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    refused: Counter[str] = field(default_factory=Counter)
    format: str = ""

    def remember_bad(self, row: BadRow) -> None:
        self.bad += 1
        if len(self.bad_rows) < REMEMBERED:
            self.bad_rows.append(row)

    def sentences(self) -> list[str]:
        sentences = [f"{self.added} responses added, {self.known} were there already and are the same."]
        for target, counts in sorted(self.choices.items()):
            parts = ", ".join(f"{number} {choice.replace('_', ' ')}" for choice, number in sorted(counts.items()))
            refused = f"; {self.refused[target]} refused" if self.refused[target] else ""
            sentences.append(f"{target}: {sum(counts.values())} trials ({parts}{refused}).")
        if self.bad:
            sentences.append(f"{self.bad} of {self.read} rows were left out.")
        return sentences


@dataclass(frozen=True, slots=True)
class Placed:
    """A trial in the dataset's own terms. `choice` is None where the target failed to answer."""

    trial: ImportedTrial
    scenario: int
    order: str
    choice: str | None
    strength: int | None
    rating_1: int | None
    rating_2: int | None
    turned: bool  # whether the file has the two values the other way round


@dataclass(frozen=True, slots=True)
class _Known:
    """What is needed of a scenario to place a trial."""

    pk: int
    value_1: int | None
    value_2: int | None


class Scenarios:
    """The scenarios of a dataset by their ids, and its values by the names that files give them."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        rows = dataset.scenarios.values_list("uid", "pk", "value_1_id", "value_2_id")
        self._known = {
            uid: _Known(pk, value_1, value_2) for uid, pk, value_1, value_2 in rows.iterator(chunk_size=5000)
        }
        version = dataset.value_set_version
        self._names = ValueNames(version) if version else None
        self._actions: dict[int, tuple[str, str]] = {}

    def place(self, trial: ImportedTrial) -> Placed:
        """
        Raises:
            RowProblem: no such scenario, or other values or actions than its own.
        """
        known = self._known.get(trial.scenario)
        if known is None:
            raise RowProblem(
                "scenario",
                f"{trial.scenario[:60]!r} is no scenario of dataset {self._dataset.slug}; import its scenarios first.",
            )
        turned = by_values = self._turned(trial, known)
        order = "" if trial.options is None else OptionOrder.ACTION_1_FIRST
        if trial.options is not None and self._options_turned(trial, known.pk):
            turned, order = True, OptionOrder.ACTION_2_FIRST
        choice = (_TURNED if turned else _STRAIGHT).get(trial.choice, trial.choice)
        ratings = (trial.rating_2, trial.rating_1) if turned else (trial.rating_1, trial.rating_2)
        strength = _ENDS - trial.strength if turned and trial.strength is not None else trial.strength
        chosen = None if choice == "failed" else choice
        return Placed(trial, known.pk, order, chosen, strength, ratings[0], ratings[1], by_values)

    def _turned(self, trial: ImportedTrial, known: _Known) -> bool:
        """Whether the file has the scenario's two values the other way round."""
        if not (trial.value_1 and trial.value_2) or self._names is None:
            return False
        pair = self._names.pair_named(trial.value_1, trial.value_2, column="value1")
        if (pair.first.pk, pair.second.pk) != (known.value_1, known.value_2):
            raise RowProblem("value1", f"scenario {trial.scenario} is about two other values in {self._dataset.slug}.")
        return pair.turned

    def _options_turned(self, trial: ImportedTrial, pk: int) -> bool:
        if not self._actions:
            rows = self._dataset.scenarios.values_list("pk", "action_1", "action_2")
            self._actions = {scenario: (_plain(first), _plain(second)) for scenario, first, second in rows.iterator()}
        shown = tuple(_plain(option) for option in trial.options or ())
        first, second = self._actions[pk]
        if shown not in ((first, second), (second, first)):
            raise RowProblem("choices", f"the options are not the two actions of scenario {trial.scenario}.")
        return shown == (second, first) and first != second


class Runs:
    """The imported runs of a dataset as trials name them: found, and made once something is to be written."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._runs: dict[RunName, Run | None] = {}

    @staticmethod
    def name(trial: ImportedTrial) -> RunName:
        judge = _judge_name(trial.judge or "judge") if trial.talks else ""
        return trial.mode, trial.target[:80], trial.user[:100], judge

    def found(self, name: RunName) -> Run | None:
        """None: there is no such run yet."""
        if name not in self._runs:
            mode, target, user, judge = name
            runs = Run.objects.filter(dataset=self._dataset, mode=mode, imported=True, imported_user=user)
            self._runs[name] = runs.filter(
                target__label=_label(target), target__endpoint=None, judge__name=judge or None
            ).first()
        return self._runs[name]

    def made(self, name: RunName, *, created_by: User | None) -> Run:
        """The run, begun if there is none."""
        run = self.found(name)
        if run is None:
            mode, target, user, judge = name
            run, _ = Run.objects.get_or_create(
                dataset=self._dataset,
                mode=mode,
                target=Target.objects.get_or_create(label=_label(target), defaults={"endpoint": None})[0],
                judge=Judge.objects.get_or_create(name=judge, defaults={"endpoint": None})[0] if judge else None,
                imported=True,
                imported_user=user,
                defaults={"study": self._dataset.study, "scope": Run.Scope.ALL, "created_by": created_by},
            )
            self._runs[name] = run
        return run


def _label(name: str) -> str:
    """Of an imported target of that name. One of ours that is called so answers for itself: then the label says which this is."""
    ours = Target.objects.filter(label=name, endpoint__isnull=False).exists()
    return f"{name} (imported)" if ours else name


def _judge_name(name: str) -> str:
    return f"{slugify(name)[:40] or 'judge'}-imported"


def _plain(text: str) -> str:
    return " ".join(text.split())
