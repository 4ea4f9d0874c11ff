from django.apps import AppConfig


class ExportsConfig(AppConfig):
    name = "conflictscope.exports"
    label = "exports"
