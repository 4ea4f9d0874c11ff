"""Making accounts, founding a study, and who belongs to it."""

from __future__ import annotations

from django.contrib.auth.models import Permission, User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.text import slugify

from conflictscope.errors import Conflict, InvalidInput, NotAllowed, NotFound
from conflictscope.studies.models import Membership, Study
from conflictscope.studies.permissions import Role

# Django's own permission to add a Study: superusers have it, everybody else by name.
MAY_CREATE_STUDIES = "studies.add_study"
# Addresses below studies/ that belong to pages of their own.
RESERVED_SLUGS = frozenset({"new"})


def create_account(username: str, *, password: str) -> User:
    """A person who may log in, and belongs to no study yet.

    Raises:
        InvalidInput: the username or the password will not do; the sentence says why.
        Conflict: somebody has this username.
    """
    user = User(username=username.strip())
    try:
        user.clean_fields(exclude=["password"])
        validate_password(password, user)
    except ValidationError as exc:
        raise InvalidInput(" ".join(exc.messages)) from exc
    user.set_password(password)
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError as exc:
        raise Conflict(f"Somebody has the username {user.username!r} already: choose another.") from exc
    return user


def create_study(*, name: str, created_by: User, slug: str = "", description: str = "") -> Study:
    """A new study, owned by its maker. An empty slug is made from the name.

    Raises:
        NotAllowed: its maker may create no studies.
        InvalidInput: the name is empty, or the slug cannot stand in an address.
        Conflict: another study has this slug.
    """
    if not created_by.has_perm(MAY_CREATE_STUDIES):
        raise NotAllowed(
            f"{created_by} may not create studies. An administrator can allow it, under Admin or with: "
            f"manage.py let_create_studies {created_by}."
        )
    name = name.strip()
    if not name:
        raise InvalidInput("A study needs a name.")
    slug = slug or slugify(name)[:50].strip("-")
    if not slug or slug != slugify(slug) or len(slug) > 50:
        raise InvalidInput(
            f"{slug or name!r} cannot stand in an address: give a short name of at most 50 lower-case letters without "
            "accents, digits and hyphens, such as hhh-2026."
        )
    if slug in RESERVED_SLUGS:
        raise InvalidInput(f"The short name {slug!r} belongs to a page of its own: choose another.")
    try:
        with transaction.atomic():
            study = Study.objects.create(name=name, slug=slug, description=description.strip(), created_by=created_by)
            Membership.objects.create(study=study, user=created_by, role=Role.OWNER)
    except IntegrityError as exc:
        raise Conflict(f"There is a study with the short name {slug!r} already: choose another.") from exc
    return study


def let_create_studies(user: User, *, allowed: bool = True) -> None:
    """Give a person the right to create studies, or take it away. The studies that they own stay theirs."""
    permission = Permission.objects.get(content_type__app_label="studies", codename="add_study")
    if allowed:
        user.user_permissions.add(permission)
    else:
        user.user_permissions.remove(permission)


def add_member(study: Study, *, username: str, role: str) -> Membership:
    """Give a person a role in the study, or another role than they had.

    Raises:
        NotFound: nobody has this username.
        InvalidInput: there is no such role.
        Conflict: the study would be left without an owner.
    """
    if role not in Role.values:
        raise InvalidInput(f"There is no role {role!r}. Roles: {', '.join(Role.values)}.")
    user = user_named(username)
    with transaction.atomic():
        if role != Role.OWNER:
            _keep_an_owner(study, besides=user)
        membership, _ = Membership.objects.update_or_create(study=study, user=user, defaults={"role": role})
    return membership


def remove_member(study: Study, *, username: str) -> None:
    """Take a person out of the study. What they did stays.

    Raises:
        NotFound: nobody has this username, or they are no member.
        Conflict: the study would be left without an owner.
    """
    user = user_named(username)
    with transaction.atomic():
        _keep_an_owner(study, besides=user)
        removed, _ = Membership.objects.filter(study=study, user=user).delete()
    if not removed:
        raise NotFound(f"{username} is no member of {study}.")


def leave(study: Study, user: User) -> None:
    """The person goes by themselves. What they did stays.

    Raises:
        NotFound: they are no member. Conflict: the study would be left without an owner.
    """
    remove_member(study, username=user.get_username())


def hand_over(study: Study, *, to: str, by: User) -> Membership:
    """Another member becomes an owner, and the one who hands over a researcher; in one step, so that there is one all the time.

    Raises:
        NotFound: nobody has this username. InvalidInput: it is their own.
        Conflict: they are no member, so that nobody has asked them; or who hands over is no owner any more.
    """
    user = user_named(to)
    if user == by:
        raise InvalidInput("The study is yours already: name somebody else.")
    with transaction.atomic():
        Study.objects.select_for_update().get(pk=study.pk)
        theirs = Membership.objects.filter(study=study)
        if not theirs.filter(user=by, role=Role.OWNER).exists():
            raise Conflict(f"You are no owner of {study} any more.")
        membership: Membership | None = theirs.filter(user=user).first()
        if membership is None:
            raise Conflict(f"{user} is no member of {study}: invite them first, and hand it over then.")
        membership.role = Role.OWNER
        membership.save(update_fields=["role"])
        theirs.filter(user=by).update(role=Role.RESEARCHER)
    return membership


def user_named(username: str) -> User:
    """
    Raises:
        NotFound: nobody who may log in has this username.
    """
    try:
        return User.objects.get(username=username.strip(), is_active=True)
    except User.DoesNotExist as exc:
        raise NotFound(
            f"Nobody has the username {username.strip()!r}. An administrator makes accounts, under Admin or with: "
            "manage.py create_account."
        ) from exc


def _keep_an_owner(study: Study, *, besides: User) -> None:
    """Holds the study's row, so that two owners cannot leave at once."""
    Study.objects.select_for_update().get(pk=study.pk)
    owners = study.memberships.filter(role=Role.OWNER)
    if owners.filter(user=besides).exists() and not owners.exclude(user=besides).exists():
        raise Conflict(f"{besides} is the only owner of {study}: make somebody else an owner first.")
