"""A campaign's agreement kept as it stands, under an address that stays; and whether it still comes out the same."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from django.contrib.auth.models import User

from annotation.agreement.asked_again import stamp_of_readings
from annotation.agreement.kept import VERSION
from annotation.agreement.passport import Passport, judges_in
from annotation.agreement.report import MOST_JUDGES, divisions_of, group_table, judges_table, methods, passports_of
from annotation.agreement.sealed import openings_of, part_shown
from annotation.agreement.tables import labels_of, tables_from
from annotation.models import AgreementSnapshot, Campaign
from conflictscope.errors import Conflict
from conflictscope.stats.types import Estimate
from conflictscope.tables import Cell, ResultTable
from evaluation.rankings.checking import Checked, difference_of

CODE = f"1: agreement {VERSION}"


def keep(campaign: Campaign, *, by: User | None = None) -> AgreementSnapshot:
    """Keep the report's tables. The same labels, and the same words of the judges, find the snapshot that there is.

    Raises:
        Conflict: no judge can be held against anybody yet.
    """
    passports = passports_of(campaign)
    if not any(passport.items for passport in passports):
        raise Conflict("There is nothing to keep yet: no judge has said anything of what people have labelled.")
    snapshot, _ = AgreementSnapshot.objects.get_or_create(
        campaign=campaign,
        inputs_digest=digest_of(campaign),
        code=CODE,
        defaults={"results": _results(campaign, passports), "created_by": by},
    )
    return snapshot


def check(snapshot: AgreementSnapshot) -> Checked:
    """Work it out again from what its labels and verdicts are now."""
    campaign = snapshot.campaign
    moved_on = digest_of(campaign) != snapshot.inputs_digest
    difference = None
    if not moved_on:
        now = _results(campaign, passports_of(campaign))
        difference = difference_of(snapshot.results["tables"], now["tables"])
    return Checked(moved_on, snapshot.code, CODE, difference)


def tables_in(snapshot: AgreementSnapshot) -> list[ResultTable]:
    """Its tables as they were."""
    return [
        ResultTable(
            name=kept["name"],
            title=kept["title"],
            columns=tuple(kept["columns"]),
            rows=tuple(tuple(_read(cell) for cell in row) for row in kept["rows"]),
            note=kept["note"],
            percent=frozenset(kept["percent"]),
        )
        for kept in snapshot.results["tables"]
    ]


def digest_of(campaign: Campaign) -> str:
    """SHA-256 of every label, of what people agree on, of how items were drawn, and of what each judge says of the same items, also
    when asked again."""
    sha = hashlib.sha256()
    for judge in judges_in(campaign)[:MOST_JUDGES]:
        labels = labels_of(campaign, part_shown(campaign, [judge]))
        tables = tables_from(labels, campaign, judge=judge)
        people = [annotator.pseudonym for annotator in labels.annotators]
        drawn = [(item.pk, item.inclusion_probability) for item in labels.items]
        sha.update(repr((judge.name, drawn, people, stamp_of_readings(campaign, judge))).encode())
        columns = (labels.codes, labels.also, tables.by_people, tables.by_judge)
        for name, column in ((name, column) for every in columns for name, column in sorted(every.items())):
            sha.update(name.encode() + column.tobytes())
    return sha.hexdigest()


def _results(campaign: Campaign, passports: Sequence[Passport]) -> dict[str, Any]:
    tables = [judges_table(passports, campaign)]
    if campaign.dataset.primary_judge is not None or passports:
        judge = passports[0].judge
        main = passports[0].rows[-1 if passports[0].rows[-1].subject.key == "all" else 0].subject
        tables += [group_table(campaign, judge, main, division) for division in divisions_of(campaign)]
    return {
        "tables": [_plain(table) for table in tables],
        "methods": methods(campaign, passports),
        "openings": [
            f"{each.judge}, {each.opened_at:%Y-%m-%d %H:%M}, {each.who}{f': {each.reason}' if each.reason else ''}"
            for each in openings_of(campaign)
        ],
    }


def _plain(table: ResultTable) -> dict[str, Any]:
    return {
        "name": table.name,
        "title": table.title,
        "columns": list(table.columns),
        "rows": [[cell.as_dict() if isinstance(cell, Estimate) else cell for cell in row] for row in table.rows],
        "note": table.note,
        "percent": sorted(table.percent),
    }


def _read(cell: Any) -> Cell:
    return Estimate(**cell) if isinstance(cell, dict) else cell
