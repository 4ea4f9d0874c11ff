"""Inviting people into a study by a link or a mail: with a role, a number of uses, and a day on which it ends."""

from __future__ import annotations

import logging
import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.mail import send_mail
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import F
from django.template.loader import render_to_string
from django.utils import timezone

from conflictscope.accounts.models import Acceptance, Invitation
from conflictscope.errors import Conflict, ConflictScopeError, InvalidInput, NotFound
from conflictscope.studies.models import Membership, Study
from conflictscope.studies.permissions import Role

logger = logging.getLogger(__name__)

MOST_USES, MOST_DAYS = 1_000, 365


class InvitationOver(NotFound):
    """Nobody can accept it any more, or there never was one; which of both is not said."""

    code = "invitation_over"


class NotSent(ConflictScopeError):
    """An invitation by mail that the mail's server did not take."""

    code = "mail_not_sent"
    http_status = 503


def invite(
    study: Study,
    *,
    role: str,
    by: User | None,
    email: str = "",
    most_uses: int = 1,
    days: int = 14,
    now: datetime | None = None,
) -> Invitation:
    """A new invitation. One with an address is for one person, and is sent by `send`.

    Raises:
        InvalidInput: a role that is none or cannot be had by a link, a number of uses or days out of bounds, or no address.
    """
    if role not in Role.values:
        raise InvalidInput(f"There is no role {role!r}. Roles: {', '.join(Role.values)}.")
    if role == Role.OWNER:
        raise InvalidInput(
            "Nobody becomes an owner by a link: invite them in another role, and hand the study over then."
        )
    if not 1 <= most_uses <= MOST_USES or not 1 <= days <= MOST_DAYS:
        raise InvalidInput(f"An invitation is for 1 to {MOST_USES} people, and for 1 to {MOST_DAYS} days.")
    if email:
        if most_uses != 1:
            raise InvalidInput("An invitation by mail is for one person: leave the number of people at 1.")
        try:
            validate_email(email)
        except ValidationError as exc:
            raise InvalidInput(f"{email!r} is no e-mail address.") from exc
    return Invitation.objects.create(
        study=study,
        role=role,
        key=secrets.token_urlsafe(24).replace("_", "-"),
        email=email,
        most_uses=most_uses,
        expires_at=(now or timezone.now()) + timedelta(days=days),
        created_by=by,
    )


def send(invitation: Invitation, link: str) -> None:
    """Mail the link to whom it is for.

    Raises:
        NotSent: the server of mails did not take it. The invitation is taken back, because nobody would ever see its link.
    """
    context = {"invitation": invitation, "study": invitation.study, "link": link}
    try:
        send_mail(
            f"You are invited to {' '.join(invitation.study.name.split())}",
            render_to_string("accounts/mail/invitation.txt", context),
            settings.DEFAULT_FROM_EMAIL,
            [invitation.email],
        )
    except OSError as exc:  # what smtplib raises is one, too
        logger.warning(
            "Invitation %s could not be sent: %s", invitation.pk, type(exc).__name__
        )  # its words name the address
        revoke(invitation.study, invitation.pk)
        raise NotSent(
            "The mail could not be sent, so nobody is invited. Try again later, or leave the address out and pass the link on."
        ) from exc
    logger.info("Invitation %s sent", invitation.pk)


def invitation_behind(key: str) -> Invitation:
    """
    Raises:
        InvitationOver: it has ended, is used up or was taken back, or there is none.
    """
    found: Invitation | None = Invitation.objects.open().select_related("study", "created_by").filter(key=key).first()
    if found is None:
        raise InvitationOver("This invitation is over, or never was. Ask whoever sent it to you for a new one.")
    return found


def accept(invitation: Invitation, user: User) -> Membership:
    """The person has the role from now on. Twice is once, and uses one place. A member keeps the role they have.

    An invitation lets nobody in a second time: whom an owner has removed does not come back by the link that they still have. Nor
    does one who has left come back in another role, for who labels must not look at results in between.

    Raises:
        InvitationOver: somebody else was faster, it has ended meanwhile, or they have come in by it before.
        Conflict: they are a member already, in another role, or were one before they left.
    """
    with transaction.atomic():
        # Held, as by whoever changes members: two who accept at once take turns, and so do two invitations of one person.
        Study.objects.select_for_update().get(pk=invitation.study_id)
        membership: Membership | None = Membership.objects.filter(study=invitation.study, user=user).first()
        if membership is not None:
            if membership.role == invitation.role:
                return membership
            raise Conflict(
                f"You are {membership.get_role_display().lower()} of {invitation.study} already. An owner can give you another role."
            )
        before = Acceptance.objects.filter(invitation__study=invitation.study, user=user).select_related("invitation")
        for each in before:
            if each.invitation.role != invitation.role:
                raise Conflict(
                    f"You were {each.invitation.get_role_display().lower()} of {invitation.study} before. An owner can give you another role."
                )
            if each.invitation_id == invitation.pk:
                raise InvitationOver(
                    "You have come in by this invitation before. Ask whoever sent it to you for a new one."
                )
        if not Invitation.objects.open().filter(pk=invitation.pk).update(uses=F("uses") + 1):
            raise InvitationOver("This invitation is over by now. Ask whoever sent it to you for a new one.")
        Acceptance.objects.create(invitation=invitation, user=user)
        made: Membership = Membership.objects.create(study=invitation.study, user=user, role=invitation.role)
    logger.info("Invitation %s accepted", invitation.pk)
    return made


def revoke(study: Study, invitation_id: int) -> None:
    """Take an invitation back: nobody accepts it any more; who has stays.

    Raises:
        NotFound: the study has none of that number.
    """
    theirs = Invitation.objects.filter(study=study, pk=invitation_id)
    if not theirs.exists():
        raise NotFound("There is no such invitation.")
    theirs.filter(revoked_at__isnull=True).update(revoked_at=timezone.now())
