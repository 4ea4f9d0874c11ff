"""Members propose, support and object; stewards decide; the whole of it is the set's history."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.contrib.auth.models import User
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conflictscope.errors import Conflict, ConflictScopeError, InvalidInput, NotAllowed
from conflictscope.studies.permissions import SetRole
from conflictscope.values.access import answer_question, set_role
from conflictscope.values.contents import content_from, content_of
from conflictscope.values.drafting import fork, start_version, write
from conflictscope.values.models import Proposal, ValueSet, ValueSetVersion
from conflictscope.values.parsing import ValueText
from conflictscope.values.publishing import publish_draft
from conflictscope.values.together.history import events_of, rebuilt
from conflictscope.values.together.proposing import Wish, accept, carried_out, decline, heard, propose, speak, withdraw
from tests.factories.studies import UserFactory
from tests.factories.values import ValueSetVersionFactory

pytestmark = pytest.mark.django_db

REWORD = Wish("reword", key="honesty", definition="Saying what one knows, and that one does not know.")
ADD = Wish("add", name="Self-reliance", definition="Leaving people what they can do themselves.")


@pytest.fixture
def value_set() -> ValueSet:
    return ValueSetVersionFactory().value_set


def person(value_set: ValueSet, role: str = SetRole.MEMBER, answer: str = "") -> User:
    user = UserFactory()
    set_role(value_set, user, role)
    answer_question(value_set, user, answer)
    return user


def test_what_is_accepted_is_written_into_a_draft_and_credited(value_set: ValueSet) -> None:
    author, steward = person(value_set), person(value_set, SetRole.STEWARD)
    draft = accept(propose(value_set, REWORD, reason="Truer.", by=author), by=steward)
    assert (draft.number, draft.status) == (2, "draft")
    assert draft.values.get(key="honesty").definition == REWORD.definition
    written = next(event for event in events_of(value_set) if event.what.startswith("wrote"))
    assert (written.by, written.proposal.author if written.proposal else None) == (steward, author)
    assert str(author) in written.what
    assert written.change
    assert [change.key for change in written.change.of_values] == ["honesty"]


@pytest.mark.parametrize(
    ("wish", "why"),
    [
        (Wish("add", name="Honesty", definition="Again."), "already"),
        (Wish("add", name="Calm"), "name and a definition"),
        (Wish("reword", key="nothing", definition="x"), "no value nothing"),
        (Wish("reword", key="honesty"), "says already"),
        (Wish("reword", key="honesty", name="Helpfulness"), "called 'helpfulness' already"),
        (Wish("regroup", key="honesty"), "says already"),
        (Wish("burn", key="honesty"), "A change is one of"),
        (Wish("drop", key=""), "no value"),
        (Wish("add", name="x" * 101, definition="y"), "at most 100"),
    ],
)
def test_a_wish_that_changes_nothing_or_cannot_be_is_refused(value_set: ValueSet, wish: Wish, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        propose(value_set, wish, reason="So.", by=person(value_set))
    assert not Proposal.objects.exists()


def test_a_proposal_needs_a_reason(value_set: ValueSet) -> None:
    with pytest.raises(InvalidInput, match="Say why"):
        propose(value_set, ADD, reason=" ", by=person(value_set))


def test_who_may_propose_speak_and_decide(value_set: ValueSet) -> None:
    member, reader, stranger = person(value_set), person(value_set, SetRole.READER), UserFactory()
    for nobody in (reader, stranger):
        with pytest.raises(NotAllowed):
            propose(value_set, ADD, reason="So.", by=nobody)
    proposal = propose(value_set, ADD, reason="So.", by=member)
    for action in (
        lambda: speak(proposal, "support", by=reader),
        lambda: accept(proposal, by=member),
        lambda: decline(proposal, reason="No.", by=member),
        lambda: withdraw(proposal, by=reader),
    ):
        with pytest.raises(NotAllowed):
            action()
    assert Proposal.objects.get().state == "open"


def test_what_is_decided_is_not_decided_again(value_set: ValueSet) -> None:
    member, steward = person(value_set), person(value_set, SetRole.STEWARD)
    proposal = propose(value_set, ADD, reason="So.", by=member)
    with pytest.raises(InvalidInput, match="owed a reason"):
        decline(proposal, reason="", by=steward)
    decline(proposal, reason="Too wide.", by=steward)
    for action in (
        lambda: accept(proposal, by=steward),
        lambda: withdraw(proposal, by=member),
        lambda: speak(proposal, "support", by=member),
    ):
        with pytest.raises(Conflict, match="declined already"):
            action()


def test_one_that_no_longer_fits_is_not_carried_out(value_set: ValueSet) -> None:
    member, steward = person(value_set), person(value_set, SetRole.STEWARD)
    reword = propose(value_set, REWORD, reason="So.", by=member)
    accept(propose(value_set, Wish("drop", key="honesty"), reason="Twice.", by=member), by=steward)
    with pytest.raises(Conflict, match="no value honesty"):
        accept(reword, by=steward)
    assert Proposal.objects.get(pk=reword.pk).state == "open"


def test_a_member_has_one_voice_and_may_change_it(value_set: ValueSet) -> None:
    member = person(value_set)
    proposal = propose(value_set, ADD, reason="So.", by=member)
    speak(proposal, "support", words="Yes.", by=member)
    speak(proposal, "object", by=member)
    speak(proposal, "comment", words="Or both.", by=member)
    (each,) = heard(value_set, [proposal])
    assert (each.support, each.against) == (0, 1)
    assert [(voice.stance, voice.words) for voice in each.voices] == [("object", "Yes."), ("comment", "Or both.")]


def test_support_across_groups_counts_for_more_than_that_of_the_largest(value_set: ValueSet) -> None:
    """Twelve of ward A for the first, six of each ward for the second: (13/14)(1/8) against (7/14)... by hand below."""
    value_set.question, value_set.question_answers = "Ward", ["A", "B"]
    value_set.save()
    first_ward = [person(value_set, answer="A") for _ in range(12)]
    second_ward = [person(value_set, answer="B") for _ in range(6)]
    of_one = propose(value_set, ADD, reason="So.", by=first_ward[0])
    of_both = propose(value_set, REWORD, reason="So.", by=first_ward[0])
    for user in first_ward:
        speak(of_one, "support", by=user)
    for user in second_ward:
        speak(of_one, "object", words="Not on our ward.", by=user)
    for user in [*first_ward[:6], *second_ward[:6]]:
        speak(of_both, "support", by=user)
    best, worst = heard(value_set, [of_one, of_both])
    assert (best.proposal, worst.proposal) == (of_both, of_one)
    assert best.bridging == pytest.approx((7 / 8) * (7 / 8))
    assert worst.bridging == pytest.approx((13 / 14) * (1 / 8))
    assert worst.parting == pytest.approx(13 / 14 - 1 / 8)


def test_a_group_of_fewer_than_five_is_not_shown_nor_to_be_worked_out(value_set: ValueSet) -> None:
    value_set.question, value_set.question_answers = "Ward", ["A", "B"]
    value_set.save()
    people = [person(value_set, answer="A") for _ in range(6)] + [person(value_set, answer="B") for _ in range(2)]
    proposal = propose(value_set, ADD, reason="So.", by=people[0])
    for user in people:
        speak(proposal, "support", by=user)
    (each,) = heard(value_set, [proposal])
    assert each.support == 8
    assert each.shown_groups == []
    assert each.parting is None


def test_voices_are_signed_unless_names_would_tell_what_somebody_answered(value_set: ValueSet, client: Client) -> None:
    """Ward A is for it, ward B against: with the names of both beside the numbers everybody's ward would be known."""
    people = [person(value_set, answer="") for _ in range(12)]
    proposal = propose(value_set, ADD, reason="So.", by=people[0])
    speak(proposal, "support", words="Yes indeed.", by=people[0])
    speak(proposal, "object", words="No indeed.", by=people[1])
    page = f"/value-sets/{value_set.slug}/proposals/"
    client.force_login(people[11])
    assert f"<strong>{people[1]}</strong> object" in client.get(page).text
    value_set.question, value_set.question_answers = "Ward", ["A", "B"]
    value_set.save()
    for number, user in enumerate(people):
        answer_question(value_set, user, "A" if number % 2 == 0 else "B")
        speak(proposal, "support" if number % 2 == 0 else "object", by=user)
    shown = client.get(page).text
    assert "A</span> 6–0" in shown
    assert "B</span> 0–6" in shown
    assert "No indeed." in shown
    assert f"<strong>{people[1]}</strong>" not in shown
    assert "<strong>You</strong> object" in shown
    told = [event for event in events_of(value_set) if event.what.startswith(("supported", "objected"))]
    assert {(event.reason, event.by, event.unsigned, event.at.hour) for event in told} == {
        ("Yes indeed.", None, True, 0),
        ("No indeed.", None, True, 0),
    }, "who says nothing is only counted, and a moment would tell who was here"
    assert f"<strong>{people[1]}</strong>" not in client.get(f"/value-sets/{value_set.slug}/history/").text
    value_set.question = ""
    assert {event.by for event in events_of(value_set) if event.what.startswith("objected to the proposal to add")} == {
        *people[1::2]
    }


