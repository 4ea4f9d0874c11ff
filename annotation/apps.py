from django.apps import AppConfig


class AnnotationConfig(AppConfig):
    name = "annotation"
    label = "annotation"

    def ready(self) -> None:
        from annotation.agreement.sealed import opened_by_correction, sealed_to
        from annotation.campaigns.places import studies_with_a_place_of
        from annotation.consensus.job import DecideHandler
        from annotation.labelling.progress import waiting_for
        from conflictscope.accounts import waiting
        from conflictscope.jobs import registry
        from conflictscope.studies import blindness
        from evaluation.rankings import corrections

        waiting.register(waiting_for)
        blindness.register(studies_with_a_place_of)
        registry.register(DecideHandler())
        corrections.register(opened_by_correction, sealed_to)
