"""Stewards are members whose role is steward."""

from django.db import migrations


def make_members(apps, schema_editor):
    value_sets, memberships = apps.get_model("values", "ValueSet"), apps.get_model("values", "SetMembership")
    stewards = value_sets.stewards.through.objects.order_by("pk")
    memberships.objects.bulk_create(
        memberships(value_set_id=each.valueset_id, user_id=each.user_id, role="steward") for each in stewards
    )


def make_stewards(apps, schema_editor):
    value_sets, memberships = apps.get_model("values", "ValueSet"), apps.get_model("values", "SetMembership")
    through = value_sets.stewards.through
    through.objects.bulk_create(
        through(valueset_id=each.value_set_id, user_id=each.user_id)
        for each in memberships.objects.filter(role="steward").order_by("pk")
    )
    memberships.objects.filter(role="steward").delete()


class Migration(migrations.Migration):
    dependencies = [("values", "0003_drafts_and_members")]
    operations = [migrations.RunPython(make_members, make_stewards)]
