from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("scenarios", "0018_judges_of_their_own_words")]

    operations = [
        migrations.AddField(
            "importupload",
            "what",
            models.CharField(
                choices=[("scenarios", "Scenarios"), ("evaluations", "Evaluations")], default="scenarios", max_length=12
            ),
        ),
    ]
