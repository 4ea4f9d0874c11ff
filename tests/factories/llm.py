"""Endpoints for tests. Give `base_url=simulator.base_url` to one that will be asked something."""

from __future__ import annotations

import factory
from factory.django import DjangoModelFactory

from conflictscope.llm.models import Endpoint
from conflictscope.studies.endpoints import allow
from conflictscope.studies.models import Study


class EndpointFactory(DjangoModelFactory):
    """A judge that speaks the OpenAI protocol and asks for no key. Nobody listens at its address."""

    class Meta:
        model = Endpoint
        skip_postgeneration_save = True

    name = factory.Sequence(lambda n: f"endpoint-{n}")
    provider = Endpoint.Provider.OPENAI_COMPATIBLE
    llm = "sim-judge"
    base_url = "http://127.0.0.1:9/v1"

    @factory.post_generation
    def studies(self: Endpoint, create: bool, extracted: object, **kwargs: object) -> None:
        """As for `StudyFactory.endpoints`."""
        if create:
            allow_everywhere(self)


def allow_everywhere(*endpoints: Endpoint) -> None:
    """Let every study that there is use these endpoints, too."""
    for study in Study.objects.all():
        allow(study, endpoints)
