from django.apps import AppConfig
from django.db.models.signals import post_migrate


class ScenariosConfig(AppConfig):
    name = "conflictscope.scenarios"
    label = "scenarios"

    def ready(self) -> None:
        from conflictscope.jobs.registry import register
        from conflictscope.scenarios.dedup import DedupHandler
        from conflictscope.scenarios.diversity import EmbedDescriptionsHandler
        from conflictscope.scenarios.domains import TagDomainsHandler
        from conflictscope.scenarios.filtering.job import FilterHandler
        from conflictscope.scenarios.generation import GenerationHandler
        from conflictscope.scenarios.importing.job import ImportHandler
        from conflictscope.scenarios.search.index import look_after_indexes
        from conflictscope.scenarios.value_sets.trying import TrialHandler

        register(GenerationHandler())
        register(FilterHandler())
        register(TagDomainsHandler())
        register(EmbedDescriptionsHandler())
        register(DedupHandler())
        register(ImportHandler())
        register(TrialHandler())
        post_migrate.connect(look_after_indexes, sender=self, dispatch_uid="scenarios.search")
