"""A released prompt never changes: results of different days must have been asked for in the same words.

The table is `manage.py list_prompts --json > tests/llm/released_prompts.json`.
"""

from __future__ import annotations

import json
from pathlib import Path

from conflictscope.llm.prompts import digest_table

TABLE = Path(__file__).with_name("released_prompts.json")


def test_released_prompts_are_as_they_were() -> None:
    released, found = json.loads(TABLE.read_text()), digest_table()
    gone = sorted(released.keys() - found.keys())
    assert not gone, (
        f"Released prompts are gone: {gone}. Put the files back; a wording that is not used any more stays."
    )
    changed = sorted(name for name in released if released[name] != found[name])
    assert not changed, f"Released prompts have changed: {changed}. Restore these files and write v2 beside each."


def test_every_prompt_is_in_the_table_of_released_ones() -> None:
    new = sorted(digest_table().keys() - json.loads(TABLE.read_text()).keys())
    assert not new, (
        f"New prompts: {new}. If their wording is final, release them: "
        "manage.py list_prompts --json > tests/llm/released_prompts.json"
    )
