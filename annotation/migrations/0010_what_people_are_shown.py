from django.db import migrations


def mark(apps, schema_editor):
    """Responses that campaigns ask about, of before there was a mark for it."""
    items = apps.get_model("annotation", "Item").objects.filter(response__isnull=False)
    apps.get_model("evaluation", "Response").objects.filter(pk__in=items.values("response")).update(
        shown_to_people=True
    )


class Migration(migrations.Migration):
    dependencies = [
        ("annotation", "0009_quality_and_adjudication"),
        ("evaluation", "0018_shown_to_people"),
    ]

    operations = [migrations.RunPython(mark, migrations.RunPython.noop)]
