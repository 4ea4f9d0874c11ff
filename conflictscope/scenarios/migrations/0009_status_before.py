from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('scenarios', '0008_verdicts_by_source'),
    ]

    operations = [
        migrations.AddField(
            model_name='scenario',
            name='status_before',
            field=models.CharField(blank=True, default='', editable=False, help_text='Of a duplicate: its status before it was found to be one, for when it is one no longer.', max_length=10),
        ),
    ]
