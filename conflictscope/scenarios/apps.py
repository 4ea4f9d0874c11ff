from django.apps import AppConfig


class ScenariosConfig(AppConfig):
    name = "conflictscope.scenarios"
    label = "scenarios"
