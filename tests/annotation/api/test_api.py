"""Labelling through the API: what a program is handed, what it is told, and what it cannot reach."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import caches
from django.utils import timezone
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from annotation.api import serializers
from annotation.labelling import routing, serving
from annotation.models import Annotation, Assignment, Campaign, Item, Participant, Revision
from conflictscope.scenarios.filtering.dimensions import NO
from conflictscope.studies.permissions import Role
from tests.factories.annotation import CampaignFactory, ItemFactory, ParticipantFactory, labelled
from tests.factories.studies import UserFactory, member

pytestmark = pytest.mark.django_db


@pytest.fixture
def place(campaign: Campaign) -> Participant:
    return ParticipantFactory(campaign=campaign)


@pytest.fixture
def api(place: Participant) -> APIClient:
    return client_of(place.user)


def client_of(user: Any) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.get_or_create(user=user)[0].key}")
    return client


def handed_out(api: APIClient, campaign: Campaign, **wish: str) -> dict[str, Any]:
    answer = api.post(f"/api/v1/campaigns/{campaign.pk}/next/", wish, format="json")
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def first_answers(sheet: dict[str, Any]) -> dict[str, str]:
    return {question["field"]: question["options"][0]["value"] for question in sheet["questions"]}


def put(api: APIClient, sheet: dict[str, Any], **body: Any) -> Any:
    return api.put(f"/api/v1/assignments/{sheet['token']}/", body, format="json")


def test_an_item_is_handed_out_with_all_that_a_screen_needs(api, campaign):
    sheet = handed_out(api, campaign)
    assert sheet["content"]["description"]
    assert [action["letter"] for action in sheet["actions"]] == ["A", "B"]
    assert [question["number"] for question in sheet["questions"]] == list(range(1, 9))
    assert [option["key"] for option in sheet["questions"][0]["options"]] == ["Y", "N"]
    assert sheet["questions"][6]["value"]["definition"]
    assert 1790 < sheet["lease_seconds"] <= 1800
    assert sheet["progress"] == {"done": 0, "skipped": 0, "goal": 2, "left": 2, "skips_left": 1}
    assert handed_out(api, campaign)["token"] == sheet["token"]
    assert Assignment.objects.get().state == "leased"


def test_what_is_handed_out_is_what_the_schema_says(api, campaign):
    sheet = handed_out(api, campaign)

    def same_fields(serializer: Any, value: Any, path: str) -> None:
        assert set(serializer.fields) == set(value), path
        for name, field in serializer.fields.items():
            many = hasattr(field, "child") and hasattr(field.child, "fields")
            inner = field.child if many else field
            for each in value[name] if many else [value[name]]:
                if hasattr(inner, "fields") and each is not None:
                    same_fields(inner, each, f"{path}.{name}")

    same_fields(serializers.HandedOutSerializer(), sheet, "next")
    shown = api.get(f"/api/v1/campaigns/{campaign.pk}/peek/").json()
    same_fields(serializers.SheetSerializer(), shown, "peek")
    same_fields(serializers.StandingSerializer(), put(api, sheet, answers={}).json(), "put")
    done = put(api, sheet, answers=first_answers(sheet), submit=True, next=True).json()
    same_fields(serializers.WorkDoneSerializer(), done, "put with next")


def test_a_submission_brings_the_next_item_or_says_why_there_is_none(api, campaign):
    first = handed_out(api, campaign)
    done = put(api, first, answers=first_answers(first), submit=True, next=True).json()
    assert (done["state"], done["stored"], done["nothing"]) == ("submitted", True, "")
    second = done["next"]
    assert second["state"] == "leased"
    assert second["progress"]["done"] == 1
    assert handed_out(api, campaign) == second | {"lease_seconds": handed_out(api, campaign)["lease_seconds"]}
    again = put(api, first, answers=first_answers(first), submit=True, next=True).json()
    assert (again["stored"], again["next"]["token"]) == (False, second["token"])
    done = put(api, second, answers=first_answers(second), submit=True, next=True).json()
    assert (done["next"], done["nothing"]) == (None, "done")
    assert "been through everything" in done["nothing_sentence"]


def test_a_submission_takes_the_item_that_was_shown_ahead(api, campaign):
    ItemFactory(campaign=campaign)
    first = handed_out(api, campaign)
    wish = api.get(f"/api/v1/campaigns/{campaign.pk}/peek/").json()["token"]
    done = put(api, first, answers=first_answers(first), submit=True, next=True, wish=wish).json()
    assert done["next"]["token"] == wish


@pytest.mark.parametrize(
    "body",
    [
        {"answer": {"realism": "no"}},
        {"submit": False},
        {"answers": {"realism": "no"}, "comment": {}},
        {"answers": {"realism": "no"}, "state": "submitted"},
    ],
)
def test_a_misspelt_request_is_refused_and_takes_nothing_back(api, campaign, body):
    sheet = handed_out(api, campaign)
    put(api, sheet, answers={"realism": "yes"}, comments={"realism": "Quite."})
    refused = put(api, sheet, **body)
    assert refused.status_code == 400
    kept = Annotation.objects.get()
    assert (kept.answer, kept.comment) == ("yes", "Quite.")


def test_a_refused_submission_takes_nothing_back_either(api, campaign):
    sheet = handed_out(api, campaign)
    put(api, sheet, answers={"realism": "yes"})
    refused = put(api, sheet, answers={}, submit=True)
    assert (refused.status_code, refused.json()["code"]) == (422, "answers_missing")
    assert Annotation.objects.get().answer == "yes"


def test_a_draft_says_at_once_that_it_would_not_count(api, campaign):
    sheet = handed_out(api, campaign)
    assert put(api, sheet, answers={"realism": "yes"}).json()["notice"] == ""
    Campaign.objects.update(state=Campaign.State.CLOSED)
    assert "does not count" in put(api, sheet, answers={"realism": "yes"}).json()["notice"]


def test_a_skip_is_taken_back(api, campaign):
    sheet = handed_out(api, campaign)
    address = f"/api/v1/assignments/{sheet['token']}/skip/"
    api.post(address)
    other = handed_out(api, campaign)
    assert api.post(f"/api/v1/assignments/{other['token']}/skip/").json()["code"] == "skips_used_up"
    back = api.delete(address).json()
    assert (back["state"], back["stored"]) == ("leased", True)
    assert handed_out(api, campaign)["token"] == sheet["token"]


def test_a_draft_is_kept_and_comes_back_with_the_item(api, campaign):
    sheet = handed_out(api, campaign)
    answer = put(api, sheet, answers={"realism": "yes"}, comments={"realism": "Quite."}, active_seconds=12)
    assert (answer.status_code, answer.json()["state"]) == (200, "leased")
    again = handed_out(api, campaign)
    assert (again["answers"], again["comments"]) == ({"realism": "yes"}, {"realism": "Quite."})
    assert Assignment.objects.get().active_seconds == 12


def test_a_submission_counts_once_however_often_it_comes(api, campaign):
    sheet = handed_out(api, campaign)
    body = {"answers": first_answers(sheet), "submit": True, "active_seconds": 30}
    assert put(api, sheet, **body).json()["stored"] is True
    again = put(api, sheet, **body)
    assert (again.status_code, again.json()["state"], again.json()["stored"]) == (200, "submitted", False)
    one = Assignment.objects.get()
    assert (one.active_seconds, one.annotations.count(), one.item.open_slots) == (30, 8, 2)


def test_actions_are_stored_as_they_are_whatever_their_order_on_the_sheet(api, campaign):
    sheet = handed_out(api, campaign)
    put(api, sheet, answers=first_answers(sheet) | {"feasibility_a": "no", "value_guidance_1": "a"}, submit=True)
    one = Assignment.objects.get()
    shown_first = 1 if one.action_order == "action_1_first" else 2
    stored = dict(one.annotations.values_list("question", "answer"))
    assert stored[f"feasibility_{shown_first}"] == "no"
    assert stored["value_guidance_1"] == f"action_{shown_first}"


def test_a_submission_with_open_questions_names_them_and_keeps_the_rest(api, campaign):
    sheet = handed_out(api, campaign)
    answers = first_answers(sheet)
    answer = put(api, sheet, answers={**answers, "realism": "", "feasibility_b": ""}, submit=True)
    assert answer.status_code == 422
    assert answer["Content-Type"] == "application/problem+json"
    told = answer.json()
    assert (told["code"], told["missing"]) == ("answers_missing", ["realism", "feasibility_b"])
    assert Assignment.objects.get().state == "leased"
    assert Annotation.objects.count() == 6


def test_wrong_answers_are_all_named_and_nothing_is_stored(api, campaign):
    sheet = handed_out(api, campaign)
    answer = put(api, sheet, answers={"realism": "maybe", "colour": "red", "specificity": "no"})
    assert (answer.status_code, answer.json()["code"]) == (400, "answer_unknown")
    assert answer.json()["errors"] == {
        "colour": "The item has no question colour.",
        "realism": "Choose one of: no, yes.",
    }
    assert not Annotation.objects.exists()


def test_a_body_that_is_no_form_of_an_answer_is_refused_in_words(api, campaign):
    sheet = handed_out(api, campaign)
    for body in ({"answers": ["yes"]}, {"answers": {"realism": {"a": 1}}}, {"active_seconds": -1}):
        answer = put(api, sheet, **body)
        assert (answer.status_code, answer.json()["title"]) == (400, "The request is not of the form asked for.")


def test_other_answers_to_what_is_submitted_are_refused_until_they_are_sent_as_a_change(api, campaign):
    sheet = handed_out(api, campaign)
    answers = first_answers(sheet)
    put(api, sheet, answers=answers, submit=True)
    changed = answers | {"realism": "no"}
    refused = put(api, sheet, answers=changed, submit=True)
    assert (refused.status_code, refused.json()["code"]) == (409, "submitted_otherwise")
    assert put(api, sheet, answers=changed).json()["code"] == "already_submitted"
    assert Annotation.objects.get(question="realism").answer == "yes"
    assert put(api, sheet, answers=changed, edit=True).json()["stored"] is True
    assert put(api, sheet, answers=changed, edit=True).json()["stored"] is False
    assert Annotation.objects.get(question="realism").answer == "no"
    assert Revision.objects.get().answers["realism"][0] == "yes"


def test_when_there_is_nothing_the_answer_says_why(api, campaign, place):
    address = f"/api/v1/campaigns/{campaign.pk}/next/"
    Item.objects.filter(campaign=campaign).update(open_slots=1)
    for _ in range(2):
        routing.claim(ParticipantFactory(campaign=campaign))
    waiting = api.post(address)
    assert (waiting.status_code, waiting["X-Nothing"], waiting["Retry-After"]) == (204, "waiting", "30")
    Assignment.objects.update(state="submitted", submitted_at=timezone.now())
    done = api.post(address)
    assert (done.status_code, done["X-Nothing"]) == (204, "done")
    assert not done.has_header("Retry-After")
    labelled(ItemFactory(campaign=campaign), place)
    Campaign.objects.update(quota=1)
    assert api.post(address)["X-Nothing"] == "quota"


def test_a_skipped_item_goes_to_somebody_else(api, campaign):
    sheet = handed_out(api, campaign)
    answer = api.post(f"/api/v1/assignments/{sheet['token']}/skip/", {"reason": "I know them."}, format="json")
    assert (answer.status_code, answer.json()["state"]) == (200, "skipped")
    assert Assignment.objects.get().skip_reason == "I know them."
    assert handed_out(api, campaign)["token"] != sheet["token"]


def test_a_heartbeat_holds_the_item_and_says_when_it_is_gone(api, campaign):
    sheet = handed_out(api, campaign)
    Assignment.objects.update(lease_until=timezone.now() + timedelta(seconds=5))
    address = f"/api/v1/assignments/{sheet['token']}/heartbeat/"
    assert api.post(address, {"active_seconds": 20}, format="json").json()["lease_seconds"] > 1790
    Assignment.objects.update(state="expired")
    assert api.post(address).json()["state"] == "leased"  # its slot was free still
    Assignment.objects.update(state="expired")
    Item.objects.update(open_slots=0)
    gone = api.post(address)
    assert (gone.status_code, gone.json()["code"]) == (409, "lease_expired")
    assert Assignment.objects.get().active_seconds == 20


def test_a_flag_is_raised_and_comes_back_with_the_item(api, campaign):
    sheet = handed_out(api, campaign)
    for _ in range(2):
        assert (
            api.post(f"/api/v1/assignments/{sheet['token']}/flag/", {"reason": "Odd."}, format="json").status_code
            == 200
        )
    assert handed_out(api, campaign)["flags"] == ["Odd."]


def test_what_is_shown_ahead_is_held_by_nobody_and_is_what_comes_next(api, campaign, place):
    ItemFactory.create_batch(3, campaign=campaign)
    now = handed_out(api, campaign)
    shown = api.get(f"/api/v1/campaigns/{campaign.pk}/peek/").json()
    assert (shown["state"], shown["lease_seconds"], shown["token"] != now["token"]) == (None, 0, True)
    assert Assignment.objects.count() == 1
    api.post(f"/api/v1/assignments/{now['token']}/skip/")
    following = handed_out(api, campaign, token=shown["token"])
    for part in ("token", "content", "actions", "questions"):
        assert following[part] == shown[part]


def test_an_item_shown_ahead_that_is_gone_gives_way_to_the_best_one(api, campaign):
    shown = api.get(f"/api/v1/campaigns/{campaign.pk}/peek/").json()
    Item.objects.filter(scenario__description=shown["content"]["description"]).update(open_slots=0)
    other = handed_out(api, campaign, token=shown["token"])
    assert other["token"] != shown["token"]
    api.post(f"/api/v1/assignments/{other['token']}/skip/")
    assert api.get(f"/api/v1/campaigns/{campaign.pk}/peek/").status_code == 204


def test_several_people_are_shown_different_items_ahead(campaign):
    ItemFactory.create_batch(20, campaign=campaign)
    people = ParticipantFactory.create_batch(12, campaign=campaign)
    for person in people:
        routing.claim(person)
    shown = {serving.peek(person)[0].pk for person in people for _ in range(3)}
    assert len(shown) > 3


def test_nobody_starts_before_agreeing_to_the_guideline(campaign):
    api = client_of(member(campaign.study, Role.ANNOTATOR))
    refused = api.post(f"/api/v1/campaigns/{campaign.pk}/next/")
    assert (refused.status_code, refused.json()["code"]) == (409, "consent_missing")
    told = api.get(f"/api/v1/campaigns/{campaign.pk}/guideline/").json()
    assert (told["version"], told["agreed"]) == (1, False)
    assert api.post(f"/api/v1/campaigns/{campaign.pk}/consent/").status_code == 204
    assert handed_out(api, campaign)["token"]


def test_an_annotator_finds_their_open_campaigns_and_progress(api, campaign, place):
    CampaignFactory(dataset=campaign.dataset, state=Campaign.State.DRAFT)
    CampaignFactory()
    labelled(campaign.items.first(), place)
    (mine,) = api.get("/api/v1/campaigns/").json()
    assert (mine["id"], mine["started"], mine["progress"]["done"]) == (campaign.pk, True, 1)
    assert api.get(f"/api/v1/campaigns/{campaign.pk}/progress/").json() == mine["progress"]


def test_another_persons_assignment_and_an_invented_one_look_the_same(api, campaign):
    theirs = routing.claim(ParticipantFactory(campaign=campaign)).token
    said = []
    for token in (theirs, uuid.uuid4()):
        for ask in (
            api.get(f"/api/v1/assignments/{token}/"),
            api.put(f"/api/v1/assignments/{token}/", {"answers": {"realism": "yes"}}, format="json"),
            *(
                api.post(f"/api/v1/assignments/{token}/{step}/", {"reason": "x"})
                for step in ("skip", "flag", "heartbeat")
            ),
        ):
            assert ask.status_code == 404
            said.append(ask.content)
    assert len(set(said)) == 1


def test_who_does_not_label_in_the_study_finds_no_campaign(campaign):
    address = f"/api/v1/campaigns/{campaign.pk}/next/"
    for user in (UserFactory(), member(campaign.study, Role.RESEARCHER)):
        assert client_of(user).post(address).status_code == 404
    assert APIClient().post(address).status_code == 401
    Campaign.objects.update(state=Campaign.State.DRAFT)
    assert client_of(member(campaign.study, Role.ANNOTATOR)).post(address).status_code == 404


def test_somebody_taken_out_of_the_study_reaches_their_items_no_more(api, campaign, place):
    sheet = handed_out(api, campaign)
    place.user.memberships.all().delete()
    assert put(api, sheet, answers=first_answers(sheet), submit=True).status_code == 404
    assert api.post(f"/api/v1/campaigns/{campaign.pk}/next/").status_code == 404


def test_no_cache_may_keep_what_a_person_is_handed(api, campaign):
    answers = [api.post(f"/api/v1/campaigns/{campaign.pk}/next/"), api.get(f"/api/v1/campaigns/{campaign.pk}/peek/")]
    answers.append(api.get(f"/api/v1/assignments/{answers[0].json()['token']}/"))
    answers.append(api.get(f"/api/v1/assignments/{uuid.uuid4()}/"))
    assert {answer["Cache-Control"] for answer in answers} == {"no-store, private"}


def test_a_page_of_ours_may_send_with_its_session_but_not_without_its_csrf_token(campaign, place):
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(place.user)
    assert client.post(f"/api/v1/campaigns/{campaign.pk}/next/").status_code == 403
    client.get(f"/label/{campaign.study.slug}/{campaign.slug}/")
    token = client.cookies["csrftoken"].value
    assert client.post(f"/api/v1/campaigns/{campaign.pk}/next/", headers={"X-CSRFToken": token}).status_code == 200


def test_researchers_download_every_label_and_annotators_none(api, campaign, place):
    item = campaign.items.first()
    Item.objects.filter(pk=item.pk).update(stratum="a-b · kept", inclusion_probability=0.25)
    labelled(item, place, {"realism": NO})
    routing.skip(routing.claim(place), reason="Not mine.")
    address = f"/api/v1/campaigns/{campaign.pk}/annotations/"
    assert api.get(address).status_code == 404
    researcher = client_of(member(campaign.study, Role.RESEARCHER))
    answer = researcher.get(address)
    assert answer["Content-Type"] == "application/x-ndjson"
    (line,) = [json.loads(line) for line in b"".join(answer).splitlines()]
    assert line["scenario"] == item.scenario.uid
    assert (line["answers"]["realism"], len(line["answers"])) == ("no", 8)
    assert (line["stratum"], line["inclusion_probability"], line["annotator"]) == ("a-b · kept", 0.25, place.pseudonym)
    lines = [json.loads(line) for line in b"".join(researcher.get(f"{address}?state=all")).splitlines()]
    assert [(each["state"], each["skip_reason"]) for each in lines] == [("submitted", ""), ("skipped", "Not mine.")]
    wrong = researcher.get(f"{address}?state=lost")
    assert (wrong.status_code, wrong.json()["code"]) == (400, "invalid_input")


def test_a_download_asks_the_database_no_more_for_more_labels(campaign, django_assert_max_num_queries):
    for place in ParticipantFactory.create_batch(3, campaign=campaign):
        for item in campaign.items.all():
            labelled(item, place)
    researcher = client_of(member(campaign.study, Role.RESEARCHER))
    with django_assert_max_num_queries(7):
        assert len(b"".join(researcher.get(f"/api/v1/campaigns/{campaign.pk}/annotations/")).splitlines()) == 6


def test_who_asks_far_more_than_a_person_is_told_to_wait(api, campaign, settings):
    caches["process"].clear()
    settings.LABELLING_REQUESTS_PER_MINUTE = 3
    address = f"/api/v1/campaigns/{campaign.pk}/progress/"
    codes = [api.get(address).status_code for _ in range(8)]  # a minute may end meanwhile
    assert codes[:3] == [200] * 3
    refused = [answer for answer in (api.get(address) for _ in range(4)) if answer.status_code == 429]
    assert refused
    assert 0 < int(refused[-1]["Retry-After"]) <= 60
    assert client_of(ParticipantFactory(campaign=campaign).user).get(address).status_code == 200


def test_handing_out_and_submitting_take_few_queries_however_much_is_done(
    api, campaign, place, django_assert_max_num_queries
):
    ItemFactory.create_batch(6, campaign=campaign)
    for item in campaign.items.all()[:4]:
        labelled(item, place)
    with django_assert_max_num_queries(13):
        sheet = handed_out(api, campaign)
    with django_assert_max_num_queries(9):
        put(api, sheet, answers=first_answers(sheet), submit=True)
