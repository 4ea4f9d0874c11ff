import re

from django.db import migrations, models
from django.db.models import Q

OUTCOMES = ["sent", "ok", "refused", "truncated", "blocked", "empty", "malformed", "failed", "unknown"]
# As replies were told from thoughts when this was written; most came from LLMs that think between these tags.
TAG = re.compile(r"<(/?)(?:think|thinking)>", re.IGNORECASE)


def part_thoughts(apps, schema_editor):
    """Replies so far hold thoughts that came in line. One whose thought never ended was cut off within it."""
    calls = apps.get_model("llm", "Call").objects.using(schema_editor.connection.alias)
    with_tags = Q(reply__contains="<think") | Q(reply__contains="</think") | Q(reply__contains="<Think")
    for call in calls.filter(with_tags).only("pk", "reply", "outcome").iterator(chunk_size=200):
        tags = list(TAG.finditer(call.reply))
        if not tags:
            continue
        closing = [tag for tag in tags if tag[1]]
        open_at = next((tag for tag in tags if not tag[1] and (not closing or tag.start() > closing[-1].end())), None)
        answer = "" if open_at else call.reply[closing[-1].end() :].strip()
        thought = call.reply if open_at else call.reply[: closing[-1].start()]
        outcome = call.outcome
        if outcome == "ok" and not answer:
            outcome = "truncated" if open_at else "empty"
        calls.filter(pk=call.pk).update(reply=answer, thought=TAG.sub("", thought).strip(), outcome=outcome)


class Migration(migrations.Migration):
    dependencies = [("llm", "0006_endpoint_edition")]

    operations = [
        migrations.RemoveConstraint("call", "call_outcome_known"),
        migrations.AddField(
            "call",
            "thought",
            models.TextField(
                blank=True, default="", help_text="What the LLM thought, as far as its provider tells."
            ),
            preserve_default=False,
        ),
        migrations.AlterField(
            "call", "reply", models.TextField(blank=True, help_text="What was said, without the thought before it.")
        ),
        migrations.AlterField(
            "call",
            "outcome",
            models.CharField(
                choices=[(outcome, outcome.capitalize()) for outcome in OUTCOMES], default="sent", max_length=12
            ),
        ),
        migrations.RunPython(part_thoughts, migrations.RunPython.noop, elidable=True),
    ]
