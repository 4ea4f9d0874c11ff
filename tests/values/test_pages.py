"""Pages of value sets: what each shows to whom, what is refused in words, and what is taken along."""

from __future__ import annotations

import json

import pytest
import yaml
from django.contrib.auth.models import User
from django.test import Client

from conflictscope.studies.permissions import SetRole
from conflictscope.values.access import set_role
from conflictscope.values.drafting import start_version
from conflictscope.values.models import Proposal, TargetRanking, ValueSet, ValueSetVersion
from conflictscope.values.orders import carried_over, order_of_members
from conflictscope.values.parsing import parse_value_set
from conflictscope.values.publishing import import_value_set, publish_draft
from tests.factories.studies import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def version() -> ValueSetVersion:
    return import_value_set("hhh").version


@pytest.fixture
def steward(version: ValueSetVersion) -> User:
    user = UserFactory(username="ana")
    set_role(version.value_set, user, SetRole.STEWARD)
    return user


@pytest.fixture
def hers(client: Client, steward: User) -> Client:
    client.force_login(steward)
    return client


def rows(*names: str, **more: str) -> dict[str, str]:
    """A draft's form, filled in."""
    data = {"values-TOTAL_FORMS": str(len(names)), "values-INITIAL_FORMS": "0", "name": "HHH", "pairing": "all_pairs"}
    for number, name in enumerate(names):
        data |= {f"values-{number}-name": name, f"values-{number}-definition": f"Caring about {name}."}
        data |= {f"values-{number}-ORDER": str(number + 1)}
    return data | more


def test_a_visitor_reads_a_public_set_and_is_told_of_no_other(client: Client, version: ValueSetVersion) -> None:
    for address in ("/value-sets/hhh/", "/value-sets/hhh/versions/1/", "/value-sets/nothing/"):
        assert client.get(address)["Location"].startswith("/login/")
    ValueSet.objects.update(public=True)
    for address in ("/value-sets/hhh/", "/value-sets/hhh/versions/1/", "/value-sets/hhh/versions/1/values.json"):
        assert client.get(address).status_code == 200
    start_version(version.value_set, by=None)
    assert "Version 2" not in client.get("/value-sets/hhh/").text
    assert client.get("/value-sets/hhh/versions/2/").status_code == 404
    assert client.get("/value-sets/hhh/draft/")["Location"].startswith("/login/")


def test_a_draft_is_its_members_alone(client: Client, version: ValueSetVersion, steward: User) -> None:
    start_version(version.value_set, by=steward)
    client.force_login(UserFactory())
    assert client.get("/value-sets/hhh/draft/").status_code == 404
    assert "Version 2" not in client.get("/value-sets/hhh/").text
    assert "version 2" not in client.get("/value-sets/hhh/compare/").text


def test_an_order_of_places_is_the_order_of_values(hers: Client, version: ValueSetVersion) -> None:
    draft = start_version(version.value_set, by=None)
    sent = rows("Thrift", "Calm", "Candour", edition="1")
    sent |= {"values-0-ORDER": "3", "values-2-DELETE": "on"}
    assert hers.post("/value-sets/hhh/draft/", sent).status_code == 302
    assert list(draft.values.values_list("key", flat=True)) == ["calm", "thrift"]


def test_the_second_steward_keeps_their_text_and_sees_the_other(hers: Client, version: ValueSetVersion) -> None:
    draft = start_version(version.value_set, by=None)
    hers.post("/value-sets/hhh/draft/", rows("Thrift", "Calm", edition="1"))
    answer = hers.post("/value-sets/hhh/draft/", rows("Thrift", "Candour", edition="1"))
    assert answer.status_code == 409
    assert "Somebody else has written" in answer.text
    assert "Caring about Candour." in answer.text
    assert "<del>" in answer.text
    assert 'name="edition" value="2"' in answer.text
    assert list(draft.values.values_list("key", flat=True)) == ["thrift", "calm"]


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (rows("Calm", "calm", edition="1"), "rename one of them"),
        (rows("Calm", "", edition="1") | {"values-1-definition": "x"}, "This field is required"),
        (rows("Calm", edition="no"), "Enter a whole number"),
        (rows("Calm", edition="1", pairing="nothing"), "Select a valid choice"),
        ({"name": "HHH"}, "ManagementForm data is missing"),
    ],
)
def test_what_cannot_be_stored_is_said_and_shown_again(
    hers: Client, version: ValueSetVersion, sent: dict[str, str], why: str
) -> None:
    draft = start_version(version.value_set, by=None)
    answer = hers.post("/value-sets/hhh/draft/", sent)
    assert answer.status_code == 400
    assert why in answer.text
    assert draft.values.count() == 3


