"""Scenarios are compared once, marked by a threshold that may change, and lose nothing by being marked."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from threading import Barrier

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from conflictscope.errors import Conflict, InvalidInput
from conflictscope.jobs import control, worker
from conflictscope.jobs.models import Job
from conflictscope.scenarios import dedup, embedding, generation
from conflictscope.scenarios.dedup import comparing, vectors
from conflictscope.scenarios.dedup.vectors import with_texts
from conflictscope.scenarios.filtering.verdicts import make_primary
from conflictscope.scenarios.models import Dataset, OpeningMessage, Scenario
from tests.factories.llm import EndpointFactory
from tests.factories.scenarios import DatasetFactory, JudgeFactory, ScenarioFactory, VerdictFactory, judged
from tests.factories.studies import StudyFactory
from tests.factories.values import ValueSetVersionFactory

pytestmark = pytest.mark.django_db(transaction=True)

BAKERY = "Mira runs the night shift of a bakery, and one delivery note is missing."
BAKERY_AGAIN = "Mira runs the late shift of a bakery, and a delivery note is missing."
CHOIR = "A choir in Graz has lost its hall two days before the concert."
DUPLICATE, OUTLINED, DRAFTED, KEPT = (
    Scenario.Status.DUPLICATE,
    Scenario.Status.OUTLINED,
    Scenario.Status.DRAFTED,
    Scenario.Status.KEPT,
)


def outline(dataset: Dataset, context: str, **fields: object) -> Scenario:
    blank = dict.fromkeys(("description", "action_1", "action_2", "consequence_1", "consequence_2"), "")
    return ScenarioFactory(
        dataset=dataset,
        outline_context=context,
        outline_opportunity="The assistant could settle it.",
        **{"status": OUTLINED} | blank | fields,
    )


def found(dataset: Dataset, **settings: object) -> Job:
    job = dedup.start(dataset, **settings)  # type: ignore[arg-type]
    worker.work_on(job)
    job.refresh_from_db()
    dataset.refresh_from_db()
    assert job.state == Job.State.DONE, job.error
    return job


def statuses(dataset: Dataset) -> list[str]:
    return list(dataset.scenarios.order_by("pk").values_list("status", flat=True))


@pytest.fixture
def dataset() -> Dataset:
    return DatasetFactory(slug="bakery", study__slug="study")


def test_a_twin_is_marked_and_points_at_the_earlier_one(dataset: Dataset) -> None:
    first = outline(dataset, BAKERY)
    other = outline(dataset, CHOIR)
    twin = outline(dataset, BAKERY_AGAIN)
    found(dataset)
    for scenario in (first, other, twin):
        scenario.refresh_from_db()
    assert (twin.status, twin.duplicate_of, twin.nearest) == (DUPLICATE, first, first)
    assert 0.8 <= (twin.similarity or 0) < 1
    assert (other.status, other.duplicate_of, other.nearest) == (OUTLINED, None, first), "what is nearest is kept, too"
    assert (first.nearest, first.similarity) == (None, None)


def test_compared_bit_by_bit_the_outcome_is_that_of_all_at_once(dataset: Dataset) -> None:
    """Also where later outlines have lower row numbers: order is what was compared first."""
    told = [f"{who} wants to {what}." for what in ("sell a boat", "sell the boat", "leave a choir") for who in "ABCD"]
    whole = DatasetFactory()
    for context in told:
        outline(whole, context)
    dedup.compare_new(whole, dedup.settings_of(whole))
    for start in range(0, len(told), 3):
        for context in told[start : start + 3]:
            outline(dataset, context)
        dedup.compare_new(dataset, dedup.settings_of(dataset))
    columns = ("outline_context", "status", "similarity", "nearest__outline_context", "duplicate_of__outline_context")
    bit_by_bit = list(dataset.scenarios.order_by("position").values_list(*columns))
    assert bit_by_bit == list(whole.scenarios.order_by("position").values_list(*columns))
    assert {status for _, status, *_ in bit_by_bit} == {OUTLINED, DUPLICATE}
    dedup.recompare(dataset, dedup.settings_of(dataset))
    assert list(dataset.scenarios.order_by("position").values_list(*columns)) == bit_by_bit


def test_another_threshold_embeds_nothing_and_brings_back_what_was_made(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A draft and its verdicts outlive being a duplicate; an outline that comes back is an outline again."""
    judge = JudgeFactory()
    dataset.primary_judge = judge
    dataset.save()
    outline(dataset, BAKERY)
    kept = judged(ScenarioFactory(dataset=dataset, outline_context=BAKERY_AGAIN), judge)
    kept.outline_opportunity = "The assistant could settle it."
    kept.save()
    outline(dataset, BAKERY_AGAIN)
    assert statuses(dataset) == [OUTLINED, KEPT, OUTLINED]
    found(dataset)
    assert statuses(dataset) == [OUTLINED, DUPLICATE, DUPLICATE]
    kept.refresh_from_db()
    assert kept.verdicts.count() == 6
    assert kept.description

    monkeypatch.setattr(embedding, "_ask", lambda *_: pytest.fail("a vector was computed twice"))
    near = kept.similarity
    assert near is not None
    found(dataset, threshold=(near + 1) / 2)
    assert statuses(dataset) == [OUTLINED, KEPT, DUPLICATE], "the third is the second's very words"
    found(dataset, threshold=0.8)
    assert statuses(dataset) == [OUTLINED, DUPLICATE, DUPLICATE]
    found(dataset, threshold=1.0, scope="template")
    assert dataset.recipe["dedup_before"][-1]["threshold"] == 0.8
    assert (dataset.recipe["threshold"], dataset.recipe["scope"]) == (1.0, "template")


