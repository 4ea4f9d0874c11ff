"""Endpoints for tests. Give `base_url=simulator.base_url` to one that will be asked something."""

from __future__ import annotations

import factory
from factory.django import DjangoModelFactory

from conflictscope.llm.models import Endpoint


class EndpointFactory(DjangoModelFactory):
    """A judge that speaks the OpenAI protocol and asks for no key. Nobody listens at its address."""

    class Meta:
        model = Endpoint

    name = factory.Sequence(lambda n: f"endpoint-{n}")
    provider = Endpoint.Provider.OPENAI_COMPATIBLE
    llm = "sim-judge"
    base_url = "http://127.0.0.1:9/v1"
