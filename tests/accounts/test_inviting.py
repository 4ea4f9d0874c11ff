"""Invitations: by link and by mail, with a role, a number of uses and an end; from the link to an account and to work."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from conflictscope.accounts import inviting
from conflictscope.accounts.models import Invitation
from conflictscope.errors import Conflict, InvalidInput
from conflictscope.studies.models import Membership, Study
from conflictscope.studies.permissions import Role
from tests.accounts.mails import REFUSED
from tests.factories.studies import StudyFactory, UserFactory, member

pytestmark = pytest.mark.django_db

NEW = {"username": "zoe", "email": "", "password1": "wet-paper-lamp-9", "password2": "wet-paper-lamp-9"}


@pytest.fixture
def study() -> Study:
    return StudyFactory(slug="mine", name="Bakery study")


@pytest.fixture
def owner(client: Client, study: Study) -> Client:
    client.force_login(
        study.created_by if study.memberships.filter(role="owner").exists() else member(study, Role.OWNER)
    )
    return client


def invite(client: Client, **given: Any) -> Any:
    sent = {"role": "annotator", "email": "", "most_uses": 1, "days": 7} | given
    return client.post(reverse("overview:invite", args=["mine"]), sent, follow=True)


def link_on(reply: Any) -> str:
    found = re.search(r"http://testserver(/invitation/[\w-]+/)", reply.content.decode())
    assert found is not None
    return found[1]


def sign_up(client: Client, **given: Any) -> Any:
    return client.post(reverse("account_signup"), NEW | given)


def test_by_a_link_somebody_makes_an_account_and_has_the_role(owner: Client, study: Study) -> None:
    link = link_on(invite(owner))
    newcomer = Client()
    assert "Bakery study" in newcomer.get(link).content.decode()
    assert newcomer.get(reverse("account_signup")).status_code == 200
    reply = sign_up(newcomer)
    assert reply.status_code == 302, reply.content.decode()
    assert Membership.objects.get(user__username="zoe").role == Role.ANNOTATOR
    assert newcomer.get("/").status_code == 200
    assert Client().get(link).status_code == 404  # used up


def test_nobody_signs_up_without_an_invitation(study: Study) -> None:
    """Neither with one that is used up, taken back or over."""
    stranger = Client()
    assert "By invitation" in stranger.get(reverse("account_signup")).content.decode()
    sign_up(stranger)
    over = {
        "used up": {"uses": 1},
        "taken back": {"revoked_at": timezone.now()},
        "ended": {"expires_at": timezone.now() - timedelta(seconds=1)},
    }
    for how, change in over.items():
        made = inviting.invite(study, role="annotator", by=None)
        stranger.get(made.get_absolute_url())  # while it holds
        Invitation.objects.filter(pk=made.pk).update(**change)
        assert stranger.get(made.get_absolute_url()).status_code == 404, how
        sign_up(stranger)
    assert not User.objects.filter(username="zoe").exists()


def test_by_mail_it_is_sent_and_not_shown(owner: Client, study: Study) -> None:
    reply = invite(owner, email="zoe@example.org")
    (sent,) = mail.outbox
    assert sent.to == ["zoe@example.org"]
    link = link_on_mail(sent.body)
    page = reply.content.decode()
    assert "zoe@example.org" in page
    assert link not in page
    newcomer = Client()
    newcomer.get(link)
    assert sign_up(newcomer, email="zoe@example.org").status_code == 302
    assert Membership.objects.filter(user__username="zoe").exists()


def test_what_cannot_be_mailed_invites_nobody(owner: Client, study: Study, settings: Any) -> None:
    """Its link would be in nobody's hands. What was written is kept."""
    settings.EMAIL_BACKEND = "tests.accounts.mails.Refusing"
    reply = invite(owner, email=REFUSED)
    assert (reply.status_code, "could not be sent" in reply.content.decode()) == (400, True)
    assert f'value="{REFUSED}"' in reply.content.decode()
    assert not Invitation.objects.open().exists()
    assert invite(owner, email="zoe@example.org").status_code == 200
    assert Invitation.objects.open().get().email == "zoe@example.org"


def link_on_mail(text: str) -> str:
    found = re.search(r"http://testserver(/\S+)", text)
    assert found is not None
    return found[1]


def test_whoever_has_an_account_accepts_with_it(study: Study) -> None:
    made = inviting.invite(study, role="researcher", by=None)
    here = Client()
    here.force_login(UserFactory(username="amir"))
    assert "Accept" in here.get(made.get_absolute_url()).content.decode()
    for _ in range(2):  # twice is once
        here.post(reverse("accounts:accept", args=[made.key]))
    made.refresh_from_db()
    assert (made.uses, Membership.objects.get(user__username="amir").role) == (1, Role.RESEARCHER)


def test_it_is_accepted_as_often_as_it_says(study: Study) -> None:
    made = inviting.invite(study, role="annotator", by=None, most_uses=2)
    for _ in range(2):
        inviting.accept(made, UserFactory())
    with pytest.raises(inviting.InvitationOver):
        inviting.accept(made, UserFactory())
    assert Membership.objects.filter(study=study, role="annotator").count() == 2