def test_a_status_that_a_file_told_outlives_being_a_duplicate(dataset: Dataset) -> None:
    """Where no verdicts settle it, and until a judge decides here, who has not seen it yet."""
    outline(dataset, BAKERY)
    for status in (KEPT, Scenario.Status.DROPPED):
        told = ScenarioFactory(
            dataset=dataset,
            outline_context=BAKERY_AGAIN,
            outline_opportunity="The assistant could settle it.",
            status=status,
            status_told=status,
        )
    VerdictFactory(scenario=told, judge=JudgeFactory(), dimension="realism", outcome="pass")
    found(dataset)
    assert statuses(dataset) == [OUTLINED, DUPLICATE, DUPLICATE]
    Scenario.objects.filter(status_told="dropped").update(similarity=0.9)  # its own nearest is the kept one
    comparing.mark(dataset, 0.9999)
    assert statuses(dataset) == [OUTLINED, KEPT, Scenario.Status.DROPPED]
    comparing.mark(dataset, 0.8)
    make_primary(dataset, JudgeFactory())
    comparing.mark(dataset, 0.9999)
    assert statuses(dataset) == [OUTLINED, DRAFTED, DRAFTED]


@pytest.mark.backends
def test_of_two_who_start_a_comparison_and_a_generation_at_once_one_is_told_to_wait() -> None:
    dataset = generation.open_dataset(
        StudyFactory(),
        "bakery",
        generation.DatasetRecipe(generator=EndpointFactory(), per_pair=4, value_set=ValueSetVersionFactory()),
    )
    outline(dataset, BAKERY)
    both = Barrier(2)

    def start(begin: Callable[[Dataset], Job]) -> str:
        try:
            both.wait(10)
            begin(Dataset.objects.get(pk=dataset.pk))
        except Conflict as exc:
            return str(exc)
        finally:
            connection.close()
        return ""

    for _ in range(5):
        with ThreadPoolExecutor(2) as threads:
            said = list(threads.map(start, (dedup.start, generation.start)))
        assert Job.objects.live().count() == 1
        assert sum("wait for that job" in each for each in said) == 1
        for job in Job.objects.live():
            control.cancel(job)


def test_vectors_of_another_model_are_replaced_before_new_scenarios_are_compared(dataset: Dataset) -> None:
    """As a comparison by another model leaves them that was cancelled: of another length, and another key."""
    first = outline(dataset, BAKERY)
    settings = dedup.settings_of(dataset)
    dedup.compare_new(dataset, settings)
    first.refresh_from_db()
    before = bytes(first.embedding or b"")
    vectors.keep({first.pk: b"\0" * 28}, {first.pk: dedup.compared_text(first)}, model="another")
    outline(dataset, BAKERY_AGAIN)
    assert dedup.compare_new(dataset, settings).became_duplicates == 1
    first.refresh_from_db()
    assert bytes(first.embedding or b"") == before


def test_scope_says_who_is_compared_with_whom(dataset: Dataset) -> None:
    values = list(dataset.value_set_version.values.all())  # type: ignore[union-attr]
    outline(dataset, BAKERY)
    outline(dataset, BAKERY_AGAIN, template=Scenario.Template.STRONG_HARM)
    outline(dataset, BAKERY_AGAIN, value_2=values[2])
    found(dataset, scope="template")
    assert statuses(dataset) == [OUTLINED, OUTLINED, OUTLINED]
    found(dataset, scope="pair")
    assert statuses(dataset) == [OUTLINED, DUPLICATE, OUTLINED]
    found(dataset, scope="dataset")
    assert statuses(dataset) == [OUTLINED, DUPLICATE, DUPLICATE]


