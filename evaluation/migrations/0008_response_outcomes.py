from django.db import migrations, models


class Migration(migrations.Migration):
    """Apart from the rows' own change: PostgreSQL takes no new constraint on rows that the same transaction has changed."""

    dependencies = [("evaluation", "0007_how_a_reply_ended")]

    operations = [
        migrations.AddField(
            "rating",
            "unread_1",
            models.TextField(blank=True, default="", help_text="What came instead of a rating, word for word."),
            preserve_default=False,
        ),
        migrations.AddField(
            "rating", "unread_2", models.TextField(blank=True, default=""), preserve_default=False
        ),
        migrations.AddConstraint(
            "response",
            models.CheckConstraint(
                condition=models.Q(("outcome__in", ["answered", "empty", "truncated", "blocked", "failed"])),
                name="response_outcome_known",
            ),
        ),
    ]