def test_a_member_keeps_the_role_they_have(study: Study) -> None:
    """Who labels does not come to see results by a link that was meant for somebody else."""
    made = inviting.invite(study, role="researcher", by=None)
    annotator = member(study, Role.ANNOTATOR)
    with pytest.raises(Conflict, match="annotator of Bakery study already"):
        inviting.accept(made, annotator)
    assert Membership.objects.get(user=annotator).role == Role.ANNOTATOR
    made.refresh_from_db()
    assert made.uses == 0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"role": "owner"}, "Nobody becomes an owner by a link"),
        ({"role": "king"}, "no role"),
        ({"most_uses": 0}, "1 to 1000 people"),
        ({"days": 400}, "365 days"),
        ({"email": "a@b.org", "most_uses": 2}, "for one person"),
        ({"email": "nobody"}, "no e-mail address"),
    ],
)
def test_what_will_not_do_is_refused(study: Study, given: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        inviting.invite(study, **{"role": "annotator", "by": None} | given)


def test_taken_back_it_is_over(owner: Client, study: Study) -> None:
    link = link_on(invite(owner))
    owner.post(reverse("overview:revoke_invitation", args=["mine"]), {"invitation": Invitation.objects.get().pk})
    assert Client().get(link).status_code == 404
    for number in ("0", "x", "9" * 30, ""):
        assert (
            owner.post(reverse("overview:revoke_invitation", args=["mine"]), {"invitation": number}).status_code == 404
        )


def test_a_member_leaves_by_themselves_and_the_last_owner_does_not(study: Study) -> None:
    leaver = Client()
    leaver.force_login(annotator := member(study, Role.ANNOTATOR))
    assert "Bakery study" in leaver.get(reverse("accounts:account")).content.decode()
    leaver.post(reverse("overview:leave_study", args=["mine"]))
    assert Membership.objects.filter(user=annotator).exists()  # nobody leaves by a button of another page
    leaver.post(reverse("overview:leave_study", args=["mine"]), {"sure": "1"})
    assert not Membership.objects.filter(user=annotator).exists()
    assert leaver.post(reverse("overview:leave_study", args=["mine"])).status_code == 404
    Membership.objects.filter(study=study).delete()
    leaver.force_login(member(study, Role.OWNER))
    reply = leaver.post(reverse("overview:leave_study", args=["mine"]), {"sure": "1"}, follow=True)
    assert "is the only owner" in reply.content.decode()


def test_a_study_is_handed_over_in_one_step(study: Study) -> None:
    """To a member, who then is its owner; the one before goes on as a researcher. A stranger is not made an owner unasked."""
    Membership.objects.filter(study=study).delete()
    owner, colleague, stranger = member(study, Role.OWNER), member(study, Role.RESEARCHER), UserFactory()
    here = Client()
    here.force_login(owner)
    for to in (stranger.username, "nobody", owner.username, ""):
        here.post(reverse("overview:hand_over", args=["mine"]), {"username": to})
        assert Membership.objects.get(study=study, role="owner").user == owner
    here.post(reverse("overview:hand_over", args=["mine"]), {"username": colleague.username})
    assert Membership.objects.get(user=colleague).role == Role.OWNER
    assert Membership.objects.get(user=owner).role == Role.RESEARCHER
    assert here.get(reverse("overview:members", args=["mine"])).status_code == 404


def test_a_name_that_is_taken_is_said_and_the_invitation_is_still_there(study: Study) -> None:
    UserFactory(username="zoe")
    made = inviting.invite(study, role="annotator", by=None)
    here = Client()
    here.get(made.get_absolute_url())
    assert "already exists" in sign_up(here).content.decode()
    assert sign_up(here, username="zoe2").status_code == 302
    assert Membership.objects.get(user__username="zoe2").study == study


def test_two_who_accept_the_last_place_at_once_are_one(study: Study) -> None:
    """The second finds the place taken, however it read the invitation before."""
    made = inviting.invite(study, role="annotator", by=None)
    stale = inviting.invitation_behind(made.key)
    inviting.accept(made, UserFactory())
    with pytest.raises(inviting.InvitationOver):
        inviting.accept(stale, UserFactory())


def test_whom_an_owner_removed_does_not_come_back_by_the_same_link(owner: Client, study: Study) -> None:
    """Neither by one for another role, which who labels would look at results by; a new one for the same role lets them in."""
    made = inviting.invite(study, role="annotator", by=None, most_uses=5)
    amir = UserFactory(username="amir")
    inviting.accept(made, amir)
    owner.post(reverse("overview:remove_member", args=["mine"]), {"username": "amir"})
    with pytest.raises(inviting.InvitationOver, match="come in by this invitation before"):
        inviting.accept(made, amir)
    with pytest.raises(Conflict, match="were annotator of Bakery study before"):
        inviting.accept(inviting.invite(study, role="researcher", by=None), amir)
    assert not Membership.objects.filter(user=amir).exists()
    made.refresh_from_db()
    assert made.uses == 1
    inviting.accept(inviting.invite(study, role="annotator", by=None), amir)
    assert Membership.objects.get(user=amir).role == Role.ANNOTATOR


def test_a_command_invites_too(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    """It prints a link, or mails it."""
    call_command("invite_people", study="mine", people=3)
    made = Invitation.objects.get()
    assert f"http://127.0.0.1:8000{made.get_absolute_url()}" in capsys.readouterr().out
    assert (made.role, made.most_uses) == (Role.ANNOTATOR, 3)
    call_command("invite_people", study="mine", role="viewer", email="zoe@example.org")
    assert mail.outbox[0].to == ["zoe@example.org"]
    with pytest.raises(CommandError, match="1 to 365 days"):
        call_command("invite_people", study="mine", days=0)
