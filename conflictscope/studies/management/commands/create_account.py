from __future__ import annotations

import sys
from getpass import getpass
from typing import Any

from django.core.management.base import CommandParser

from conflictscope.commands import ConflictScopeCommand
from conflictscope.errors import InvalidInput
from conflictscope.studies.membership import create_account


class Command(ConflictScopeCommand):
    help = (
        "Make an account of a person who may log in. The password is asked for, or read from standard input where that is no "
        "terminal."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")

    def handle(self, *args: Any, **options: Any) -> None:
        user = create_account(options["username"], password=_password())
        self.stdout.write(f"{user.username} may log in. Give them a role in a study with add_member.")


def _password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass("Password: ")
    if getpass("Password again: ") != password:
        raise InvalidInput("The two passwords differ; nothing was made.")
    return password
