from django.apps import AppConfig
from django.db.models.signals import post_migrate


class ValuesConfig(AppConfig):
    name = "conflictscope.values"
    label = "values"

    def ready(self) -> None:
        from conflictscope.values.immutability import look_after_triggers

        post_migrate.connect(look_after_triggers, sender=self, dispatch_uid="values.immutability")
