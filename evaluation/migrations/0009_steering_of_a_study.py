import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """The columns; what study an earlier steering is of is looked up next (0010), and then it is asked for (0011)."""

    dependencies = [
        ("evaluation", "0008_response_outcomes"),
        ("studies", "0002_study_endpoints"),
        ("values", "0002_target_rankings_of_a_study"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            "steering",
            "study",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="steerings",
                to="studies.study",
            ),
        ),
        migrations.AddField(
            "steering",
            "template",
            models.CharField(
                blank=True,
                default="",
                help_text="The prompt file that it was written by; empty: a text of its own.",
                max_length=100,
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            "steering",
            "created_by",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            "steering",
            "created_at",
            models.DateTimeField(auto_now_add=True, default=django.utils.timezone.now),
            preserve_default=False,
        ),
        migrations.AlterField(
            "steering",
            "target_ranking",
            models.ForeignKey(
                blank=True,
                help_text="The order that the prompt stands for; empty: none.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="steerings",
                to="values.targetranking",
            ),
        ),
    ]
