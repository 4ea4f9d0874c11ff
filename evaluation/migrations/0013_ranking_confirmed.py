import django.utils.timezone
from django.db import migrations, models
from django.db.models import F


def confirmed_when_fitted(apps, schema_editor):
    """Of earlier snapshots only this is known: when they were fitted first."""
    apps.get_model("evaluation", "Ranking").objects.update(confirmed_at=F("created_at"))


class Migration(migrations.Migration):
    dependencies = [("evaluation", "0012_turns_judges_and_user_simulators")]

    operations = [
        migrations.AddField(
            model_name="ranking",
            name="confirmed_at",
            field=models.DateTimeField(
                default=django.utils.timezone.now,
                help_text="When a fit last came to it: by then its inputs were what had been decided.",
            ),
        ),
        migrations.RunPython(confirmed_when_fitted, migrations.RunPython.noop),
    ]