def test_proposals_about_one_value_are_said_to_clash(value_set: ValueSet) -> None:
    member = person(value_set)
    reword = propose(value_set, REWORD, reason="So.", by=member)
    drop = propose(value_set, Wish("drop", key="honesty"), reason="So.", by=member)
    add = propose(value_set, ADD, reason="So.", by=member)
    clashes = {each.proposal: each.conflicts for each in heard(value_set, [reword, drop, add])}
    assert clashes == {reword: [drop], drop: [reword], add: []}


OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(
            ["add", "reword", "regroup", "drop", "accept", "decline", "withdraw", "speak", "write", "publish", "fork"]
        ),
        st.integers(0, 3),
        st.sampled_from(["", "Calm", "Candour", "Ünïque", "honesty"]),
    ),
    max_size=14,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(operations=OPERATIONS)
def test_every_draft_can_be_rebuilt_from_its_history(operations: list[tuple[str, int, str]]) -> None:
    """Whatever people do in whatever order: each revision follows from the one before and what it carried out."""
    first = ValueSetVersionFactory()
    steward = person(first.value_set, SetRole.STEWARD)
    sets = [first.value_set]
    for number, (operation, which, word) in enumerate(operations):
        value_set = sets[which % len(sets)]
        try:
            _do(operation, value_set, which, word, steward, sets, number)
        except ConflictScopeError:
            continue
    for version in ValueSetVersion.objects.filter(revisions__isnull=False).distinct():
        content = content_of(version.parent).values if version.parent else ()
        for revision in version.revisions.order_by("number"):
            said = content_from(revision.content)
            if revision.proposal is not None:
                assert carried_out(revision.proposal, replace(said, values=content)).values == said.values
            elif revision.number == 1:
                assert said.values == content
            content = said.values
        assert rebuilt(version) == replace(content_of(version), name=rebuilt(version).name)
        assert content == content_of(version).values


