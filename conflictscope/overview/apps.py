from django.apps import AppConfig


class OverviewConfig(AppConfig):
    name = "conflictscope.overview"
    label = "overview"
