from django.db import migrations, models

DECIDERS = [
    ("parsed", "The answers themselves"),
    ("judge", "The judge alone"),
    ("people", "People alone"),
    ("corrected", "The judge, corrected by people"),
    ("mixed", "People where they had decided, else the judge"),
]


class Migration(migrations.Migration):
    dependencies = [("evaluation", "0003_imported_runs")]

    operations = [
        migrations.RemoveConstraint("ranking", "ranking_decider_known"),
        migrations.AlterField(
            "ranking",
            "decider",
            models.CharField(choices=DECIDERS, help_text="Whose decisions it was fitted to.", max_length=10),
        ),
        migrations.AddConstraint(
            "ranking",
            models.CheckConstraint(
                condition=models.Q(("decider__in", [key for key, _ in DECIDERS])), name="ranking_decider_known"
            ),
        ),
    ]
