from django.db import migrations, models
from django.db.models import Exists, F, OuterRef


def take_over(apps, schema_editor):
    """What stood before a scenario became a duplicate, and what imported scenarios without verdicts have, was told by a file."""
    Scenario = apps.get_model("scenarios", "Scenario")
    Verdict = apps.get_model("scenarios", "Verdict")
    settled = ["kept", "dropped", "undecided"]
    judged = Exists(Verdict.objects.filter(scenario=OuterRef("pk")))
    Scenario.objects.filter(judged).update(status_told="")
    Scenario.objects.exclude(status_told__in=["", *settled]).update(status_told="")
    Scenario.objects.filter(~judged, dataset__variant="imported", status__in=settled).update(status_told=F("status"))


class Migration(migrations.Migration):

    dependencies = [
        ('scenarios', '0009_status_before'),
    ]

    operations = [
        migrations.RenameField(model_name='scenario', old_name='status_before', new_name='status_told'),
        migrations.AlterField(
            model_name='scenario',
            name='status_told',
            field=models.CharField(blank=True, default='', editable=False, help_text='What a file says became of it without saying why: it counts where no verdicts settle the scenario.', max_length=10),
        ),
        migrations.RunPython(take_over, migrations.RunPython.noop),
    ]
