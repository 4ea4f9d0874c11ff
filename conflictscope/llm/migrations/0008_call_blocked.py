from django.db import migrations, models


class Migration(migrations.Migration):
    """Apart from the rows' own change: PostgreSQL takes no new constraint on rows that the same transaction has changed."""

    dependencies = [("llm", "0007_parts_of_a_reply")]

    operations = [
        migrations.AddConstraint(
            "call",
            models.CheckConstraint(
                condition=models.Q(
                    (
                        "outcome__in",
                        ["sent", "ok", "refused", "truncated", "blocked", "empty", "malformed", "failed", "unknown"],
                    )
                ),
                name="call_outcome_known",
            ),
        ),
    ]
