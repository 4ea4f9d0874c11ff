from django.db import migrations


class Migration(migrations.Migration):
    """Nothing points at these any more: they live on in `values`."""

    dependencies = [
        ('scenarios', '0015_values_of_another_room'),
        ('annotation', '0005_target_ranking_of_values'),
        ('evaluation', '0006_target_ranking_of_values'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.DeleteModel(name='TargetRankingPosition'),
                migrations.DeleteModel(name='TargetRanking'),
                migrations.DeleteModel(name='Value'),
                migrations.DeleteModel(name='ValueSetVersion'),
                migrations.DeleteModel(name='ValueSet'),
            ],
        ),
    ]
