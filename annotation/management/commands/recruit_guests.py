"""Open a campaign to people without an account, by a link."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from annotation.campaigns.lifecycle import campaign_named
from annotation.crowd import paying, recruiting
from annotation.crowd.models import Departure
from annotation.models import Campaign
from conflictscope.commands import ConflictScopeCommand
from conflictscope.errors import InvalidInput
from conflictscope.studies.access import study_named


class Command(ConflictScopeCommand):
    help = (
        "Let people label a campaign who have no account, by a link that this prints. What is not named stays as it is. "
        "--payments writes what they are owed instead."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--study", required=True, help="The study's slug.")
        parser.add_argument("--campaign", required=True, help="The campaign's slug.")
        parser.add_argument("--access", choices=Campaign.Access.values, help="Who may label.")
        parser.add_argument(
            "--consent", type=Path, metavar="FILE", help="Markdown: what people agree to, a new version."
        )
        parser.add_argument("--warning", default="", help="With --consent: what they will read.")
        parser.add_argument("--ethics", default="", help="With --consent: the ethics approval, for the card.")
        parser.add_argument("--answers-go", action="store_true", help="With --consent: who withdraws takes them along.")
        for ending in recruiting.WITH_A_WAY_OUT:
            parser.add_argument(f"--{_option(ending)}-code", help=f"What they take back: {Departure(ending).label}.")
        parser.add_argument(
            "--payments", type=Path, metavar="FILE", help="Write a CSV of what guests are owed, and no more."
        )
        parser.add_argument("--with-ids", action="store_true", help="With --payments: name the platform's ids in it.")

    def handle(self, *args: Any, **options: Any) -> None:
        campaign = campaign_named(study_named(options["study"]), options["campaign"])
        if options["payments"]:
            self._pay(campaign, options["payments"], with_ids=options["with_ids"])
            return
        if options["consent"]:
            recruiting.write_consent(
                campaign,
                markdown=_read(options["consent"]),
                warning=options["warning"],
                ethics=options["ethics"],
                labels_go=options["answers_go"],
            )
        stand = {way.ending: recruiting.Out(way.code, way.url) for way in campaign.ways_out.all()}
        for ending in recruiting.WITH_A_WAY_OUT:
            if (code := options[f"{_option(ending).replace('-', '_')}_code"]) is not None:
                stand[ending] = recruiting.Out(code, stand[ending].url if ending in stand else "")
        recruiting.set_ways_out(campaign, stand)
        if options["access"]:
            recruiting.let_in(campaign, options["access"])
        recruitment = recruiting.recruitment_of(campaign)
        if campaign.access in recruiting.BY_LINK:
            self.stdout.write(f"{campaign.name}: {settings.SITE_URL.rstrip('/')}{recruitment.get_absolute_url()}")
        else:
            self.stdout.write(f"{campaign.name}: annotators of the study alone.")

    def _pay(self, campaign: Campaign, file: Path, *, with_ids: bool) -> None:
        rows = paying.payments_of(campaign, with_identities=with_ids)
        recruitment = recruiting.recruitment_of(campaign)
        currency = recruitment.currency if recruitment.pay_per_hour is not None else ""
        try:
            file.write_text(paying.as_csv(rows, currency=currency), encoding="utf-8")
        except OSError as exc:
            raise InvalidInput(f"Cannot write to {file}: {exc.strerror or exc}. Name another file.") from exc
        self.stdout.write(f"{campaign.name}: {len(rows)} guests in {file}.")


def _option(ending: str) -> str:
    return ending.replace("_", "-")


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise InvalidInput(f"Cannot read {file}: {exc}. Name a text file in UTF-8.") from exc
