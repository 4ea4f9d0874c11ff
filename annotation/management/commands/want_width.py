"""Choose how narrow a figure of a campaign is to become, and say what that costs."""

from typing import Any

from django.core.management.base import CommandParser

from annotation.agreement import stopping
from annotation.campaigns.lifecycle import campaign_named
from annotation.models import WidthRule
from conflictscope.commands import ConflictScopeCommand
from conflictscope.errors import NotFound
from conflictscope.studies.access import study_named


class Command(ConflictScopeCommand):
    help = (
        "Let a campaign label until κ of a dimension or question, or the widest strength of a run's corrected ranking, is known "
        "to plus and minus a half-width; then it pauses, or goes on. Given again, it says where the campaign stands."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--study", required=True, help="The study's slug.")
        parser.add_argument("--campaign", required=True, help="The campaign's slug.")
        parser.add_argument("--of", default="", help="A dimension, such as realism or all, or a question.")
        parser.add_argument("--run", type=int, help="Instead: the number of a run whose ranking is to become narrow.")
        parser.add_argument("--half-width", type=float, help="Nothing: only say where the campaign stands.")
        parser.add_argument("--then", default=WidthRule.Then.STOP, help="stop (pause the campaign) or go_on.")
        parser.add_argument("--kappa", type=float, default=0.6, help="Expected, for the price (0.6).")
        parser.add_argument(
            "--prevalence", type=float, default=0.8, help="Share of the commoner answer, for the price."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        campaign = campaign_named(study_named(options["study"]), options["campaign"])
        if options["half_width"] is not None:
            run = None
            if options["run"] is not None and (run := campaign.runs.filter(pk=options["run"]).first()) is None:
                raise NotFound(f"{campaign.name} does not ask about run {options['run']}.")
            stopping.want(
                campaign, half_width=options["half_width"], subject=options["of"], run=run, then=options["then"]
            )
            if run is None:
                price = stopping.price(
                    options["half_width"],
                    kappa=options["kappa"],
                    prevalence=options["prevalence"],
                    overlap=campaign.overlap,
                )
                self.stdout.write(
                    f"At κ {options['kappa']:g} and {options['prevalence']:.0%} of the commoner answer it takes about "
                    f"{price.scenarios} scenarios with one item each: {price.labels} labels."
                )
        rule = stopping.rule_of(campaign)
        if rule is None:
            raise NotFound(f"No width is wanted of {campaign.name}: give --half-width, and --of or --run.")
        stopping.watch(rule)
        if rule.reached_at is not None:
            self.stdout.write(f"Reached: ± {rule.half_width:g} at {rule.reached_scenarios} scenarios.")
            return
        found = stopping.standing_of(rule)
        self.stdout.write(
            f"Not yet: {found.finished} of {found.total} scenarios complete in serving order; {found.point.reason}."
        )
