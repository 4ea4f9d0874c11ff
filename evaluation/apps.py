from django.apps import AppConfig


class EvaluationConfig(AppConfig):
    name = "evaluation"
    label = "evaluation"

    def ready(self) -> None:
        from conflictscope.jobs import registry
        from evaluation.importing.uploads import EvaluationImportHandler
        from evaluation.readings.job import ReadingHandler
        from evaluation.running.job import EvaluateHandler
        from evaluation.running.judge_some import JudgeSomeHandler

        registry.register(EvaluateHandler())
        registry.register(EvaluationImportHandler())
        registry.register(ReadingHandler())
        registry.register(JudgeSomeHandler())
