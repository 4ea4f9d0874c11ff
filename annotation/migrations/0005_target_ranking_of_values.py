import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """The same column points at the same table, which is now that of `values`."""

    dependencies = [
        ('annotation', '0004_community_ranking'),
        ('values', '0001_value_sets_move_in'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    model_name='campaign',
                    name='target_ranking',
                    field=models.ForeignKey(blank=True, help_text="Preference: the community's order of values that it came to.", null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='campaigns', to='values.targetranking'),
                ),
            ],
        ),
    ]
