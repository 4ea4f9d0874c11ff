"""The table of stewards, whose rows are members now."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("values", "0004_stewards_are_members")]
    operations = [migrations.RemoveField(model_name="valueset", name="stewards")]
