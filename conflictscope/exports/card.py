"""What makes the files self-describing for programs: `dataset.json`. `readme.py` makes the text for people of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from django.db.models import Count

from annotation.crowd.models import ConsentText
from conflictscope.exports.formats import CSV_ESCAPE
from conflictscope.exports.provenance import prompts_behind, sealed_tests_of
from conflictscope.exports.tables import TABLES, Selection, Table
from conflictscope.llm.models import Endpoint
from conflictscope.scenarios.digest import digest_of
from conflictscope.scenarios.models import Judge
from conflictscope.values.models import ValueSetVersion

CARD = "dataset.json"
FORMAT = "conflictscope-dataset"
FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """One data file of an export, as it was written."""

    name: str
    table: Table[Any]
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
            "digest": digest_of(dataset),
        },
        "value_set": _value_set(dataset.value_set_version),
        "only_validated": selection.only_validated,
        "counts": {
            "scenarios": sum(by_status.values()),
            "by_status": by_status,
            "human_validated": len(selection.validated),
        },
        "consents": _consents(selection),
        "prompts": prompts_behind(selection),
        "sealed_tests": sealed_tests_of(selection.dataset),
        "jobs_running_while_written": dataset.study.jobs.live().count(),
        "runs_imported_by_half": list(
            dataset.runs.filter(import_unfinished=True).order_by("pk").values_list("pk", flat=True)
        ),
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


def _consents(selection: Selection) -> list[dict[str, Any]]:
    """What the guests agreed to whose answers the files hold, version by version, with the ethics approval it names."""
    agreed = ConsentText.objects.filter(campaign__dataset=selection.dataset, guests__isnull=False)
    rows = agreed.select_related("campaign").annotate(people=Count("guests")).order_by("campaign__slug", "version")
    return [
        {
            "campaign": consent.campaign.slug,
            "version": consent.version,
            "people": consent.people,
            "ethics": consent.ethics,
            "answers_of_the_withdrawn": "deleted" if consent.labels_go else "kept under the pseudonym",
            "warning": consent.warning,
            "text": consent.markdown,
        }
        for consent in rows
    ]


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
