"""People, studies and who is what in them."""

from __future__ import annotations

import factory
from django.contrib.auth.models import User

from conflictscope.studies.models import Membership, Study
from conflictscope.studies.permissions import Role

PASSWORD = "correct horse"


class UserFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = User
        skip_postgeneration_save = True

    username = factory.Sequence(lambda n: f"person-{n}")
    password = factory.django.Password(PASSWORD)


class StudyFactory(factory.django.DjangoModelFactory):
    """A study whose maker is its owner, as `create_study` makes it."""

    class Meta:
        model = Study
        skip_postgeneration_save = True

    slug = factory.Sequence(lambda n: f"study-{n}")
    name = factory.LazyAttribute(lambda study: study.slug.replace("-", " ").capitalize())
    created_by = factory.SubFactory(UserFactory)

    @factory.post_generation
    def owner(self: Study, create: bool, extracted: object, **kwargs: object) -> None:
        if create:
            Membership.objects.create(study=self, user=self.created_by, role=Role.OWNER)


class MembershipFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Membership

    study = factory.SubFactory(StudyFactory)
    user = factory.SubFactory(UserFactory)
    role = Role.RESEARCHER


def member(study: Study, role: str) -> User:
    """A new person with this role in the study."""
    return MembershipFactory(study=study, role=role).user
