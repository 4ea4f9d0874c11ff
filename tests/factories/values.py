"""Value sets and their versions for tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import factory
from factory.django import DjangoModelFactory

from conflictscope.values.immutability import drop_triggers, look_after_triggers
from conflictscope.values.models import Value, ValueSet, ValueSetVersion

THREE_VALUES = (
    ("helpfulness", "Helpfulness", "Doing what the person asks, fully and without detours."),
    ("honesty", "Honesty", "Saying what is true and leaving no false impression."),
    ("harmlessness", "Harmlessness", "Keeping anyone from being hurt by the answer."),
)


class ValueSetFactory(DjangoModelFactory):
    class Meta:
        model = ValueSet

    slug = factory.Sequence(lambda n: f"values-{n}")
    name = factory.Sequence(lambda n: f"Values {n}")


class ValueFactory(DjangoModelFactory):
    class Meta:
        model = Value

    key = factory.Sequence(lambda n: f"value_{n}")
    name = factory.LazyAttribute(lambda value: value.key.replace("_", " ").capitalize())
    definition = factory.LazyAttribute(lambda value: f"Caring about {value.name}.")
    position = factory.Sequence(lambda n: n)


class ValueSetVersionFactory(DjangoModelFactory):
    """A published version with three values: helpfulness, honesty and harmlessness."""

    class Meta:
        model = ValueSetVersion
        skip_postgeneration_save = True

    value_set = factory.SubFactory(ValueSetFactory)
    number = 1
    status = ValueSetVersion.Status.PUBLISHED
    digest = factory.Sequence(lambda n: f"{n:064x}")

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **kwargs: Any) -> Any:
        """As a draft, which is what values can join."""
        status = kwargs.pop("status")
        version = super()._create(model_class, *args, status=ValueSetVersion.Status.DRAFT, **kwargs)
        version.status = status
        return version

    @factory.post_generation
    def values(self: Any, create: bool, extracted: Any, **kwargs: Any) -> None:
        """`values=()` leaves the version empty."""
        if not create:
            return
        for position, (key, name, definition) in enumerate(THREE_VALUES if extracted is None else extracted):
            Value.objects.create(version=self, key=key, name=name, definition=definition, position=position)
        self.save(update_fields=["status"])


@contextmanager
def writable_versions() -> Iterator[None]:
    """For a test that needs a database in which no set was ever published."""
    drop_triggers()
    try:
        yield
    finally:
        look_after_triggers()
