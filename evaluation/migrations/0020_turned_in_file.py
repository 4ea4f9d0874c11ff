from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("evaluation", "0019_readings")]

    operations = [
        migrations.AddField(
            "response",
            "turned_in_file",
            models.BooleanField(
                default=False,
                help_text="Of an imported response: its file has the scenario's two values the other way round.",
            ),
        ),
    ]
