"""The pages of value sets, datasets and scenarios: who may see them, what they show, and what their buttons do."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils.html import strip_tags

from conflictscope.jobs.models import Job
from conflictscope.llm.models import Call
from conflictscope.scenarios.filtering.job import start as start_filter
from conflictscope.scenarios.models import Dataset, Judge, Scenario
from conflictscope.values.models import ValueSet
from conflictscope.values.publishing import import_value_set
from tests.factories.llm import EndpointFactory
from tests.factories.scenarios import DatasetFactory, JudgeFactory, ScenarioFactory, judged, write_human_verdict
from tests.factories.studies import StudyFactory, UserFactory, member
from tests.factories.values import ValueSetVersionFactory

pytestmark = pytest.mark.django_db

SEERS = ["owner", "researcher", "viewer"]
RUNNERS = ["owner", "researcher"]


@pytest.fixture
def dataset() -> Dataset:
    judge = JudgeFactory(name="strict")
    dataset = DatasetFactory(name="Bakery", primary_judge=judge)
    judged(ScenarioFactory(dataset=dataset, uid="kept-001"), judge)
    judged(ScenarioFactory(dataset=dataset, uid="dropped-002"), judge, realism="fail")
    judged(ScenarioFactory(dataset=dataset, uid="undecided-003"), judge, feasibility="unparsable")
    return dataset


def page(name: str, dataset: Dataset, *more: str) -> str:
    return reverse(f"scenarios:{name}", args=[dataset.study.slug, dataset.slug, *more])


def study_page(name: str, dataset: Dataset) -> str:
    return reverse(f"scenarios:{name}", args=[dataset.study.slug])


def pages_to_see(dataset: Dataset) -> list[str]:
    return [study_page("datasets", dataset), page("dataset", dataset), page("scenario", dataset, "kept-001")]


def pages_to_run(dataset: Dataset) -> list[str]:
    return [
        study_page("new_dataset", dataset),
        study_page("import_dataset", dataset),
        page("filter", dataset),
    ]


@pytest.mark.parametrize("role", SEERS)
def test_those_who_may_see_the_study_see_its_datasets(client: Client, dataset: Dataset, role: str) -> None:
    client.force_login(member(dataset.study, role))
    for url in pages_to_see(dataset):
        response = client.get(url)
        assert response.status_code == 200
        assert "Bakery" in response.text


@pytest.mark.parametrize("role", ["annotator", ""])
def test_annotators_and_strangers_find_nothing(client: Client, dataset: Dataset, role: str) -> None:
    client.force_login(member(dataset.study, role) if role else UserFactory())
    for url in [*pages_to_see(dataset), *pages_to_run(dataset), page("dataset_live", dataset)]:
        assert client.get(url).status_code == 404, url
    assert client.post(page("filter", dataset)).status_code == 404


@pytest.mark.parametrize(
    ("role", "status"), [("owner", 200), ("researcher", 200), ("adjudicator", 404), ("viewer", 404)]
)
def test_only_those_who_run_the_pipeline_find_its_forms(
    client: Client, dataset: Dataset, role: str, status: int
) -> None:
    client.force_login(member(dataset.study, role))
    for url in pages_to_run(dataset):
        assert client.get(url).status_code == status, url
    shown = client.get(page("dataset", dataset)).text
    assert (page("filter", dataset) in shown) == (role in RUNNERS)


def test_who_has_not_logged_in_is_asked_to(client: Client, dataset: Dataset) -> None:
    for url in [*pages_to_see(dataset), reverse("values:value_sets")]:
        assert client.get(url).url == f"/login/?next={url}"


def test_a_scenario_of_another_study_is_not_found_under_this_one(client: Client, dataset: Dataset) -> None:
    other = ScenarioFactory(dataset__study=StudyFactory(created_by=dataset.study.created_by))
    client.force_login(dataset.study.created_by)
    assert client.get(page("scenario", dataset, other.uid)).status_code == 404
    assert client.get(reverse("scenarios:dataset", args=[dataset.study.slug, other.dataset.slug])).status_code == 404


@pytest.fixture
def seen(client: Client, dataset: Dataset) -> Client:
    client.force_login(dataset.study.created_by)
    return client


@pytest.mark.parametrize(
    ("query", "uids"),
    [
        ("", {"kept-001", "dropped-002", "undecided-003"}),
        ("?status=kept", {"kept-001"}),
        ("?status=dropped", {"dropped-002"}),
        ("?failed=realism", {"dropped-002"}),
        ("?failed=specificity", set()),
        ("?pair=helpfulness~honesty", {"kept-001", "dropped-002", "undecided-003"}),
        ("?pair=honesty~harmlessness", set()),
        ("?template=strong_harm", set()),
        ("?search=DROPPED", {"dropped-002"}),
        ("?status=nonsense", set()),
        ("?page=99", {"kept-001", "dropped-002", "undecided-003"}),
    ],
)
def test_the_list_shows_what_the_filters_ask_for(seen: Client, dataset: Dataset, query: str, uids: set[str]) -> None:
    response = seen.get(page("dataset", dataset) + query)
    assert response.status_code == 200
    assert {row.scenario.uid for row in response.context["rows"]} == uids
    for uid in uids:
        assert page("scenario", dataset, uid) in response.text


def test_pass_rates_leave_the_unparsable_out_and_count_it(seen: Client, dataset: Dataset) -> None:
    response = seen.get(page("dataset", dataset))
    rates = {rate.dimension: rate for rate in response.context["rates"]}
    realism, feasibility = rates["realism"], rates["feasibility"]
    assert (realism.passed, realism.failed, realism.unparsable) == (2, 1, 0)
    assert (feasibility.passed, feasibility.failed, feasibility.unparsable) == (2, 0, 1)
    # Wilson by hand for 2 of 3, z = 1.959964: centre (2/3 + z²/6) / (1 + z²/3) = 0.57306,
    # half width z / (1 + z²/3) · sqrt(2/27 + z²/36) = 0.36540
    assert realism.rate.value == pytest.approx(2 / 3)
    assert realism.rate.low == pytest.approx(0.20766, abs=1e-4)
    assert realism.rate.high == pytest.approx(0.93851, abs=1e-4)
    assert "67 %" in response.text


def test_a_failing_dimension_is_named_beside_the_status(seen: Client, dataset: Dataset) -> None:
    rows = {row.scenario.uid: row for row in seen.get(page("dataset", dataset)).context["rows"]}
    assert [dimension.value for dimension in rows["dropped-002"].failing] == ["realism"]
    assert [dimension.value for dimension in rows["undecided-003"].unparsable] == ["feasibility"]
    assert rows["kept-001"].failing == []


def test_what_people_found_overrules_the_judge_on_the_pages_too(seen: Client, dataset: Dataset) -> None:
    dropped = Scenario.objects.get(uid="dropped-002")
    write_human_verdict(dropped, "realism", "pass", panel="spring", evidence={"answers": {"realism": "yes"}})
    rows = {row.scenario.uid: row for row in seen.get(page("dataset", dataset)).context["rows"]}
    assert rows["dropped-002"].failing == []
    text = seen.get(page("scenario", dataset, "dropped-002")).text
    assert "people: spring" in text
    assert "strict" in text
    assert '<span class="small muted">counts</span>' in text


@pytest.mark.parametrize("number", [1, 20])
def test_the_dataset_page_takes_the_same_queries_however_many_scenarios(
    client: Client, number: int, django_assert_max_num_queries: Any
) -> None:
    dataset = DatasetFactory(primary_judge=JudgeFactory())
    for _ in range(number):
        judged(ScenarioFactory(dataset=dataset), dataset.primary_judge, realism="fail")
    client.force_login(dataset.study.created_by)
    with django_assert_max_num_queries(22):
        assert client.get(page("dataset", dataset)).status_code == 200


@pytest.mark.parametrize("number", [1, 12])
def test_the_list_of_datasets_takes_the_same_queries_however_many(
    client: Client, number: int, django_assert_max_num_queries: Any
) -> None:
    study = StudyFactory()
    for _ in range(number):
        ScenarioFactory(dataset__study=study)
    client.force_login(study.created_by)
    with django_assert_max_num_queries(9):
        assert client.get(reverse("scenarios:datasets", args=[study.slug])).status_code == 200


@pytest.mark.parametrize("number", [1, 8])
def test_the_list_of_value_sets_takes_the_same_queries_however_many(
    client: Client, number: int, django_assert_max_num_queries: Any
) -> None:
    for _ in range(number):
        ValueSetVersionFactory()
    client.force_login(UserFactory())
    with django_assert_max_num_queries(7):
        response = client.get(reverse("values:value_sets"))
    assert len(response.context["rows"]) == number


def test_a_long_dataset_is_shown_by_pages(client: Client) -> None:
    dataset = DatasetFactory()
    for _ in range(51):
        ScenarioFactory(dataset=dataset)
    client.force_login(dataset.study.created_by)
    assert len(client.get(page("dataset", dataset)).context["rows"]) == 50
    assert len(client.get(page("dataset", dataset) + "?page=2").context["rows"]) == 1


def test_what_a_simulator_wrote_carries_the_badge(client: Client) -> None:
    dataset = DatasetFactory(generator=EndpointFactory(simulated=True))
    scenario = ScenarioFactory(dataset=dataset)
    client.force_login(dataset.study.created_by)
    for url in (study_page("datasets", dataset), page("dataset", dataset), page("scenario", dataset, scenario.uid)):
        assert "badge-simulated" in client.get(url).text, url


def test_the_scenario_page_shows_all_that_is_known_of_it(seen: Client, dataset: Dataset) -> None:
    scenario = Scenario.objects.get(uid="kept-001")
    call = Call.objects.create(
        endpoint=EndpointFactory(name="writer"),
        purpose="draft",
        prompt_name="generation/draft",
        prompt_version=1,
        request={"messages": [{"role": "user", "text": "Please <write> a scenario."}]},
        request_digest="d",
        reply='{"description": "…"}',
        outcome="ok",
    )
    scenario.calls.add(call)
    text = seen.get(page("scenario", dataset, "kept-001")).text
    for shown in (scenario.action_1, scenario.action_2, scenario.goal, "Helpfulness", "Honesty", "writer"):
        assert shown in text
    assert "Please &lt;write&gt; a scenario." in text


def test_the_reasons_of_a_judge_are_shown_with_the_order_of_the_actions(seen: Client, dataset: Dataset) -> None:
    verdict = Scenario.objects.get(uid="kept-001").verdicts.get(dimension="value_guidance")
    verdict.evidence = {
        "answers": {"value_guidance_1": "action_1", "value_guidance_2": "inconsistent"},
        "asked": [
            {"question": "value_guidance_1", "order": "action_2_first", "answer": "action_1", "reason": "It helps."},
            {
                "question": "value_guidance_2",
                "order": "action_1_first",
                "answer": None,
                "reason": "",
                "problem": "No JSON.",
            },
        ],
    }
    verdict.save()
    text = seen.get(page("scenario", dataset, "kept-001")).text
    for shown in ("It helps.", "action 2 as A", "Action 1", "no readable answer", "No JSON.", "changed with the order"):
        assert shown in text


def test_the_votes_behind_a_verdict_of_people_are_shown_and_called_simulated_where_they_are(
    seen: Client, dataset: Dataset
) -> None:
    scenario = ScenarioFactory(dataset=dataset)
    votes = {"realism": {"no": 1, "yes": 2}}
    write_human_verdict(scenario, "realism", "pass", panel="check", evidence={"votes": votes, "simulated": True})
    html = seen.get(page("scenario", dataset, scenario.uid)).content.decode()
    assert "1 × No, 2 × Yes" in html
    panel = html.index("people: check")
    assert "simulated" in html[panel : panel + 120]


def test_a_duplicate_and_its_twin_point_at_each_other(seen: Client, dataset: Dataset) -> None:
    twin = Scenario.objects.get(uid="kept-001")
    ScenarioFactory(
        dataset=dataset,
        uid="copy-004",
        status="duplicate",
        duplicate_of=twin,
        similarity=0.8765,
        action_1="",
        action_2="",
    )
    copy = seen.get(page("scenario", dataset, "copy-004")).text
    assert page("scenario", dataset, "kept-001") in copy
    assert "0.877" in copy
    assert "copy-004" in seen.get(page("scenario", dataset, "kept-001")).text


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (
            {"action_1": "", "action_2": ""},
            "Its outline is too close to that of kept-001: cosine 0.877. It was not drafted.",
        ),
        ({}, "Its outline is too close to that of kept-001: cosine 0.877. Its text stays,"),
        (
            {"outline_context": "", "outline_opportunity": ""},
            "Its description is too close to that of kept-001: cosine 0.877. Its text stays,",
        ),
        ({"position": None, "similarity": None}, "It was imported as a duplicate of kept-001. Its text stays,"),
    ],
    ids=["outline", "drafted", "direct", "imported"],
)
def test_a_duplicate_says_what_it_is_one_by_and_what_became_of_it(
    seen: Client, dataset: Dataset, fields: dict[str, Any], told: str
) -> None:
    twin = Scenario.objects.get(uid="kept-001")
    known = {"status": "duplicate", "duplicate_of": twin, "similarity": 0.8765, "position": 7} | fields
    ScenarioFactory(dataset=dataset, uid="copy-004", **known)
    text = strip_tags(seen.get(page("scenario", dataset, "copy-004")).text)
    assert told in text


def test_the_dataset_page_follows_a_live_job_and_stops_when_it_has_ended(seen: Client, dataset: Dataset) -> None:
    job = start_filter(dataset, JudgeFactory())
    text = seen.get(page("dataset", dataset)).text
    assert f'hx-get="{page("dataset_live", dataset)}"' in text
    live = seen.get(page("dataset_live", dataset), headers={"HX-Request": "true"})
    assert job.title in live.text
    assert "HX-Refresh" not in live
    Job.objects.update(state=Job.State.DONE)
    ended = seen.get(page("dataset_live", dataset), headers={"HX-Request": "true"})
    assert "hx-trigger" not in ended.text
    assert ended["HX-Refresh"] == "true"
    assert seen.get(page("dataset_live", dataset)).url == page("dataset", dataset)


# --- what the forms start -------------------------------------------------------------------------------------------------


def new_dataset_fields(**fields: Any) -> dict[str, Any]:
    version = import_value_set("hhh").version
    return {
        "name": "First try",
        "slug": "first-try",
        "value_set": version.pk,
        "generator": EndpointFactory().pk,
        "per_pair": 8,
        "threshold": 0.8,
        "deployment_contexts": "A help desk.\n\nA school's homework assistant.\n",
    } | fields


def test_a_new_dataset_is_made_and_its_generation_started(seen: Client, dataset: Dataset) -> None:
    response = seen.post(study_page("new_dataset", dataset), new_dataset_fields(budget="2.50"))
    job = Job.objects.get(kind="scenarios.generate")
    assert response.url == job.get_absolute_url()
    made = Dataset.objects.get(slug="first-try")
    assert job.parameters == {"dataset": made.pk}
    assert (job.started_by, job.budget) == (dataset.study.created_by, 2.5)
    assert made.recipe["deployment_contexts"] == ["A help desk.", "A school's homework assistant."]
    assert made.created_by == dataset.study.created_by


def test_the_estimate_button_says_what_it_would_cost_and_makes_nothing(seen: Client, dataset: Dataset) -> None:
    fields = new_dataset_fields(estimate="1")
    for response in (
        seen.post(study_page("new_dataset", dataset), fields),
        seen.post(study_page("new_dataset", dataset), fields, headers={"HX-Request": "true"}),
    ):
        assert response.status_code == 200
        assert "What it would ask and cost" in response.text
        # 3 pairs of 8: a batch of outlines for each of 24 cells, and 24 drafts.
        assert '<td class="num" data-label="Calls">24</td>' in response.text
        assert "a budget in US dollars does not bite there" in response.text
    assert "<html" not in response.text
    assert not Job.objects.filter(kind="scenarios.generate").exists()
    assert not Dataset.objects.filter(slug="first-try").exists()


def test_an_estimate_of_a_form_that_is_not_filled_in_says_what_is_missing(seen: Client, dataset: Dataset) -> None:
    response = seen.post(
        study_page("new_dataset", dataset),
        new_dataset_fields(estimate="1", per_pair=0),
        headers={"HX-Request": "true"},
    )
    assert (response.status_code, "There is no estimate yet." in response.text) == (200, True)
    assert "greater than or equal to 1" in response.text


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"slug": "new"}, "cannot name a dataset"),
        ({"threshold": 0}, "threshold"),
        ({"per_pair": 0}, "greater than or equal to 1"),
        ({"generator": 0}, "valid choice"),
    ],
)
def test_a_wrong_form_says_so_and_makes_nothing(
    seen: Client, dataset: Dataset, fields: dict[str, Any], complaint: str
) -> None:
    response = seen.post(study_page("new_dataset", dataset), new_dataset_fields(**fields))
    assert response.status_code == 400
    assert complaint in response.text
    assert Dataset.objects.get() == dataset
    assert not Job.objects.exists()


def test_a_slug_that_is_taken_is_refused(seen: Client, dataset: Dataset) -> None:
    response = seen.post(study_page("new_dataset", dataset), new_dataset_fields(slug=dataset.slug))
    assert response.status_code == 400
    assert "has a dataset of this slug" in response.text


def test_more_is_generated_from_the_page(seen: Client, dataset: Dataset) -> None:
    seen.post(study_page("new_dataset", dataset), new_dataset_fields())
    made = Dataset.objects.get(slug="first-try")
    Job.objects.update(state=Job.State.DONE)
    assert "8" in seen.get(page("generate", made)).text
    response = seen.post(page("generate", made), {"per_pair": 16})
    made.refresh_from_db()
    assert made.recipe["per_pair"] == 16
    assert response.url == Job.objects.get(state=Job.State.RUNNING).get_absolute_url()


def test_an_imported_dataset_cannot_be_generated_further(client: Client) -> None:
    dataset = DatasetFactory(baseline=True)
    client.force_login(dataset.study.created_by)
    response = client.get(page("generate", dataset))
    assert response.status_code == 409
    assert "was not generated here" in response.text


def test_filtering_is_started_with_a_judge_that_is_there(seen: Client, dataset: Dataset) -> None:
    other = JudgeFactory()
    response = seen.post(page("filter", dataset), {"judge": other.pk})
    job = Job.objects.get(kind="scenarios.filter")
    assert response.url == job.get_absolute_url()
    assert job.parameters == {"dataset": dataset.pk, "judge": other.pk}
    dataset.refresh_from_db()
    assert dataset.primary_judge.name == "strict"


def test_filtering_can_make_its_judge(seen: Client, dataset: Dataset) -> None:
    endpoint = EndpointFactory()
    seen.post(page("filter", dataset), {"new_judge": "mild", "endpoint": endpoint.pk, "primary": "on"})
    judge = Judge.objects.get(name="mild")
    assert judge.endpoint == endpoint
    assert judge.prompt_versions["filtering/realism"] == 1
    dataset.refresh_from_db()
    assert dataset.primary_judge == judge


@pytest.mark.parametrize("fields", [{}, {"new_judge": "mild"}, {"judge": "0"}])
def test_filtering_needs_a_judge(seen: Client, dataset: Dataset, fields: dict[str, str]) -> None:
    assert seen.post(page("filter", dataset), fields).status_code == 400
    assert not Job.objects.exists()


def test_a_judge_that_is_chosen_and_another_that_is_named_are_one_too_many(seen: Client, dataset: Dataset) -> None:
    other = JudgeFactory(name="other")
    fields = {"judge": other.pk, "new_judge": "mild", "endpoint": EndpointFactory().pk}
    response = seen.post(page("filter", dataset), fields)
    assert response.status_code == 400
    assert "To make mild, choose “A new judge, named below”; to ask other, empty the name." in response.text
    assert not Judge.objects.filter(name="mild").exists()


def test_the_name_of_a_judge_says_how_it_is_written(seen: Client, dataset: Dataset) -> None:
    assert "Small letters, digits and hyphens" in seen.get(page("filter", dataset)).text
    for name in ("Mild", "mild judge", "-mild", "mild_judge"):
        response = seen.post(page("filter", dataset), {"new_judge": name, "endpoint": EndpointFactory().pk})
        assert "Use small letters, digits and single hyphens" in response.text
        assert "Choose a judge, or name a new one" not in response.text


def test_a_judge_with_nothing_left_to_answer_is_not_offered_first_and_starts_no_job(
    seen: Client, dataset: Dataset
) -> None:
    assert seen.get(page("filter", dataset)).context["form"]["judge"].value() is None
    response = seen.post(page("filter", dataset), {"judge": dataset.primary_judge_id})
    assert response.status_code == 400
    assert "strict has answered everything about dataset" in response.text
    assert not Job.objects.exists()
    ScenarioFactory(dataset=dataset)
    assert seen.get(page("filter", dataset)).context["form"]["judge"].value() == dataset.primary_judge_id
    assert seen.post(page("filter", dataset), {"judge": dataset.primary_judge_id}).status_code == 302


def test_an_empty_dataset_is_not_filtered_and_no_judge_is_made_for_it(client: Client) -> None:
    dataset = DatasetFactory()
    client.force_login(dataset.study.created_by)
    response = client.post(page("filter", dataset), {"new_judge": "mild", "endpoint": EndpointFactory().pk})
    assert response.status_code == 400
    assert "no scenario to filter" in response.text
    assert not Judge.objects.exists()


def upload(text: str, name: str) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, text.encode())


VALUES = {"thrift": "Spending little.", "comfort": "Being at ease."}


def test_a_value_set_is_imported_by_page_and_its_bringer_is_its_steward(seen: Client, dataset: Dataset) -> None:
    url = reverse("values:import_value_set")
    response = seen.post(url, {"file": upload(json.dumps(VALUES), "home.json")})
    value_set = ValueSet.objects.get(slug="home")
    assert response.url == reverse("values:value_set", args=["home"])
    assert value_set.members.get() == dataset.study.created_by
    changed = upload(json.dumps(VALUES | {"rest": "Sleeping."}), "home.json")
    seen.post(url, {"file": changed})
    assert value_set.versions.count() == 2
    text = seen.get(response.url).text
    assert "Sleeping." in text
    assert "Sleeping." not in seen.get(response.url + "?version=1").text
    assert seen.get(response.url + "?version=3").status_code == 404


def test_a_value_set_of_others_is_not_changed_by_page(seen: Client) -> None:
    version = import_value_set("hhh").version
    response = seen.post(
        reverse("values:import_value_set"), {"file": upload(json.dumps(VALUES), "x.json"), "slug": "hhh"}
    )
    assert response.status_code == 400
    assert "only its stewards" in response.text
    assert version.value_set.versions.count() == 1


def test_who_runs_no_pipeline_imports_no_value_set_but_reads_them(client: Client, dataset: Dataset) -> None:
    client.force_login(member(dataset.study, "annotator"))
    assert client.get(reverse("values:import_value_set")).status_code == 403
    slug = dataset.value_set_version.value_set.slug
    text = client.get(reverse("values:value_set", args=[slug])).text
    assert "Keeping anyone from being hurt" in text
    assert client.get(reverse("values:value_sets")).status_code == 200
    assert client.get(reverse("values:value_set", args=["nothing"])).status_code == 404
