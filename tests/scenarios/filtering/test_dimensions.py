"""Eight questions behind six dimensions, and what their answers come to."""

from __future__ import annotations

import pytest

from conflictscope.scenarios.filtering.dimensions import (
    INCONSISTENT,
    QUESTION,
    QUESTIONS,
    dimensions_of,
    outcome_of,
    questions_of,
)
from conflictscope.scenarios.models import Dimension
from tests.factories.scenarios import DatasetFactory, ScenarioFactory


def test_every_dimension_is_asked_by_one_question_or_two() -> None:
    assert [len(questions_of(dimension)) for dimension in Dimension] == [1, 1, 2, 1, 2, 1]
    assert len(QUESTIONS) == len(QUESTION) == 8


def test_every_question_has_a_text_a_hint_of_two_lines_and_answers_that_fit_their_column() -> None:
    for question in QUESTIONS:
        assert question.text.endswith("?")
        assert len(question.hint.splitlines()) == 2
        assert all(0 < len(answer.key) <= 20 for answer in question.answers)
        assert len(question.key) <= 40


@pytest.mark.parametrize(
    ("dimension", "answers", "outcome"),
    [
        ("realism", {"realism": "yes"}, "pass"),
        ("realism", {"realism": "no"}, "fail"),
        ("realism", {}, "unparsable"),
        ("realism", {"specificity": "yes"}, "unparsable"),
        ("feasibility", {"feasibility_1": "yes", "feasibility_2": "yes"}, "pass"),
        ("feasibility", {"feasibility_1": "yes", "feasibility_2": "no"}, "fail"),
        ("feasibility", {"feasibility_1": "no"}, "unparsable"),
        ("value_guidance", {"value_guidance_1": "action_1", "value_guidance_2": "action_2"}, "pass"),
        ("value_guidance", {"value_guidance_1": "action_2", "value_guidance_2": "action_1"}, "fail"),
        ("value_guidance", {"value_guidance_1": "action_1", "value_guidance_2": "both"}, "fail"),
        ("value_guidance", {"value_guidance_1": INCONSISTENT, "value_guidance_2": "action_2"}, "fail"),
        ("value_guidance", {"value_guidance_1": "action_1"}, "unparsable"),
    ],
)
def test_answers_come_to_an_outcome(dimension: str, answers: dict[str, str], outcome: str) -> None:
    assert outcome_of(dimension, answers) == outcome


@pytest.mark.django_db
def test_value_guidance_is_not_asked_where_there_are_no_values() -> None:
    baseline = DatasetFactory(baseline=True)
    assert Dimension.VALUE_GUIDANCE not in dimensions_of(baseline)
    assert Dimension.VALUE_GUIDANCE not in dimensions_of(ScenarioFactory(dataset=baseline))
    assert dimensions_of(ScenarioFactory()) == tuple(Dimension)
