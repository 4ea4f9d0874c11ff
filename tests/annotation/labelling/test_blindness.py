"""An annotator asks every address of the product, and learns nothing about what a machine or another person said."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from annotation.campaigns.lifecycle import close
from annotation.models import Annotation, Assignment, Campaign
from conflictscope.scenarios.filtering.dimensions import NO
from conflictscope.studies.permissions import Role
from evaluation.models import Judgement
from tests.factories.annotation import CampaignFactory, ItemFactory, ParticipantFactory, labelled
from tests.factories.deciding import decide
from tests.factories.evaluation import RunFactory, answered
from tests.factories.scenarios import DatasetFactory, ScenarioFactory
from tests.factories.studies import StudyFactory, member

pytestmark = pytest.mark.django_db

# Words that only a verdict, a judge or another person brought into the database.
SECRETS = (
    "the-judge", "Zinc verdict", "other-person", "Copper comment", "Silver flag", "Iron reason", "zinc-stratum",
    "Lead refusal", "badge-pass", "badge-fail", "badge-dropped", "badge-kept", "Decided", "κ",
)  # fmt: skip
# Below these an annotator may go; everything else of a study is not there for them.
OPEN = ("/label/",)


def addresses(filled: dict[str, Any]) -> list[str]:
    """Every address of the product, with these values in its gaps. A gap without a value fails: name one for it above."""

    def walk(patterns: Any, before: str) -> Iterator[str]:
        for each in patterns:
            route = before + str(each.pattern).removeprefix("^").removesuffix("$").removesuffix(r"\Z")
            if isinstance(each, URLResolver):
                yield from walk(each.url_patterns, route)
            elif isinstance(each, URLPattern):
                yield "/" + re.sub(
                    r"<(?:\w+:)?(\w+)>|\(\?P<(\w+)>[^)]*\)", lambda gap: str(filled[gap[1] or gap[2]]), route
                )

    return list(dict.fromkeys(walk(get_resolver().url_patterns, "")))


def everything(client: Client, user: User, filled: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """What each address answers: asked for as a page, as a fragment and as data, and sent an empty form."""
    for address in addresses(filled):
        for how, headers in (("GET", {}), ("GET by htmx", {"hx-request": "true"}), ("POST", {})):
            client.force_login(user)
            ask = client.post if how == "POST" else client.get
            yield how, address, ask(address, headers=headers)


@pytest.mark.parametrize("state", [Campaign.State.OPEN, Campaign.State.PAUSED, Campaign.State.CLOSED])
def test_no_address_tells_an_annotator_what_a_machine_or_another_person_said(
    client: Client, world: dict[str, Any], state: str
) -> None:
    Campaign.objects.update(state=state)
    for token in world["tokens"]:
        for how, address, response in everything(client, world["me"], world["filled"] | {"token": token}):
            said = b"".join(response) if response.streaming else response.content
            for secret in SECRETS:
                assert secret.encode() not in said, f"{how} {address} tells {secret!r}"
            if "/studies/mine/" in address:
                assert response.status_code in (404, 405), f"{how} {address}"
            elif not address.startswith(OPEN):
                assert response.status_code != 500, f"{how} {address}"


def test_who_may_see_the_study_finds_it_all_on_the_same_way(client: Client, world: dict[str, Any]) -> None:
    client.force_login(member(world["campaign"].study, Role.RESEARCHER))
    said = b"".join(
        client.get(address).getvalue() for address in addresses(world["filled"]) if "/studies/mine/" in address
    )
    assert [secret for secret in SECRETS if secret.encode() not in said] == []


def test_the_crawl_reaches_every_room(world: dict[str, Any]) -> None:
    asked = addresses(world["filled"])
    for address in (
        "/studies/mine/agreement/",
        "/studies/mine/datasets/hhh/scenarios/hhh-2/labels/",
        f"/label/mine/check/{world['tokens'][0]}/submit/",
        "/api/v1/studies/mine/runs/",
        "/admin/annotation/",
    ):
        assert address in asked


def test_an_item_that_another_person_has_labelled_comes_without_any_answer(
    client: Client, world: dict[str, Any]
) -> None:
    client.force_login(world["me"])
    said = client.get("/label/mine/check/").content.decode()
    assert 'id="label-form"' in said
    assert "checked" not in said


def test_the_item_of_another_person_cannot_be_answered_for_them(client: Client, world: dict[str, Any]) -> None:
    client.force_login(world["me"])
    theirs = world["tokens"][1]
    before = list(Annotation.objects.order_by("pk").values_list("answer", flat=True))
    for step in ("answers", "submit", "skip", "flag"):
        assert client.post(f"/label/mine/check/{theirs}/{step}/", {"realism": "yes", "reason": "x"}).status_code == 404
    assert list(Annotation.objects.order_by("pk").values_list("answer", flat=True)) == before
    assert Assignment.objects.get(token=theirs).state == Assignment.State.SUBMITTED


def test_an_error_in_a_form_shows_no_more_than_the_form(client: Client, world: dict[str, Any]) -> None:
    client.force_login(world["me"])
    mine = world["tokens"][0]
    for sent in ({}, {"realism": "fail"}, {"realism": "yes"}):
        said = client.post(f"/label/mine/check/{mine}/submit/", sent).content.decode()
        for secret in SECRETS:
            assert secret not in said


def test_a_closed_campaign_still_shows_its_annotators_nothing(client: Client, world: dict[str, Any]) -> None:
    close(world["campaign"])
    client.force_login(world["me"])
    assert "Thank you for your work" in client.get("/label/mine/check/").content.decode()


@pytest.mark.parametrize("kind", [Campaign.Kind.ACTION_JUDGEMENT, Campaign.Kind.PREFERENCE])
def test_in_the_other_kinds_nobody_learns_who_spoke_what_was_judged_or_which_value_is_at_stake(
    client: Client, kind: str
) -> None:
    study = StudyFactory(slug="mine")
    dataset = DatasetFactory(study=study)
    campaign = CampaignFactory(dataset=dataset, slug="other", kind=kind, overlap=3)
    run = RunFactory(dataset=dataset, talks=True, target__label="zinc-target", judge__name="zinc-judge")
    other = ParticipantFactory(campaign=campaign, pseudonym="other-person")
    value = dataset.value_set_version.values.first()
    for number in range(2):
        scenario = ScenarioFactory(dataset=dataset, status="kept", uid=f"zinc-{number}")
        response = answered(run, scenario, "value_1")
        Judgement.objects.update(reason="Zinc reason", strength=1)
        about = {"response": response} if kind == Campaign.Kind.ACTION_JUDGEMENT else {"scenario": scenario}
        item = ItemFactory(campaign=campaign, stratum="zinc-stratum", **about)
        labelled(item, other)
    Annotation.objects.update(comment="Zinc comment")
    decide(campaign, minimum=1)
    me = ParticipantFactory(campaign=campaign, user=member(study, Role.ANNOTATOR))
    client.force_login(me.user)
    page = client.get("/label/mine/other/").content.decode()
    told = [page, client.post(f"/api/v1/campaigns/{campaign.pk}/next/").content.decode()]
    token = str(Assignment.objects.get(participant=me).token)
    told += [
        client.get(f"/label/mine/other/{way}").content.decode()
        for way in ("guideline/", "peek/", f"{token}/", "latest/")
    ]
    told += [
        client.get(f"/api/v1/{way}").content.decode()
        for way in (f"assignments/{token}/", f"campaigns/{campaign.pk}/peek/")
    ]
    told += [client.post(f"/label/mine/other/{token}/submit/", {"resolved": "perhaps"}).content.decode()]
    assert 'id="label-form"' in page
    for text in told:
        assert "zinc" not in text.lower()
        assert "other-person" not in text
        assert value.definition not in text
        assert "checked" not in text
        if kind == Campaign.Kind.ACTION_JUDGEMENT:
            assert scenario.description not in text
    for way in ("", "so-far/", "ties/", f"items/{item.pk}/", "preview/", "preview/1/"):
        assert client.get(f"/studies/mine/campaigns/other/{way}").status_code == 404


def shapes(value: Any) -> Any:
    """The form of a reply without its words."""
    if isinstance(value, dict):
        return {key: shapes(each) for key, each in value.items()}
    return [shapes(each) for each in value] if isinstance(value, list) else type(value).__name__


def test_nothing_but_its_text_tells_a_rejected_scenario_from_another(client: Client, world: dict[str, Any]) -> None:
    """By the API: no uid, no row's number, no stratum, no priority; the same fields, and a token that says nothing."""
    campaign = world["campaign"]
    client.force_login(world["me"])
    replies = []
    for _ in range(3):
        shown = client.get(f"/api/v1/campaigns/{campaign.pk}/peek/")
        reply = client.post(f"/api/v1/campaigns/{campaign.pk}/next/")
        replies.append(reply.json())
        again = client.get(f"/api/v1/assignments/{reply.json()['token']}/")
        for said in (shown, reply, again):
            assert said["Cache-Control"] == "no-store, private"
            assert not any(secret.encode() in said.content for secret in (*SECRETS, "hhh-", "stratum", "priority"))
        client.post(f"/api/v1/assignments/{reply.json()['token']}/skip/")
    assert {reply["content"]["description"] for reply in replies} == set(
        campaign.items.values_list("scenario__description", flat=True)
    )
    for reply in replies:
        reply["actions"].sort(key=lambda action: action["letter"])
    assert shapes(replies[0]) == shapes(replies[1]) == shapes(replies[2])
    numbers = {str(number) for item in campaign.items.all() for number in (item.pk, item.scenario_id)}
    assert not any(str(reply[field]) in numbers for reply in replies for field in reply if field != "campaign")
    assert {uuid.UUID(reply["token"]).version for reply in replies} == {4}


