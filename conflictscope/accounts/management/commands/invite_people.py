"""Invite people into a study by a link or a mail."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from conflictscope.accounts import inviting
from conflictscope.commands import ConflictScopeCommand
from conflictscope.studies.access import study_named
from conflictscope.studies.permissions import Role


class Command(ConflictScopeCommand):
    help = "Invite people into a study: prints a link to pass on, or mails it. Who has no account makes one by it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--study", required=True, help="the study's short name")
        parser.add_argument(
            "--role", default=Role.ANNOTATOR.value, choices=[role for role in Role.values if role != Role.OWNER]
        )
        parser.add_argument("--email", default="", help="mail the invitation there, for one person")
        parser.add_argument("--people", type=int, default=1, help="how many may accept it (1)")
        parser.add_argument("--days", type=int, default=14, help="for how many days it holds (14)")

    def handle(self, *args: Any, **options: Any) -> None:
        study = study_named(options["study"])
        made = inviting.invite(
            study,
            role=options["role"],
            by=None,
            email=options["email"],
            most_uses=options["people"],
            days=options["days"],
        )
        link = f"{settings.SITE_URL.rstrip('/')}{made.get_absolute_url()}"
        if made.email:
            inviting.send(made, link)
            self.stdout.write(f"Invited {made.email} to {study} as {made.role}, until {made.expires_at:%Y-%m-%d}.")
        else:
            self.stdout.write(
                f"For {made.most_uses} as {made.role} of {study}, until {made.expires_at:%Y-%m-%d}: {link}"
            )
