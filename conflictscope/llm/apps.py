from django.apps import AppConfig


class LlmConfig(AppConfig):
    name = "conflictscope.llm"
    label = "llm"
