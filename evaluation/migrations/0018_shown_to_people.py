from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("evaluation", "0017_import_unfinished")]

    operations = [
        migrations.AddField(
            "response",
            "shown_to_people",
            models.BooleanField(
                default=False,
                help_text="People are asked about it in a campaign: what they read does not change any more.",
            ),
        ),
    ]
