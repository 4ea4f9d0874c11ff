import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """The same columns point at the same tables, which are now those of `values`."""

    dependencies = [
        ('scenarios', '0014_rename_value_tables'),
        ('values', '0001_value_sets_move_in'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    model_name='dataset',
                    name='value_set_version',
                    field=models.ForeignKey(blank=True, help_text='Empty in a baseline dataset, whose scenarios have two actions and no value pair.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='datasets', to='values.valuesetversion'),
                ),
                migrations.AlterField(
                    model_name='scenario',
                    name='value_1',
                    field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='values.value'),
                ),
                migrations.AlterField(
                    model_name='scenario',
                    name='value_2',
                    field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='values.value'),
                ),
                migrations.AlterField(
                    model_name='pairyield',
                    name='value_1',
                    field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='values.value'),
                ),
                migrations.AlterField(
                    model_name='pairyield',
                    name='value_2',
                    field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='values.value'),
                ),
            ],
        ),
    ]
