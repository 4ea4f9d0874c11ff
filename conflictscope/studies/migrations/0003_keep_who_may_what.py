"""Who owns a study may go on creating some, and studies go on using the endpoints that they have used."""

from django.db import migrations


def keep_who_creates_studies(apps, schema_editor):
    Membership = apps.get_model("studies", "Membership")
    owners = set(Membership.objects.filter(role="owner").values_list("user", flat=True))
    if not owners:
        return  # a new installation: its permissions are made after all migrations
    ContentType = apps.get_model("contenttypes", "ContentType")
    Permission = apps.get_model("auth", "Permission")
    of_studies, _ = ContentType.objects.get_or_create(app_label="studies", model="study")
    permission, _ = Permission.objects.get_or_create(
        content_type=of_studies, codename="add_study", defaults={"name": "Can add study"}
    )
    Given = apps.get_model("auth", "User").user_permissions.through
    Given.objects.bulk_create(
        (Given(user_id=owner, permission_id=permission.pk) for owner in sorted(owners)), ignore_conflicts=True
    )


def keep_the_endpoints_in_use(apps, schema_editor):
    # Where a study and an endpoint meet: what was asked, and what is set up to be asked.
    meetings = [
        ("jobs", "CallUse", "item__job__study", "call__endpoint"),
        ("scenarios", "Dataset", "study", "generator"),
        ("scenarios", "Dataset", "study", "primary_judge__endpoint"),
        ("scenarios", "Verdict", "scenario__dataset__study", "judge__endpoint"),
        ("scenarios", "OpeningMessage", "scenario__dataset__study", "user_simulator"),
        ("scenarios", "DomainTag", "scenario__dataset__study", "endpoint"),
        ("evaluation", "Run", "study", "target__endpoint"),
        ("evaluation", "Run", "study", "user_simulator"),
        ("evaluation", "Run", "study", "judge__endpoint"),
        ("evaluation", "Judgement", "response__run__study", "judge__endpoint"),
    ]
    pairs = set()
    for app, model, study, endpoint in meetings:
        rows = apps.get_model(app, model).objects.filter(**{f"{endpoint}__isnull": False})
        pairs |= set(rows.order_by().values_list(study, endpoint).distinct())
    pairs |= set(_of_live_jobs(apps))
    StudyEndpoint = apps.get_model("studies", "StudyEndpoint")
    StudyEndpoint.objects.bulk_create(
        (StudyEndpoint(study_id=study, endpoint_id=endpoint) for study, endpoint in sorted(pairs)), ignore_conflicts=True
    )


def _of_live_jobs(apps):
    """Jobs that were started and have asked nothing yet."""
    live = apps.get_model("jobs", "Job").objects.filter(state__in=["running", "paused"])
    judges = dict(
        apps.get_model("scenarios", "Judge").objects.filter(endpoint__isnull=False).values_list("pk", "endpoint")
    )
    endpoints = set(apps.get_model("llm", "Endpoint").objects.values_list("pk", flat=True))
    for study, parameters in live.values_list("study", "parameters"):
        for endpoint in (parameters.get("endpoint"), judges.get(parameters.get("judge"))):
            if endpoint in endpoints:
                yield study, endpoint


class Migration(migrations.Migration):
    dependencies = [
        ("studies", "0002_study_endpoints"),
        ("jobs", "0005_work_item_ended"),
        ("scenarios", "0011_messages_simulated_elsewhere"),
        ("evaluation", "0001_initial"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.RunPython(keep_who_creates_studies, migrations.RunPython.noop),
        migrations.RunPython(keep_the_endpoints_in_use, migrations.RunPython.noop),
    ]
