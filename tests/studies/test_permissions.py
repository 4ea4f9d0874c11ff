"""What the documentation says of who may do what is what the code holds to."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pytest

from conflictscope.studies.permissions import MAY, SET_MAY, Action, SetAction

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "permissions.md").read_text(encoding="utf-8")


def as_table(may: Mapping[Any, Collection[Any]], actions: Collection[Any]) -> str:
    head = [["role", *(str(action).replace("_", " ") for action in actions)], ["---"] * (len(actions) + 1)]
    rows = [[str(role), *("yes" if action in allowed else "" for action in actions)] for role, allowed in may.items()]
    return "\n".join(
        [f"| {' | '.join(head[0])} |", f"|{'|'.join(head[1])}|", *(f"| {' | '.join(row)} |" for row in rows)]
    )


@pytest.mark.parametrize(("may", "actions"), [(MAY, Action), (SET_MAY, SetAction)], ids=["studies", "value sets"])
def test_the_documented_table_is_the_one_that_is_asked(may: Mapping[Any, Collection[Any]], actions: Any) -> None:
    assert as_table(may, list(actions)) in PAGE
