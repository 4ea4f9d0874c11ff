from django.apps import AppConfig


class ScenariosConfig(AppConfig):
    name = "conflictscope.scenarios"
    label = "scenarios"

    def ready(self) -> None:
        from conflictscope.jobs.registry import register
        from conflictscope.scenarios.dedup import DedupHandler
        from conflictscope.scenarios.diversity import EmbedDescriptionsHandler
        from conflictscope.scenarios.filtering import FilterHandler
        from conflictscope.scenarios.generation import GenerationHandler

        register(GenerationHandler())
        register(FilterHandler())
        register(EmbedDescriptionsHandler())
        register(DedupHandler())