def test_no_wrong_request_to_the_api_is_answered_with_more_than_its_fault(
    client: Client, world: dict[str, Any]
) -> None:
    client.force_login(world["me"])
    mine, theirs = world["tokens"]
    bodies: tuple[dict[str, Any], ...] = (
        {},
        {"answers": {"realism": "fail", "stratum": "x"}},
        {"answers": {"realism": "yes"}, "submit": True},
        {"answers": {"realism": "yes"}, "edit": True},
        {"answers": "yes"},
    )
    for token in (mine, theirs):
        for body in bodies:
            said = client.put(f"/api/v1/assignments/{token}/", body, content_type="application/json")
            assert said.status_code in ((200, 400, 409, 422) if token == mine else (404, 400))
            assert not any(secret.encode() in said.content for secret in SECRETS)
    assert Annotation.objects.filter(assignment__token=theirs, question="realism").get().answer == NO


def test_what_is_shown_of_an_item_is_kept_by_no_cache(client: Client, world: dict[str, Any]) -> None:
    client.force_login(world["me"])
    for address in ("/label/mine/check/", "/label/mine/check/peek/"):
        said = client.get(address)
        assert said.status_code == 200
        assert {"no-store", "private"} <= set(said["Cache-Control"].split(", "))


def test_how_far_others_are_is_not_to_be_seen_from_what_is_asked(client: Client, world: dict[str, Any]) -> None:
    """Progress is the person's own, whatever others do meanwhile."""
    fresh = ItemFactory(
        campaign=world["campaign"], scenario=ScenarioFactory(dataset=world["campaign"].dataset, uid="hhh-9")
    )
    client.force_login(world["me"])
    before = client.get(f"/api/v1/campaigns/{world['campaign'].pk}/progress/").json()
    labelled(fresh, ParticipantFactory(campaign=world["campaign"]))
    assert client.get(f"/api/v1/campaigns/{world['campaign'].pk}/progress/").json() == before
