"""Value sets by API: what the pages do, with the same rights."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from conflictscope.studies.models import Membership
from conflictscope.studies.permissions import Role
from conflictscope.values.models import ValueSet, ValueSetVersion
from conflictscope.values.publishing import import_value_set
from tests.factories.studies import StudyFactory, UserFactory

pytestmark = pytest.mark.django_db

SETS = "/api/v1/value-sets/"
WARD = f"{SETS}ward/"


class Caller:
    """Somebody with a program. `ask` returns the body of an answer of the expected status."""

    def __init__(self, username: str) -> None:
        self.user = UserFactory(username=username)
        self.client = APIClient()
        self.client.force_authenticate(self.user)

    def ask(self, method: str, path: str, sent: Any = None, *, status: int = 200) -> Any:
        answer = getattr(self.client, method)(path, sent, format="json")
        assert answer.status_code == status, answer.content
        return answer.json() if answer.content else None


@pytest.fixture
def ana() -> Caller:
    return Caller("ana")


@pytest.fixture
def ben() -> Caller:
    return Caller("ben")


@pytest.fixture
def ward(ana: Caller) -> dict[str, Any]:
    """HHH, forked by Ana and still a draft."""
    import_value_set("hhh")
    draft: dict[str, Any] = ana.ask("post", f"{SETS}hhh/versions/1/fork/", {"name": "Ward", "slug": "ward"}, status=201)
    return draft


def as_sent(draft: dict[str, Any], **more: Any) -> dict[str, Any]:
    fields = ("edition", "name", "description", "licence", "pairing", "values")
    return {field: draft[field] for field in fields} | more


def test_a_set_is_forked_written_published_and_taken_along(ana: Caller, ben: Caller, ward: dict[str, Any]) -> None:
    assert ward["parent"] == {"value_set": "hhh", "number": 1}
    assert [value["key"] for value in ward["values"]] == ["helpfulness", "honesty", "harmlessness"]
    (calm,) = ana.ask("post", f"{WARD}draft/paste/", {"text": "Calm: Speaking softly, without hurry."})["values"]
    assert (calm["key"], calm["name"]) == ("calm", "Calm")
    written = ana.ask("put", f"{WARD}draft/", as_sent(ward, values=[*ward["values"], calm], reason="Ours."))
    assert (written["edition"], len(written["pairs"])) == (2, 6)
    told = ana.ask("put", f"{WARD}draft/", as_sent(ward, licence="CC0"), status=409)
    assert (told["code"], told["edition"]) == ("changed_meanwhile", 2)
    ben.ask("get", WARD, status=404)
    version = ana.ask("post", f"{WARD}draft/publish/", {"edition": 2}, status=201)
    assert (version["status"], version["digest"]) == (
        "published",
        ValueSetVersion.objects.get(value_set__slug="ward").digest,
    )
    assert version["address"] == "http://testserver/value-sets/ward/versions/1/"
    assert ben.ask("get", f"{WARD}versions/1/") == version
    assert [each["slug"] for each in ben.ask("get", SETS)["results"]] == ["hhh", "ward"]
    file = ben.client.get(f"{WARD}versions/1/files/CITATION.cff", headers={"accept": "application/yaml"})
    assert version["digest"] in file.content.decode()
    ana.ask("put", f"{WARD}draft/", as_sent(written), status=404)

    draft = ana.ask("post", f"{WARD}versions/", status=201)
    shorter = [value for value in draft["values"] if value["key"] != "calm"]
    ana.ask("put", f"{WARD}draft/", as_sent(draft, values=shorter))
    ben.ask("get", f"{WARD}draft/", status=404)
    assert [each["number"] for each in ben.ask("get", f"{WARD}versions/")] == [1]
    (dropped,) = ana.ask("get", f"{WARD}differences/")["of_values"]
    assert (dropped["kind"], dropped["key"]) == ("dropped", "calm")
    ben.ask("get", f"{WARD}differences/?to=2", status=404)
    ana.ask("delete", f"{WARD}draft/", status=204)
    assert ana.ask("post", f"{WARD}versions/1/retire/")["status"] == "retired"
    assert "not published" in ana.ask("post", f"{WARD}versions/1/retire/", status=409)["title"]
    history = ana.ask("get", f"{WARD}history/")["results"]
    assert [(event["by"], event["what"]) for event in history] == [
        ("ana", "published version 1"),
        ("ana", "wrote into version 1"),
        ("ana", "began version 1"),
    ]
    assert history[1]["reason"] == "Ours."


def test_members_propose_and_speak_and_stewards_decide(ana: Caller, ben: Caller, ward: dict[str, Any]) -> None:
    ben.ask("get", f"{WARD}proposals/", status=404)
    members = ana.ask("post", f"{WARD}members/", {"username": "ben", "role": "member"})
    assert members == [{"username": "ana", "role": "steward"}, {"username": "ben", "role": "member"}]
    ana.ask("patch", WARD, {"question": "Ward", "question_answers": ["A", "B", "A"], "public": True})
    assert ValueSet.objects.get(slug="ward").question_answers == ["A", "B"]
    assert ana.ask("patch", WARD, {"question": ""}, status=400)["code"] == "invalid_input"
    ben.ask("put", f"{WARD}answer/", {"answer": "B"}, status=204)
    ben.ask("put", f"{WARD}answer/", {"answer": "C"}, status=400)
    wish = {"change": "reword", "key": "honesty", "definition": "Saying what is so.", "reason": "Shorter."}
    first = ben.ask("post", f"{WARD}proposals/", wish, status=201)
    second = ben.ask("post", f"{WARD}proposals/", {"change": "drop", "key": "honesty", "reason": "Else."}, status=201)
    assert second["conflicts"] == [first["id"]]
    one, other = (f"{WARD}proposals/{each['id']}/" for each in (first, second))
    heard = ben.ask("post", f"{one}voices/", {"stance": "support", "words": "Yes."}, status=201)
    assert (heard["support"], heard["against"], heard["groups"]) == (1, 0, []), "a group of one is not shown"
    assert (heard["voices"][0]["user"], heard["voices"][0]["words"]) == (None, "Yes.")
    heard = ben.ask("post", f"{one}voices/", {"stance": "comment", "words": "Or both."}, status=201)
    assert heard["voices"][1]["user"] == "ben", "comments are signed"
    ben.ask("post", f"{one}decision/", {"decision": "accept"}, status=403)
    ana.ask("post", f"{one}decision/", {"decision": "withdraw"}, status=403)
    assert ana.ask("post", f"{one}decision/", {"decision": "accept"})["state"] == "accepted"
    assert "owed a reason" in ana.ask("post", f"{other}decision/", {"decision": "decline"}, status=400)["title"]
    assert ben.ask("post", f"{other}decision/", {"decision": "withdraw"})["decided_by"] == "ben"
    ana.ask("post", f"{other}decision/", {"decision": "decline", "reason": "No."}, status=409)
    values = ben.ask("get", f"{WARD}draft/")["values"]
    assert values[1]["definition"] == "Saying what is so."
    assert [each["id"] for each in ana.ask("get", f"{WARD}proposals/?state=withdrawn")["results"]] == [second["id"]]
    assert ben.ask("get", one)["state"] == "accepted"
    ben.ask("delete", f"{WARD}members/ana/", status=404)
    assert "last steward" in ana.ask("delete", f"{WARD}members/ana/", status=409)["title"]
    ana.ask("delete", f"{WARD}members/ben/", status=204)
    ben.ask("get", one, status=404)


def test_orders_are_written_by_members_and_stand_in_the_history(ana: Caller, ben: Caller, ward: dict[str, Any]) -> None:
    ana.ask("post", f"{WARD}draft/publish/", {"edition": 1}, status=201)
    orders = f"{WARD}versions/1/orders/"
    ranks = {"helpfulness": 3, "honesty": 1, "harmlessness": 1}
    ben.ask("post", orders, {"name": "Ben's", "ranks": ranks}, status=404)
    assert ana.ask("post", orders, {"name": "Ours", "ranks": ranks}, status=201)["tiers"] == [
        ["honesty", "harmlessness"],
        ["helpfulness"],
    ]
    assert "has no rank" in ana.ask("post", orders, {"name": "Half", "ranks": {"honesty": 1}}, status=400)["title"]
    assert [order["name"] for order in ben.ask("get", orders)] == ["Ours"]
    newest = ana.ask("get", f"{WARD}history/")["results"][0]
    assert (newest["by"], newest["what"]) == ("ana", "wrote the order Ours of version 1")


def test_what_is_sent_wrongly_is_refused_in_words(ana: Caller, ward: dict[str, Any]) -> None:
    wrong = ana.ask("put", f"{WARD}draft/", as_sent(ward, valeus=[]), status=400)
    assert "What may be sent" in wrong["errors"]["valeus"]
    twice = [*ward["values"], ward["values"][0]]
    assert "rename one of them" in ana.ask("put", f"{WARD}draft/", as_sent(ward, values=twice), status=400)["title"]
    nameless = as_sent(ward, values=[{"name": "", "definition": "x"}])
    assert "name" in ana.ask("put", f"{WARD}draft/", nameless, status=400)["errors"]["values"]["0"]
    assert "no definition" in ana.ask("post", f"{WARD}draft/paste/", {"text": "Calm"}, status=400)["title"]
    assert "choose another address" in ana.ask("post", SETS, {"name": "Ward"}, status=409)["title"]
    ana.ask("get", f"{WARD}differences/?to=9", status=404)
    ana.ask("get", f"{WARD}versions/1/", status=404)
    ana.ask("post", f"{SETS}import/", {"text": "{}"}, status=403)
    assert ValueSetVersion.objects.get(value_set__slug="ward").edition == 1


def test_a_file_is_published_by_those_who_run_a_pipeline(ana: Caller) -> None:
    Membership.objects.create(study=StudyFactory(), user=ana.user, role=Role.RESEARCHER)
    text = '{"Calm": "Speaking softly.", "Candour": "Saying it plainly."}'
    sent = {"text": text, "slug": "ward", "name": "Ward"}
    assert ana.ask("post", f"{SETS}import/", sent, status=201)["version"]["number"] == 1
    assert ana.ask("post", f"{SETS}import/", sent)["created"] is False
