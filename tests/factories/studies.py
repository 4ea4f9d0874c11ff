"""People, studies and who is what in them."""

from __future__ import annotations

import factory
from django.contrib.auth.models import Permission, User

from conflictscope.llm.models import Endpoint
from conflictscope.studies.endpoints import allow
from conflictscope.studies.membership import let_create_studies
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
    def endpoints(self: Study, create: bool, extracted: object, **kwargs: object) -> None:
        """In the tests' world every study may use every endpoint; tests of who may use which take them away."""
        if create:
            allow(self, Endpoint.objects.all())

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


def administrator(*permissions: str, **fields: object) -> User:
    """A member of the staff with these permissions, such as "llm.add_endpoint"; without any named, all that endpoints know."""
    user = UserFactory(is_staff=True, **fields)
    wanted = permissions or (
        "llm.view_endpoint",
        "llm.add_endpoint",
        "llm.change_endpoint",
        "studies.change_studyendpoint",
    )
    for permission in wanted:
        app, codename = permission.split(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    return user


def founder(**fields: object) -> User:
    """Somebody who may create studies."""
    user: User = UserFactory(**fields)
    let_create_studies(user)
    return user
