"""Calls and tokens of jobs that began before they were counted on the job itself; and which calls nobody saw the end of."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import Count, Sum


def count(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    uses = apps.get_model("jobs", "CallUse").objects.filter(from_cache=False).order_by()
    sums = uses.values("item__job").annotate(
        calls=Count("pk"), tokens_in=Sum("call__tokens_in", default=0), tokens_out=Sum("call__tokens_out", default=0)
    )
    for row in sums:
        apps.get_model("jobs", "Job").objects.filter(pk=row["item__job"]).update(
            calls_sent=row["calls"], tokens_used=row["tokens_in"] + row["tokens_out"]
        )
    unseen = apps.get_model("llm", "Call").objects.filter(outcome="sent").values("pk")
    uses.filter(call__in=unseen).update(hold="unknown")


class Migration(migrations.Migration):
    dependencies = [("jobs", "0003_budgets")]
    operations = [migrations.RunPython(count, migrations.RunPython.noop)]