def _do(
    operation: str, value_set: ValueSet, which: int, word: str, by: User, sets: list[ValueSet], number: int
) -> None:
    newest = value_set.versions.order_by("-number")[0]
    keys = list(newest.values.values_list("key", flat=True))
    key = keys[which % len(keys)] if keys else ""
    proposals = list(Proposal.objects.filter(version__value_set=value_set))
    if operation in Proposal.Change.values:
        wish = Wish(
            operation, key="" if operation == "add" else key, name=word, definition=f"{word} {number}", group=word
        )
        propose(value_set, wish, reason="So.", by=by)
    elif operation == "write":
        draft = start_version(value_set, by=by)
        values = (*content_of(draft).values[which:], ValueText(f"v{number}", f"V {number}", "Something."))
        write(draft, replace(content_of(draft), values=values), edition=draft.edition, by=by)
    elif operation == "publish":
        publish_draft(newest, edition=newest.edition, by=by)
    elif operation == "fork":
        sets.append(fork(newest, name=f"Fork {number}", slug=f"fork-{number}-{newest.pk}", by=by).value_set)
    elif proposals:
        proposal = proposals[which % len(proposals)]
        if operation == "accept":
            accept(proposal, by=by)
        elif operation == "decline":
            decline(proposal, reason="No.", by=by)
        elif operation == "withdraw":
            withdraw(proposal, by=by)
        else:
            speak(proposal, "support", by=by)
