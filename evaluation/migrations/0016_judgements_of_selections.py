from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("evaluation", "0015_dev_and_sealed_test")]

    operations = [
        migrations.AddField(
            "judgement",
            "of_selection",
            models.BooleanField(
                default=False,
                help_text="Of a human judgement: its item was drawn from a selected set, so no estimate for the whole uses it.",
            ),
        ),
    ]
