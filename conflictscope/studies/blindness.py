"""Where a person labels: in those studies they must not learn what machines or others said, whatever else they may do.

A member whose role is to label is known here. A room above may know of more, such as a place in a campaign that is still open
and was taken in another role: it registers how to find out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from django.contrib.auth.models import User

from conflictscope.studies.models import Study
from conflictscope.studies.permissions import Action

# From a person to the ids of studies in which they label.
Source = Callable[[User], Collection[int]]

_sources: list[Source] = []


def register(source: Source) -> None:
    """Called once from a room's `AppConfig.ready`."""
    _sources.append(source)


def labelled_by(user: User) -> frozenset[int]:
    """The ids of studies in which the person labels, or may at any moment."""
    as_members = Study.objects.visible_to(user, may=Action.LABEL).values_list("pk", flat=True)
    return frozenset(as_members).union(*(source(user) for source in _sources))
