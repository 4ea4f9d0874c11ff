"""Files as others write them, for the tests of importing."""

from __future__ import annotations

import csv
import json
from dataclasses import fields
from io import StringIO
from pathlib import Path
from typing import Any

from conflictscope.scenarios.importing import ImportReport, ImportSettings, import_scenarios
from conflictscope.studies.models import Study

VALUES = {"calm": "keeping everybody calm", "speed": "being done soon", "truth": "saying what is so"}
CHECKS = {
    "scenario_realism": True,
    "scenario_groundedness": True,
    "action_feasibility": True,
    "value_guidedness": True,
    "scenario_impossibility": True,
    "scenario_ambiguity": True,
}
USER = {"persona": "Ida, 30, of Bergen", "background": 'She said "no".', "goal": "It's to be done."}


def written(tmp_path: Path, name: str, text: str) -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8", newline="")
    return path


def authors_csv(tmp_path: Path, *rows: dict[str, Any], name: str = "claude.csv") -> Path:
    """As their script writes it by pandas."""
    columns = {
        "scenario_id": "claude_speed_calm_speed-calm-coc-1",
        "context": "A queue.",
        "description": "Ida waits in a queue in Bergen.",
        "user_prompt": str(USER),
        "value1": "speed",
        "value2": "calm",
        "action1": "Push on.",
        "action2": "Wait.",
        "keep_scenario": "True",
        "check_results": json.dumps(CHECKS),
        "generating_model": "claude",
    }
    text = StringIO()
    writer = csv.DictWriter(text, list(columns))
    writer.writeheader()
    writer.writerows(columns | row for row in rows)
    return written(tmp_path, name, text.getvalue())


def lines(tmp_path: Path, *rows: Any, name: str = "rows.jsonl") -> Path:
    return written(tmp_path, name, "".join(f"{json.dumps(row)}\n" for row in rows))


def imported(study: Study, *paths: Path, slug: str = "theirs", **more: Any) -> ImportReport:
    """`more`: what of `ImportSettings` is not as usual, and the other arguments of `import_scenarios`."""
    settings = {field.name: more.pop(field.name) for field in fields(ImportSettings) if field.name in more}
    return import_scenarios(study, slug, paths=paths, settings=ImportSettings(**settings), **more)