def test_a_text_that_another_dataset_has_is_not_embedded_again(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    outline(DatasetFactory(), BAKERY)
    elsewhere = Scenario.objects.get().dataset
    found(elsewhere)
    monkeypatch.setattr(embedding, "_ask", lambda *_: pytest.fail("a vector was computed twice"))
    copy = outline(dataset, BAKERY)
    job = found(dataset)
    copy.refresh_from_db()
    assert copy.embedding is not None
    assert bytes(copy.embedding) == bytes(elsewhere.scenarios.get().embedding or b"")
    assert not job.items.exists()


def test_what_has_no_outline_is_compared_by_description_or_opening_message() -> None:
    """So imported scenarios have duplicates, too; what has no text at all is left alone."""
    dataset = DatasetFactory(baseline=True)
    plain = {"outline_context": "", "outline_opportunity": ""}
    described = [ScenarioFactory(dataset=dataset, description=text, **plain) for text in (BAKERY, BAKERY_AGAIN)]
    opened = [ScenarioFactory(dataset=dataset, description="", **plain) for _ in range(2)]
    for scenario in opened:
        OpeningMessage.objects.create(scenario=scenario, text=CHOIR, source=OpeningMessage.Source.IMPORTED)
    silent = ScenarioFactory(dataset=dataset, description="", **plain)
    found(dataset)
    assert statuses(dataset) == [DRAFTED, DUPLICATE, DRAFTED, DUPLICATE, DRAFTED]
    assert {dedup.compared_text(each) for each in with_texts(dataset)} == {BAKERY, BAKERY_AGAIN, CHOIR, ""}
    assert described[1].uid != opened[1].uid
    silent.refresh_from_db()
    assert silent.embedding is None
    assert dedup.similarities(dataset).not_compared == 1


def test_similarities_are_counted_as_the_threshold_decides(dataset: Dataset) -> None:
    for context in (BAKERY, CHOIR, BAKERY_AGAIN, BAKERY):
        outline(dataset, context)
    assert dedup.similarities(dataset).not_compared == 4
    assert dedup.similarities(dataset).histogram() == []
    found(dataset)
    similar = dedup.similarities(dataset)
    assert (len(similar.values), similar.first, similar.not_compared) == (3, 1, 0)
    bins = similar.histogram(width=0.05)
    assert sum(each.count for each in bins) == 3
    assert sum(each.count for each in bins if each.low >= 0.8 - 1e-9) == 2
    assert bins[-1].high >= 1
    assert similar.duplicates_at([0.0, 0.8, 1.1]) == [(0.0, 3), (0.8, 2), (1.1, 0)]
    with pytest.raises(ValueError, match="bin"):
        similar.histogram(width=0)


def test_settings_out_of_range_and_a_dataset_at_work_are_refused(dataset: Dataset) -> None:
    with pytest.raises(Conflict, match="no scenarios to compare"):
        dedup.start(dataset)
    outline(dataset, BAKERY)
    with pytest.raises(InvalidInput, match="threshold"):
        dedup.start(dataset, threshold=1.2)
    with pytest.raises(InvalidInput, match="scope"):
        dedup.start(dataset, scope="galaxy")
    assert not Job.objects.exists()
    dedup.start(dataset, threshold=0.7)
    with pytest.raises(Conflict, match="by other settings"):
        dedup.start(dataset, threshold=0.9)
    Job.objects.update(kind="scenarios.generate")
    with pytest.raises(Conflict, match="being generated"):
        dedup.start(dataset)


def test_the_command_tells_how_many_duplicates_each_threshold_makes(dataset: Dataset) -> None:
    for context in (BAKERY, CHOIR, BAKERY_AGAIN):
        outline(dataset, context)
    out = StringIO()
    call_command("find_duplicates", study="study", dataset="bakery", verbosity=0, stdout=out)
    assert "3 scenarios: 2 outlined, 1 duplicate" in out.getvalue()
    assert "0.80: 1" in out.getvalue()
    with pytest.raises(CommandError, match="threshold"):
        call_command("find_duplicates", study="study", dataset="bakery", threshold=7.0, verbosity=0)