def test_what_is_pasted_is_shown_before_it_is_kept(hers: Client, version: ValueSetVersion) -> None:
    draft = start_version(version.value_set, by=None)
    text = "Calm: Speaking softly."
    assert "1 value understood" in hers.post("/value-sets/hhh/draft/paste/", {"text": text}).text
    assert draft.values.count() == 3
    hers.post("/value-sets/hhh/draft/paste/", {"text": text, "keep": "on", "edition": "1"})
    assert draft.values.count() == 4
    wrong = hers.post("/value-sets/hhh/draft/paste/", {"text": "Calm"})
    assert wrong.status_code == 400
    assert "line 1: no definition" in wrong.text
    assert (
        "nothing of yours is stored"
        in hers.post("/value-sets/hhh/draft/paste/", {"text": "Thrift: x", "keep": "on", "edition": "1"}).text
    )


def test_files_say_what_the_version_says(hers: Client, version: ValueSetVersion) -> None:
    files = {
        file: hers.get(f"/value-sets/hhh/versions/1/{file}") for file in ("values.json", "values.yaml", "short.json")
    }
    for file in ("values.json", "values.yaml"):
        assert parse_value_set(files[file].text, source=file).digest == version.digest
    assert list(json.loads(files["short.json"].text)) == ["Helpfulness", "Honesty", "Harmlessness"]
    cited = yaml.safe_load(hers.get("/value-sets/hhh/versions/1/CITATION.cff").text)
    assert cited["url"] == "http://testserver/value-sets/hhh/versions/1/"
    assert cited["identifiers"][0]["value"] == f"sha256:{version.digest}"
    assert f"SHA-256 {version.digest}" in hers.get("/value-sets/hhh/versions/1/citation.bib").text
    assert hers.get("/value-sets/hhh/versions/1/anything").status_code == 404


def test_a_retired_version_is_offered_for_no_new_dataset(hers: Client, version: ValueSetVersion) -> None:
    assert "is retired" in hers.post("/value-sets/hhh/versions/1/retire/", follow=True).text
    version.refresh_from_db()
    assert version.status == "retired"
    assert "not published" in hers.post("/value-sets/hhh/versions/1/retire/", follow=True).text


def test_proposals_by_page(hers: Client, version: ValueSetVersion, client: Client) -> None:
    page = "/value-sets/hhh/proposals/"
    sent = {"change": "reword", "key": "honesty", "definition": "<b>Saying</b> so.", "reason": "Shorter."}
    assert "Proposed" in hers.post(page, sent, follow=True).text
    proposal = Proposal.objects.get()
    assert "&lt;b&gt;" in hers.get(page).text
    assert hers.post(page, sent | {"reason": ""}).status_code == 400
    hers.post(f"{page}{proposal.pk}/speak/", {"stance": "object", "words": "No."})
    assert "<strong>1</strong> against" in hers.get(page).text
    assert "owed a reason" in hers.post(f"{page}{proposal.pk}/decline/", follow=True).text
    assert "written into the draft" in hers.post(f"{page}{proposal.pk}/accept/", follow=True).text
    assert "had proposed" in hers.get("/value-sets/hhh/history/").text


def test_the_last_steward_stays(hers: Client, steward: User) -> None:
    page = "/value-sets/hhh/members/"
    assert "last steward" in hers.post(f"{page}remove/", {"username": "ana"}, follow=True).text
    assert "last steward" in hers.post(page, {"username": "ana", "role": "reader"}, follow=True).text
    assert "Nobody here has this username" in hers.post(page, {"username": "nobody", "role": "reader"}).text


def test_an_order_has_ties_and_is_carried_over_where_keys_stayed(hers: Client, version: ValueSetVersion) -> None:
    page = "/value-sets/hhh/versions/1/order/"
    ranks = {"name": "Ours", "rank_helpfulness": "3", "rank_honesty": "1", "rank_harmlessness": "1"}
    assert "The order is kept" in hers.post(page, ranks, follow=True).text
    order = TargetRanking.objects.get()
    assert list(order.positions.order_by("value__position").values_list("rank", flat=True)) == [2, 1, 1]
    assert "Honesty = Harmlessness" in hers.get("/value-sets/hhh/versions/1/").text
    assert "choose another name" in hers.post(page, ranks | {"rank_honesty": "2"}).text
    assert hers.post(page, ranks | {"rank_honesty": ""}).status_code == 400
    draft = start_version(version.value_set, by=None)
    hers.post("/value-sets/hhh/draft/", rows("Honesty", "Calm", edition="1"))
    second = publish_draft(draft, edition=2, by=None)
    assert carried_over(order, second) == {"honesty": 1}
    assert hers.get(f"/value-sets/hhh/versions/2/order/?from={order.pk}").status_code == 200


def test_a_list_of_sets_takes_the_same_queries_however_many(
    hers: Client, version: ValueSetVersion, django_assert_max_num_queries: object
) -> None:
    for name in ("personal-protective", "modelspec"):
        import_value_set(name)
    with django_assert_max_num_queries(8):  # type: ignore[operator]
        assert hers.get("/value-sets/").status_code == 200
    order_of_members(
        version, {"helpfulness": 1, "honesty": 2, "harmlessness": 3}, name="One", by=User.objects.get(username="ana")
    )
    with django_assert_max_num_queries(22):  # type: ignore[operator]
        hers.get("/value-sets/hhh/")
