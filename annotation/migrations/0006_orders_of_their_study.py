from django.db import migrations


def name_studies(apps, schema_editor):
    """A community's order is of the people of one study, and that study alone sees it."""
    Campaign = apps.get_model("annotation", "Campaign")
    for campaign in Campaign.objects.filter(target_ranking__isnull=False).select_related("target_ranking"):
        ranking = campaign.target_ranking
        if ranking.study_id is None:
            ranking.study_id = campaign.study_id
            ranking.save(update_fields=["study"])


class Migration(migrations.Migration):
    dependencies = [
        ("annotation", "0005_target_ranking_of_values"),
        ("values", "0002_target_rankings_of_a_study"),
    ]

    operations = [migrations.RunPython(name_studies, migrations.RunPython.noop)]
