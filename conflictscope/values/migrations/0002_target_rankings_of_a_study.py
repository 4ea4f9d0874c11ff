import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("studies", "0002_study_endpoints"),
        ("values", "0001_value_sets_move_in"),
    ]

    operations = [
        migrations.RemoveConstraint("targetranking", "target_ranking_name_unique_in_version"),
        migrations.AddField(
            "targetranking",
            "study",
            models.ForeignKey(
                blank=True,
                help_text="The study that wrote it, or whose people it is of, and that alone sees it; empty: every study's.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="target_rankings",
                to="studies.study",
            ),
        ),
        migrations.AddConstraint(
            "targetranking",
            models.UniqueConstraint(
                condition=models.Q(("study__isnull", True)),
                fields=("version", "name"),
                name="target_ranking_name_unique_in_version",
            ),
        ),
        migrations.AddConstraint(
            "targetranking",
            models.UniqueConstraint(
                condition=models.Q(("study__isnull", False)),
                fields=("version", "name", "study"),
                name="target_ranking_name_unique_in_study",
            ),
        ),
    ]
