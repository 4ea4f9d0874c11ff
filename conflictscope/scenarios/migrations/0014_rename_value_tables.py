from django.db import migrations


class Migration(migrations.Migration):
    """Value sets move to a room of their own: here their tables get the names that they will have there.

    The models follow in state alone (values 0001), then whatever points at them, and 0016 forgets the old ones. At each step
    the state names the tables that are there, so that a migration of another room may come in between.
    """

    dependencies = [
        ('scenarios', '0013_imports_of_before'),
    ]

    operations = [
        migrations.AlterModelTable(name='valueset', table='values_valueset'),
        migrations.AlterModelTable(name='valuesetversion', table='values_valuesetversion'),
        migrations.AlterModelTable(name='value', table='values_value'),
        migrations.AlterModelTable(name='targetranking', table='values_targetranking'),
        migrations.AlterModelTable(name='targetrankingposition', table='values_targetrankingposition'),
    ]
