"""What the documentation tells a person to type about endpoints and the simulator is what the commands take."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from django.core.management import call_command

from conflictscope.llm.endpoints import add_endpoint
from conflictscope.llm.management.commands.simulate_llms import Command
from conflictscope.llm.models import Endpoint
from conflictscope.llm.simulator.faults import Fault, Faults

ROOT = Path(__file__).parents[2]
LLMS = ROOT / "docs" / "llms.md"
# A command stands in an indented block; a line that ends with a backslash goes on.
_COMMAND = re.compile(r"^    manage\.py ((?:.*\\\n)*.*)$", re.MULTILINE)


def commands(path: Path, name: str) -> list[list[str]]:
    typed = (shlex.split(match[1].replace("\\\n", " "), comments=True) for match in _COMMAND.finditer(path.read_text()))
    return [words[1:] for words in typed if words[0] == name]


@pytest.mark.django_db
@pytest.mark.parametrize("path", [LLMS, ROOT / "README.md"], ids=lambda path: path.name)
def test_every_endpoint_of_the_documentation_can_be_created(path: Path) -> None:
    typed = commands(path, "create_endpoint")
    assert typed
    for words in typed:
        call_command("create_endpoint", *words, verbosity=0)
    assert Endpoint.objects.count() == len(typed)


def test_the_simulator_takes_the_flags_of_the_documentation() -> None:
    parser = Command().create_parser("manage.py", "simulate_llms")
    for words in commands(LLMS, "simulate_llms"):
        Faults.parse(parser.parse_args(words).fault)


def test_the_documentation_names_every_fault_of_the_simulator() -> None:
    text = LLMS.read_text()
    assert [fault for fault in Fault if f"`{fault}`" not in text] == []


@pytest.mark.django_db
def test_the_documented_defaults_are_those_of_the_code() -> None:
    endpoint = add_endpoint(Endpoint(name="plain", provider="openai", llm="any"))
    rows = dict(re.findall(r"^\| `--([\w-]+)` \|.*\| (\w+) \|$", LLMS.read_text(), re.MULTILINE))
    assert rows == {"max-concurrency": str(endpoint.max_concurrency), "timeout": str(endpoint.timeout_seconds)}
