"""What guests are owed: from the time that their browsers say they were at work, at the campaign's rate.

A browser can say anything, and may say it again and again: nobody was at work for longer than they were there at all.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_UP, Decimal

from django.db.models import Count, Max, Min, Q, Sum
from django.utils import timezone

from annotation.crowd.models import CrowdIdentity, Departure, Guest, Recruitment
from annotation.models import Assignment, Campaign
from conflictscope.files.csv_cells import escape

_CENT = Decimal("0.01")
State = Assignment.State


@dataclass(frozen=True, slots=True)
class Payment:
    """One guest. `amount`: for active seconds at the rate, rounded up to a cent; None where no rate is set. `active_seconds`: as told,
    and no more than have passed since they came, until they left.

    `elapsed_seconds`: by the server's clock, from the first item handed out to the last submitted, with every break in it.
    `external_id`: only where it was asked for; `spared`: items skipped as distressing, whose time is paid like any other.
    """

    pseudonym: str
    ending: str
    submitted: int
    spared: int
    active_seconds: int
    elapsed_seconds: int
    amount: Decimal | None
    external_id: str = ""
    session_ref: str = ""

    @property
    def ended(self) -> str:
        """The ending in words."""
        return Departure(self.ending).label if self.ending else ""


def payments_of(campaign: Campaign, *, with_identities: bool = False) -> list[Payment]:
    """One row a guest, in the order of their pseudonyms. Who has withdrawn is among them, without an id."""
    recruitment = Recruitment.objects.filter(pk=campaign.pk).first()
    rate = recruitment.pay_per_hour if recruitment else None
    done = Q(participant__assignments__state=State.SUBMITTED)
    spared = Q(participant__assignments__state=State.SKIPPED, participant__assignments__distressing=True)
    guests = (
        Guest.objects.filter(participant__campaign=campaign)
        .annotate(
            submitted=Count("participant__assignments", filter=done),
            spared=Count("participant__assignments", filter=spared),
            seconds=Sum("participant__assignments__active_seconds"),
            first=Min("participant__assignments__leased_at"),
            last=Max("participant__assignments__submitted_at"),
        )
        .order_by("participant__pseudonym")
    )
    known: dict[int, tuple[str, str]] = {}
    if with_identities:
        rows = CrowdIdentity.objects.filter(campaign=campaign)
        known = {pk: (who, session) for pk, who, session in rows.values_list("pk", "external_id", "session_ref")}
    now = timezone.now()
    payments = []
    for guest in guests.select_related("participant"):
        place = guest.participant
        at_work = min(guest.seconds or 0, _between(place.created_at, place.ended_at or now))
        who, session = known.get(guest.pk, ("", ""))
        payments.append(
            Payment(
                pseudonym=place.pseudonym,
                ending=guest.ending,
                submitted=guest.submitted,
                spared=guest.spared,
                active_seconds=at_work,
                elapsed_seconds=_between(guest.first, guest.last),
                amount=amount(at_work, rate),
                external_id=who,
                session_ref=session,
            )
        )
    return payments


def amount(seconds: int, rate: Decimal | None) -> Decimal | None:
    """What so many seconds come to at a rate per hour, rounded up to a cent."""
    return None if rate is None else (rate * seconds / 3600).quantize(_CENT, rounding=ROUND_UP)


def total(payments: list[Payment]) -> Decimal | None:
    amounts = [each.amount for each in payments if each.amount is not None]
    return sum(amounts, Decimal(0)) if amounts else None


def as_csv(payments: list[Payment], *, currency: str) -> str:
    """A line a guest, as platforms take them: an id first where there is one."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(
        [
            *("participant_id", "session_id", "pseudonym", "ending", "submitted", "skipped_as_distressing"),
            *("active_seconds", "elapsed_seconds", "amount", "currency"),
        ]
    )
    writer.writerows(_line(payment, currency) for payment in payments)
    return lines.getvalue()


def _line(payment: Payment, currency: str) -> Iterator[str]:
    # Ids come from an address that anybody may write: a spreadsheet must not take one for a formula.
    yield from (escape(payment.external_id), escape(payment.session_ref), payment.pseudonym, payment.ending)
    yield from map(str, (payment.submitted, payment.spared, payment.active_seconds, payment.elapsed_seconds))
    yield from ("" if payment.amount is None else str(payment.amount), currency)


def _between(first: datetime | None, last: datetime | None) -> int:
    return 0 if first is None or last is None else max(int((last - first).total_seconds()), 0)
