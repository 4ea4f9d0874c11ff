"""What a kind of campaign is: one object for each, in one registry. A further kind is a further object, and a guideline file.

An object says what is drawn from, what is asked, what an annotator is shown, and what people's answers come to. What lies in
rooms above this one is named by its dotted path, so that labelling, which reads this registry too, imports none of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.utils.module_loading import import_string

from annotation import questions
from annotation.models import Campaign, Item
from annotation.questions import Question
from conflictscope.errors import InvalidInput
from conflictscope.scenarios.filtering.dimensions import dimensions_of
from conflictscope.scenarios.models import Dataset, Dimension, Scenario


@dataclass(frozen=True)
class CampaignKind:
    """A kind of campaign.

    Attributes:
        about: what a researcher reads who has to choose; drawn: what a command says of the sample, with the plan's numbers.
        questions: what is asked of each item, in order. by_dimension: they settle dimensions of the filter, and those that a
            dataset does not have are not asked.
        of_responses: items are responses of runs, not scenarios. needs_values: a dataset without values cannot be asked about.
        kept_only: only what the filter kept is drawn, so that being served an item tells its outcome.
        by_outcome: a judge has said something of each item before people look, by which a sample can be stratified.
        orders_values: all answers together come to a community's order of values.
        shown: the texts of a scenario that its annotator reads; beside them stand both actions, and a conversation if it is one.
        nothing: why a dataset may have nothing to draw, with {dataset}.
        written: what stands once it is decided, with {written}, {passed} and {failed}; so_far: the same on the campaign's
            page, with the numbers of `monitoring.progress.WrittenDown`; becomes: what people's answers become.
        agreement: what is said above figures of agreement, if anything; people, footnote: how they are to be read.
        population: function of a dataset and runs that gives all candidates.
        recorder: class that writes down what people agree on. truth: what is true of a sheet, for simulated annotators.
    """

    key: str
    about: str
    questions: tuple[Question, ...]
    shown: tuple[str, ...]
    population: str
    recorder: str
    truth: str
    nothing: str
    drawn: str
    written: str
    so_far: str
    becomes: str
    people: str
    footnote: str
    agreement: str = ""
    by_dimension: bool = False
    of_responses: bool = False
    needs_values: bool = False
    kept_only: bool = False
    by_outcome: bool = True
    orders_values: bool = False

    @property
    def judged(self) -> bool:
        """Whether a judge has a word of its own on what people are asked."""
        return self.by_dimension or self.of_responses

    @property
    def label(self) -> str:
        return str(Campaign.Kind(self.key).label)

    @property
    def scenario_of(self) -> str:
        """The way from an item to its scenario, for queries."""
        return "response__scenario" if self.of_responses else "scenario"

    @property
    def told(self) -> dict[str, tuple[str, ...]]:
        """What of an item is read to show it: related rows with their columns. A scenario's vector is longer than its text."""
        columns = (*self.shown, "action_1", "action_2", "value_1")
        if self.of_responses:
            return {"response": ("transcript",), "response__scenario": columns}
        value = ("name", "definition")
        return {"scenario": (*columns, "value_2"), "scenario__value_1": value, "scenario__value_2": value}

    def questions_on(self, subject: Scenario | Dataset) -> tuple[Question, ...]:
        """What is asked of the scenario, or of all of the dataset."""
        if not self.by_dimension:
            return self.questions
        dimensions = dimensions_of(subject)
        return tuple(question for question in self.questions if Dimension(question.topic) in dimensions)

    @cached_property
    def draw_from(self) -> Callable[..., Any]:
        return import_string(self.population)  # type: ignore[no-any-return]

    @cached_property
    def recorder_class(self) -> Callable[..., Any]:
        return import_string(self.recorder)  # type: ignore[no-any-return]

    @cached_property
    def true_answers(self) -> Callable[..., Any]:
        return import_string(self.truth)  # type: ignore[no-any-return]


