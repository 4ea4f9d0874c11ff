from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("evaluation", "0016_judgements_of_selections")]

    operations = [
        migrations.AddField(
            "run",
            "import_unfinished",
            models.BooleanField(
                default=False,
                help_text="Of an imported run: its import is under way, or was broken off; the same files again add the rest.",
            ),
        ),
    ]
