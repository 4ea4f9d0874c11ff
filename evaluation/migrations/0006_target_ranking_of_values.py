import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """The same column points at the same table, which is now that of `values`."""

    dependencies = [
        ('evaluation', '0005_comparison'),
        ('values', '0001_value_sets_move_in'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    model_name='steering',
                    name='target_ranking',
                    field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='steerings', to='values.targetranking'),
                ),
            ],
        ),
    ]
