from django.db import migrations


def find_studies(apps, schema_editor):
    """A steering belongs to the study of its runs, else to one that works on the values it ranks, else to the oldest. In an
    installation without a study nothing could be steered."""
    Steering, Run, Dataset, Study = (
        apps.get_model(*name)
        for name in (
            ("evaluation", "Steering"),
            ("evaluation", "Run"),
            ("scenarios", "Dataset"),
            ("studies", "Study"),
        )
    )
    for steering in Steering.objects.filter(study__isnull=True).select_related("target_ranking"):
        row = (
            Run.objects.filter(steering=steering).order_by("pk").first()
            or Dataset.objects.filter(value_set_version=steering.target_ranking.version_id).order_by("pk").first()
        )
        steering.study_id = row.study_id if row else Study.objects.order_by("pk").values_list("pk", flat=True).first()
        if steering.study_id is None:
            steering.delete()
        else:
            steering.save(update_fields=["study"])


class Migration(migrations.Migration):
    dependencies = [
        ("evaluation", "0009_steering_of_a_study"),
        ("scenarios", "0016_forget_value_tables"),
    ]

    operations = [migrations.RunPython(find_studies, migrations.RunPython.noop)]
