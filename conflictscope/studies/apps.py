from django.apps import AppConfig


class StudiesConfig(AppConfig):
    name = "conflictscope.studies"
    label = "studies"
