from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("jobs", "0009_killed_items")]

    operations = [
        migrations.AddIndex(
            model_name="workitem",
            index=models.Index(models.F("job"), condition=models.Q(("state", "failed")), name="work_item_failed"),
        ),
    ]
