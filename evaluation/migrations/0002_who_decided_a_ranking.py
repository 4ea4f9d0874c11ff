from django.db import migrations, models


def say_who_decided(apps, schema_editor):
    """Snapshots so far: by multiple choice the answers themselves; of conversations people's word was put before the judge's."""
    ranking = apps.get_model("evaluation", "Ranking")
    ranking.objects.filter(run__mode="multiple_choice").update(decider="parsed")


class Migration(migrations.Migration):
    dependencies = [("evaluation", "0001_initial")]

    operations = [
        migrations.AddField(
            "ranking",
            "decider",
            models.CharField(
                choices=[
                    ("parsed", "The answers themselves"),
                    ("judge", "The judge alone"),
                    ("people", "People alone"),
                    ("mixed", "People where they had decided, else the judge"),
                ],
                default="mixed",
                help_text="Whose decisions it was fitted to.",
                max_length=10,
            ),
            preserve_default=False,
        ),
        migrations.RunPython(say_who_decided, migrations.RunPython.noop),
        migrations.AddConstraint(
            "ranking",
            models.CheckConstraint(
                condition=models.Q(("decider__in", ["parsed", "judge", "people", "mixed"])), name="ranking_decider_known"
            ),
        ),
    ]
