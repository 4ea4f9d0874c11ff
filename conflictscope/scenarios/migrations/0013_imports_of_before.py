"""Imports of before become one import a dataset, so that they can be taken back, too."""

from django.db import migrations


def gather(apps, schema_editor):
    """One import for each imported dataset: which file brought which scenario was not kept."""
    Dataset = apps.get_model("scenarios", "Dataset")
    Import = apps.get_model("scenarios", "Import")
    Scenario = apps.get_model("scenarios", "Scenario")
    database = schema_editor.connection.alias
    for dataset in Dataset.objects.using(database).filter(variant="imported"):
        files = dataset.recipe.get("files", [])
        one = Import.objects.using(database).create(
            dataset=dataset,
            files=files,
            created_by_id=dataset.created_by_id,
            finished_at=dataset.created_at,
        )
        one.added = Scenario.objects.using(database).filter(dataset=dataset).update(brought_by=one)
        one.save(using=database, update_fields=["added"])


def forget(apps, schema_editor):
    database = schema_editor.connection.alias
    apps.get_model("scenarios", "Scenario").objects.using(database).update(brought_by=None)
    apps.get_model("scenarios", "Import").objects.using(database).all().delete()


class Migration(migrations.Migration):
    dependencies = [("scenarios", "0012_imports_that_can_be_taken_back")]

    operations = [migrations.RunPython(gather, forget)]
