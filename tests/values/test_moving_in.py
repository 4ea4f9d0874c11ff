"""The tables of value sets came from `scenarios`: the migrations that brought them keep every row, key and permission."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from annotation.models import Campaign
from conflictscope.scenarios.digest import digest_of
from conflictscope.scenarios.models import Dataset, PairYield
from conflictscope.studies.permissions import SetRole
from conflictscope.values.models import (
    SetMembership,
    TargetRanking,
    TargetRankingPosition,
    Value,
    ValueSet,
    ValueSetVersion,
)
from evaluation.models import Steering
from tests.factories.annotation import CampaignFactory
from tests.factories.scenarios import DatasetFactory, ScenarioFactory
from tests.factories.studies import UserFactory

pytestmark = [pytest.mark.backends, pytest.mark.django_db(transaction=True)]

BEFORE = ("scenarios", "0013_imports_of_before")
MOVED = ("values", "0001_value_sets_move_in")
TABLES = ("valueset", "valueset_stewards", "valuesetversion", "value", "targetranking", "targetrankingposition")


def migrate(*targets: tuple[str, str]) -> Any:
    executor = MigrationExecutor(connection)
    return executor.migrate(list(targets)).apps


def migrate_to_the_newest() -> None:
    migrate(*MigrationExecutor(connection).loader.graph.leaf_nodes())


@pytest.fixture(autouse=True)
def _as_new_afterwards() -> Iterator[None]:
    yield
    migrate_to_the_newest()


def rows(room: str) -> dict[str, list[dict[str, Any]]]:
    """Every row of the moved tables, whichever room they are in."""
    found = {}
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"SELECT * FROM {room}_{table} ORDER BY id")  # noqa: S608 - our own names
            names = [column[0] for column in cursor.description]
            found[table] = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
            for row in found[table]:
                row.pop("study_id", None)  # came later, and is found again by the campaign
    return found


def filled() -> Dataset:
    """A dataset over a set with a fork, a steward, a target ranking, and everything of other rooms that points at them."""
    dataset = DatasetFactory()
    version = dataset.value_set_version
    SetMembership.objects.create(value_set=version.value_set, user=UserFactory(), role=SetRole.STEWARD)
    first, second, third = version.values.all()
    ScenarioFactory.create_batch(3, dataset=dataset)
    counts = dict.fromkeys(("wanted", "asked", "usable", "recent_asked", "recent_usable"), 3)
    PairYield.objects.create(dataset=dataset, value_1=first, value_2=second, duplicates=0, ended="reached", **counts)
    ranking = TargetRanking.objects.create(
        version=version, study=dataset.study, name="Ours", origin=TargetRanking.Origin.COMMUNITY
    )
    for rank, value in ((1, third), (1, first), (2, second)):
        TargetRankingPosition.objects.create(ranking=ranking, value=value, rank=rank)
    Steering.objects.create(study=dataset.study, name="Ours", system_prompt="Care.", target_ranking=ranking)
    CampaignFactory(dataset=dataset, target_ranking=ranking)
    return dataset


def test_rows_that_were_there_before_move_with_what_points_at_them() -> None:
    dataset = filled()
    digest, permissions = digest_of(dataset), dict(Permission.objects.values_list("pk", "codename"))
    types = set(ContentType.objects.filter(app_label="values", model__in=TABLES).values_list("pk", "model"))
    migrate(MOVED)
    before = rows("values")
    assert len(before["valueset_stewards"]) == 1
    old = migrate(BEFORE)
    assert rows("scenarios") == before

    of_then = old.get_model("scenarios", "ValueSet").objects.create(slug="then", name="Then")
    version = old.get_model("scenarios", "ValueSetVersion").objects.create(
        value_set=of_then, number=1, status="published", digest="0" * 64, parent_id=dataset.value_set_version_id
    )
    value = old.get_model("scenarios", "Value").objects.create(
        version=version, key="calm", name="Calm", definition="Being calm.", position=0
    )
    filled_before = rows("scenarios")
    migrate(MOVED)
    assert rows("values") == filled_before
    migrate_to_the_newest()

    assert SetMembership.objects.get().role == SetRole.STEWARD
    assert Value.objects.get(key="calm").version.parent == dataset.value_set_version
    assert digest_of(Dataset.objects.get()) == digest
    assert Steering.objects.get().target_ranking == Campaign.objects.get().target_ranking == TargetRanking.objects.get()
    assert Steering.objects.get().study == TargetRanking.objects.get().study == dataset.study
    assert PairYield.objects.get().value_1 in dataset.value_set_version.values.all()
    assert set(ContentType.objects.filter(app_label="values", model__in=TABLES).values_list("pk", "model")) == types
    assert dict(Permission.objects.filter(pk__in=permissions).values_list("pk", "codename")) == permissions
    assert ValueSetVersion.objects.create(value_set=ValueSet.objects.get(slug="then"), number=2, digest="1" * 64).pk
    connection.check_constraints()
    assert value.pk in Value.objects.values_list("pk", flat=True)


def test_no_table_is_left_behind() -> None:
    tables = connection.introspection.table_names()
    assert not {f"scenarios_{table}" for table in TABLES} & set(tables)
    assert {f"values_{table}" for table in TABLES if table != "valueset_stewards"} <= set(tables)
    assert "values_valueset_stewards" not in tables