SCENARIO_FILTER = CampaignKind(
    key=Campaign.Kind.SCENARIO_FILTER,
    about="Scenario filter: are the scenarios good? People answer the judge's eight questions on each",
    questions=questions.FILTER,
    by_dimension=True,
    shown=("description", "persona", "background", "goal"),
    population="annotation.campaigns.populations.candidates",
    recorder="annotation.consensus.recording.VerdictRecorder",
    truth="annotation.simulated.answering.true_of_scenario",
    nothing="{dataset} has no scenario with two actions yet. Generate or import scenarios first.",
    drawn="; the judge's statuses among them: {outcomes}",
    written="{written} verdicts of people stand, {passed} passed and {failed} failed",
    so_far="{verdicts} verdicts on {scenarios} scenarios",
    becomes=", and each dimension a human verdict, which overrules the judge's on that scenario",
    people="; a dimension passes by the answers to its questions. Each is read alone, “All six” passes when all pass",
    footnote="Precision: of what the judge passes, the share that people pass. Recall: of what people pass, the share that "
    "the judge passes.",
)
ACTION_JUDGEMENT = CampaignKind(
    key=Campaign.Kind.ACTION_JUDGEMENT,
    about="Action judgement: which action did a target take? People read the conversation beside both",
    questions=(questions.ACTION_TAKEN, questions.ACTION_STRENGTH, questions.RESOLVED),
    of_responses=True,
    shown=(),
    population="annotation.campaigns.populations.judged_scenarios",
    recorder="annotation.consensus.recording.JudgementRecorder",
    truth="annotation.simulated.answering.true_of_conversation",
    nothing="These runs have no answer yet that could be judged. Wait for them, or choose others.",
    drawn=", with {drawn} responses; the judge's choices: {outcomes}",
    written="{written} judgements of people stand",
    so_far="{judgements} judgements",
    becomes=", a scale the median, and each response a human judgement, which is shown before the judge's and has a ranking "
    "of its own",
    people=", and the median on a scale",
    footnote="On a scale κ is weighted: an answer counts as wrong by the square of its distance. Judge and people saw the "
    "same: the conversation and both actions.",
)
PREFERENCE = CampaignKind(
    key=Campaign.Kind.PREFERENCE,
    about="Preference: what should an assistant do? A community's order of values grows from it",
    questions=(questions.PREFERRED_ACTION, questions.PREFERENCE_STRENGTH),
    shown=("description", "persona", "background", "goal"),
    needs_values=True,
    kept_only=True,
    by_outcome=False,
    orders_values=True,
    population="annotation.campaigns.populations.kept_scenarios",
    recorder="annotation.consensus.recording.RankingRecorder",
    truth="annotation.simulated.answering.preferred",
    nothing="{dataset} has no scenario yet that the filter kept. Filter it first.",
    drawn="",
    written="{written} scenarios have an answer that most people gave",
    so_far="the answer of most to {items} scenarios",
    becomes=", and all answers together the community's order of values",
    agreement="No judge is asked what should be done: people are compared with each other, and their order of values stands "
    "on the campaign's page.",
    people=", and the median on a scale",
    footnote="",
)

KINDS: dict[str, CampaignKind] = {kind.key: kind for kind in (SCENARIO_FILTER, ACTION_JUDGEMENT, PREFERENCE)}
QUESTION: dict[str, Question] = {question.key: question for kind in KINDS.values() for question in kind.questions}


def kind_named(key: str) -> CampaignKind:
    """
    Raises:
        InvalidInput: naming the kinds that there are.
    """
    if key not in KINDS:
        raise InvalidInput(f"There is no kind of campaign {key!r}. The kinds: {', '.join(KINDS)}.")
    return KINDS[key]


def questions_of(campaign: Campaign) -> tuple[Question, ...]:
    """What the campaign asks of each item; a baseline dataset without values has no value guidance to ask about."""
    return KINDS[campaign.kind].questions_on(campaign.dataset)


def questions_about(item: Item) -> tuple[Question, ...]:
    """What is asked of the item. Needs its campaign, and its scenario or response, selected with it."""
    return KINDS[item.campaign.kind].questions_on(item.subject)


def answer_label(question: str, answer: str) -> str:
    """The words of an answer, such as "Action 1"; what the question does not offer stands for itself."""
    known = {each.key: each.label for each in QUESTION[question].answers} if question in QUESTION else {}
    return known.get(answer, answer)
