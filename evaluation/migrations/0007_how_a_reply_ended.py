from django.db import migrations, models
from django.db.models import Exists, OuterRef

OUTCOMES = ["answered", "empty", "truncated", "blocked", "failed"]
WHY = "The reply was cut off before its end, so it is no answer."


def say_what_was_cut_off(apps, schema_editor):
    """Answers so far that were cut off were read as if they were whole: by multiple choice a thought was a decided letter."""
    alias = schema_editor.connection.alias
    response, judgement, call = (
        apps.get_model("evaluation", "Response").objects.using(alias),
        apps.get_model("evaluation", "Judgement").objects.using(alias),
        apps.get_model("llm", "Call"),
    )
    cut_off = call.objects.using(alias).filter(responses=OuterRef("pk"), outcome="truncated")
    found = list(response.filter(Exists(cut_off), outcome__in=["answered", "empty"]).values_list("pk", flat=True))
    for start in range(0, len(found), 500):
        these = found[start : start + 500]
        response.filter(pk__in=these).update(outcome="truncated")
        judgement.filter(response__in=these, source__in=["parsed", "judge"]).update(
            choice="none", strength=None, resolved=None, reason=WHY
        )


class Migration(migrations.Migration):
    dependencies = [("evaluation", "0006_target_ranking_of_values"), ("llm", "0008_call_blocked")]

    operations = [
        migrations.RemoveConstraint("response", "response_outcome_known"),
        migrations.AlterField(
            "response",
            "outcome",
            models.CharField(choices=[(outcome, outcome.capitalize()) for outcome in OUTCOMES], max_length=10),
        ),
        migrations.RunPython(say_what_was_cut_off, migrations.RunPython.noop, elidable=True),
    ]
