"""Calls carry the scope of the study whose job paid for them: as `conflictscope.jobs.rights.scope_of` names it."""

from django.db import migrations
from django.db.models import CharField, OuterRef, Subquery, Value
from django.db.models.functions import Cast, Concat


def name_the_scopes(apps, schema_editor):
    """In slices, so that no statement holds millions of rows."""
    Call = apps.get_model("llm", "Call")
    paid = apps.get_model("jobs", "CallUse").objects.filter(call=OuterRef("pk"), from_cache=False)
    study = Cast(Subquery(paid.values("item__job__study")[:1]), CharField())
    last = Call.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    for first in range(0, last + 1, 50_000):
        mine = Call.objects.filter(pk__gte=first, pk__lt=first + 50_000, uses__from_cache=False)
        Call.objects.filter(pk__in=mine.values("pk")).update(scope=Concat(Value("study:"), study))


class Migration(migrations.Migration):
    dependencies = [
        ("jobs", "0005_work_item_ended"),
        ("llm", "0004_call_scope"),
    ]

    operations = [migrations.RunPython(name_the_scopes, migrations.RunPython.noop)]
