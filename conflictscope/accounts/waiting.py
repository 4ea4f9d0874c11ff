"""A mail when work waits, for whoever wants one. What work is, rooms above say: they register how to find it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import send_mail
from django.db.models import Q
from django.template.loader import render_to_string
from django.utils import timezone

from conflictscope.accounts.models import MailWish

logger = logging.getLogger(__name__)

NOT_BEFORE = timedelta(hours=24)
# From a person to a line for each thing that waits for them.
Source = Callable[[User], Sequence[str]]

_sources: list[Source] = []


def register(source: Source) -> None:
    """Called once from a room's `AppConfig.ready`."""
    _sources.append(source)


def wants_mail(user: User) -> bool:
    return MailWish.objects.filter(user=user, when_work_waits=True).exists()


def set_wish(user: User, *, when_work_waits: bool) -> None:
    MailWish.objects.update_or_create(user=user, defaults={"when_work_waits": when_work_waits})


def mail_waiting_work(*, now: datetime | None = None) -> int:
    """Mail everybody who wants it and for whom something waits, at most once in 24 hours, at an address that
    they have confirmed. Returns how many mails were sent. One that cannot be sent keeps nobody else from theirs."""
    now = now or timezone.now()
    sent = 0
    confirmed = EmailAddress.objects.filter(primary=True, verified=True, user__is_active=True)
    due = Q(last_sent__isnull=True) | Q(last_sent__lte=now - NOT_BEFORE)
    wishes = MailWish.objects.filter(due, when_work_waits=True).select_related("user")
    addresses = dict(confirmed.filter(user__mail_wish__in=wishes).values_list("user", "email"))
    for wish in wishes.filter(user__in=addresses):
        lines = [line for source in _sources for line in source(wish.user)]
        if not lines or not _is_due(wish, now):
            continue
        text = render_to_string("accounts/mail/work_waits.txt", {"lines": lines, "link": settings.SITE_URL})
        try:
            send_mail("Work waits for you", text, settings.DEFAULT_FROM_EMAIL, [addresses[wish.user_id]])
        except OSError as exc:  # what smtplib raises is one, too; its words name the address
            logger.warning("The mail for the wish %s could not be sent: %s", wish.pk, type(exc).__name__)
        else:
            sent += 1
    return sent


def _is_due(wish: MailWish, now: datetime) -> bool:
    """Whoever changes the row sends the mail: two workers at once send one."""
    last = wish.last_sent
    if last is not None and last > now - NOT_BEFORE:
        return False
    return bool(MailWish.objects.filter(pk=wish.pk, last_sent=last).update(last_sent=now))
