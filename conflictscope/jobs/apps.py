from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "conflictscope.jobs"
    label = "jobs"
