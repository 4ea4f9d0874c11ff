import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("evaluation", "0010_whose_a_steering_is")]

    operations = [
        migrations.AlterModelOptions("steering", options={"ordering": ["study", "name"]}),
        migrations.AlterField("steering", "name", models.CharField(max_length=100)),
        migrations.AlterField(
            "steering",
            "study",
            models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="steerings", to="studies.study"
            ),
        ),
        migrations.AddConstraint(
            "steering",
            models.UniqueConstraint(fields=("study", "name"), name="steering_name_unique_in_study"),
        ),
        migrations.AddConstraint(
            "steering",
            models.CheckConstraint(
                condition=models.Q(("system_prompt", ""), _negated=True), name="steering_says_something"
            ),
        ),
    ]
