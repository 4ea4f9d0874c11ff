from django.apps import AppConfig


class ValuesConfig(AppConfig):
    name = "conflictscope.values"
    label = "values"
