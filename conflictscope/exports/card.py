"""What makes the files self-describing: `dataset.json` for programs, `README.md` for people and Hugging Face."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from django.db.models import Count

from conflictscope.exports.formats import CSV_ESCAPE
from conflictscope.exports.provenance import prompts_behind
from conflictscope.exports.tables import TABLES, Selection, Table
from conflictscope.llm.models import Endpoint
from conflictscope.scenarios.models import Judge, ValueSetVersion

CARD = "dataset.json"
README = "README.md"
FORMAT = "conflictscope-dataset"
FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """One data file of an export, as it was written."""

    name: str
    table: Table
    format: str
    rows: int
    simulated_rows: int
    bytes: int
    sha256: str


def card_of(selection: Selection, files: Sequence[WrittenFile], *, digest: str) -> dict[str, Any]:
    """Everything a reader needs to know of the files. It has no time of writing, so that the same data has the same bytes."""
    dataset = selection.dataset
    by_status = dict(selection.scenarios.order_by().values_list("status").annotate(Count("pk")).order_by("status"))
    written = {file.table.name for file in files}
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "written_by": f"conflictscope {version('conflictscope')}",
        "digest": digest,
        "study": {"slug": dataset.study.slug, "name": dataset.study.name},
        "dataset": {
            "slug": dataset.slug,
            "name": dataset.name,
            "variant": dataset.variant,
            "recipe": dataset.recipe,
            "generator": _endpoint(dataset.generator),
            "primary_judge": _judge(dataset.primary_judge),
            "created_at": dataset.created_at.isoformat(),
            "simulated": dataset.simulated,
        },
        "value_set": _value_set(dataset.value_set_version),
        "only_validated": selection.only_validated,
        "counts": {
            "scenarios": sum(by_status.values()),
            "by_status": by_status,
            "human_validated": len(selection.validated),
        },
        "prompts": prompts_behind(selection),
        "jobs_running_while_written": dataset.study.jobs.live().count(),
        "csv": CSV_ESCAPE,
        "files": [
            {
                "name": file.name,
                "table": file.table.name,
                "format": file.format,
                "rows": file.rows,
                "simulated_rows": file.simulated_rows,
                "bytes": file.bytes,
                "sha256": file.sha256,
            }
            for file in files
        ],
        "empty_tables": [table.name for table in TABLES if table.name not in written],
        "tables": {
            table.name: {
                "about": table.about,
                "columns": [
                    {"name": column.name, "kind": column.kind, "about": column.about} for column in table.columns
                ],
            }
            for table in TABLES
        },
    }


def _endpoint(endpoint: Endpoint | None) -> dict[str, Any] | None:
    if endpoint is None:
        return None
    return {
        "name": endpoint.name,
        "provider": endpoint.provider,
        "llm": endpoint.llm,
        "parameters": endpoint.parameters,
        "simulated": endpoint.simulated,
    }


def _judge(judge: Judge | None) -> dict[str, Any] | None:
    if judge is None:
        return None
    return {
        "name": judge.name,
        "endpoint": _endpoint(judge.endpoint),
        "prompt_versions": judge.prompt_versions,
        "parameters": judge.parameters,
    }


def _value_set(version: ValueSetVersion | None) -> dict[str, Any] | None:
    if version is None:
        return None
    return {
        "slug": version.value_set.slug,
        "name": version.value_set.name,
        "version": version.number,
        "digest": version.digest,
        "licence": version.licence,
        "description": version.description,
        "pairing": version.pairing,
        "values": [
            {
                "key": value.key,
                "name": value.name,
                "definition": value.definition,
                "group": value.group,
                "tier": value.tier,
            }
            for value in version.values.all()
        ],
    }


def readme_of(card: dict[str, Any]) -> str:
    """The dataset card. Its head tells Hugging Face `datasets` which file is which; YAML reads the JSON it is made of."""
    return (
        "\n".join(
            [
                *_head(card),
                *_what(card),
                *_files(card),
                *_loading(card),
                *_values(card),
                *_making(card),
                *_columns(card),
            ]
        )
        + "\n"
    )


def _head(card: dict[str, Any]) -> list[str]:
    loaded = _preferred_files(card)
    configs = []
    for file in loaded:
        config: dict[str, Any] = {"config_name": file["table"], "data_files": file["name"]}
        if file["table"] == "scenarios":
            config["default"] = True
        configs.append(config)
    name = card["dataset"]["name"]
    printable = "".join(character for character in name if character.isprintable())  # YAML knows no others
    return [
        "---",
        f"pretty_name: {json.dumps(printable, ensure_ascii=False)}",
        f"tags: {json.dumps(['value-conflicts', 'conflictscope', *(['simulated'] if _simulated(card) else [])])}",
        f"configs: {json.dumps(configs, ensure_ascii=False)}",
        "---",
        "",
        f"# {_line(name)}",
        "",
    ]


def _what(card: dict[str, Any]) -> list[str]:
    counts, dataset = card["counts"], card["dataset"]
    kind = "in which two values conflict" if card["value_set"] else "with two actions each and no value pair"
    lines = [
        f"{counts['scenarios']} scenarios {kind}, from the study {_line(card['study']['name'])}:",
        "what a judge and people said of them, and what language models did in them.",
        "",
    ]
    if simulated := _simulated(card):
        said = ", ".join(f"{part} of {whole} {table.replace('_', ' ')}" for table, (part, whole) in simulated.items())
        lines += [f"**Simulated**, for tests and demonstrations only: {said}.", ""]
    if card["only_validated"]:
        lines += ["Only scenarios that a panel of people passed on every dimension are here.", ""]
    if card["jobs_running_while_written"]:
        lines += ["**Unfinished**: jobs were running in the study while these files were written.", ""]
    by_status = ", ".join(f"{number} {status}" for status, number in counts["by_status"].items())
    lines += [f"- By status: {by_status}", f"- Human-validated: {counts['human_validated']}"]
    if dataset["generator"]:
        lines.append(f"- Generated by: `{dataset['generator']['llm']}` ({dataset['variant']})")
    if dataset["primary_judge"]:
        judge = dataset["primary_judge"]
        lines.append(f"- Filtered by: judge `{judge['name']}` on `{judge['endpoint']['llm']}`")
    licence = card["value_set"]["licence"] if card["value_set"] else ""
    lines += [
        f"- Licence of the value set: {_line(licence) or 'none stated'}",
        f"- Made {dataset['created_at'][:10]}; written by {card['written_by']}; digest `{card['digest']}`",
        "- The pipeline follows Liu et al., ICLR 2026 (arXiv 2509.25369).",
        "",
    ]
    return lines


def _files(card: dict[str, Any]) -> list[str]:
    rows = [
        f"| `{file['name']}` | {file['rows']} | {card['tables'][file['table']]['about']} |" for file in card["files"]
    ]
    empty = card["empty_tables"]
    return [
        "## Files",
        "",
        "| file | rows | what it holds |",
        "|---|---:|---|",
        *rows,
        "",
        *([f"Nothing yet, so no file: {', '.join(empty)}.", ""] if empty else []),
        f"`{CARD}` says the same for programs, with recipe, prompts, checksums and what each column means.",
        "",
    ]


def _loading(card: dict[str, Any]) -> list[str]:
    name = next(file["name"] for file in _preferred_files(card) if file["table"] == "scenarios")
    read = (
        f'pandas.read_json("{name}", lines=True, dtype=False)'
        if name.endswith(".jsonl")
        else f'pandas.read_csv("{name}")'
    )
    return [
        "## Loading",
        "",
        "```python",
        f"scenarios = {read}",
        'scenarios = datasets.load_dataset("path/of/this/folder", "scenarios", split="train")',
        "```",
        "",
        card["csv"],
        "",
    ]


def _making(card: dict[str, Any]) -> list[str]:
    """The recipe as JSON, which cannot break out of its fence, and the prompts with who answered them."""
    made = {"variant": card["dataset"]["variant"], **card["dataset"]["recipe"]}
    lines = [
        "## How it was made",
        "",
        "```json",
        *json.dumps(made, ensure_ascii=False, indent=2).split("\n"),
        "```",
        "",
    ]
    if judge := card["dataset"]["primary_judge"]:
        settings = {"parameters": {**judge["endpoint"]["parameters"], **judge["parameters"]}}
        lines += [
            f"The primary judge, `{judge['name']}`, was asked with `{json.dumps(settings, ensure_ascii=False)}`.",
            "",
        ]
    if card["prompts"]:
        lines += ["| for | prompt | asked of | calls |", "|---|---|---|---:|"]
        lines += [
            f"| {each['purpose']} | `{each['prompt']}.v{each['version']}` | `{each['answered_by'] or each['llm']}`"
            f"{' (simulated)' if each['simulated'] else ''} | {each['calls']} |"
            for each in card["prompts"]
        ]
        lines.append("")
    return lines


def _values(card: dict[str, Any]) -> list[str]:
    value_set = card["value_set"]
    if value_set is None:
        return ["## Values", "", "None: a baseline, whose scenarios have two actions and no value pair.", ""]
    return [
        f"## Values: {_line(value_set['name'])}, version {value_set['version']}",
        "",
        *(
            f"- **{_line(value['name'])}** (`{value['key']}`): {_line(value['definition'])}"
            for value in value_set["values"]
        ),
        "",
    ]


def _columns(card: dict[str, Any]) -> list[str]:
    lines = ["## Columns", ""]
    for table in sorted({file["table"] for file in card["files"]}, key=list(card["tables"]).index):
        lines += [f"### {table}", "", "| column | kind | meaning |", "|---|---|---|"]
        lines += [
            f"| `{each['name']}` | {each['kind']} | {each['about']} |" for each in card["tables"][table]["columns"]
        ]
        lines.append("")
    return lines


def _simulated(card: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """For each table that holds anything simulated: how many of its rows are, and how many rows it has."""
    return {
        file["table"]: (file["simulated_rows"], file["rows"])
        for file in _preferred_files(card)
        if file["simulated_rows"]
    }


def _preferred_files(card: dict[str, Any]) -> list[dict[str, Any]]:
    """One file a table: JSON Lines where there is one."""
    by_table: dict[str, dict[str, Any]] = {}
    for file in card["files"]:
        if file["table"] not in by_table or file["format"] == "jsonl":
            by_table[file["table"]] = file
    return list(by_table.values())


def _line(text: str) -> str:
    """Text of people and models on one line of Markdown, without its own links, pictures or markup."""
    return re.sub(r"([\\`*_\[\]<>|])", r"\\\1", " ".join(text.split()))
