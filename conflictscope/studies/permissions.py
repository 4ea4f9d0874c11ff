"""Who may do what in a study: the whole table, in one place.

A study asks for a role; a role allows actions. Those who may label see no verdict and no other person's answer while they
do, so no role both labels and sees the study's results: blindness holds by construction.
"""

from __future__ import annotations

from django.db import models


class Role(models.TextChoices):
    OWNER = "owner"
    RESEARCHER = "researcher"
    ADJUDICATOR = "adjudicator"
    ANNOTATOR = "annotator"
    VIEWER = "viewer"


class Action(models.TextChoices):
    SEE = "see"  # datasets, scenarios, verdicts, agreement, rankings, jobs
    LABEL = "label"  # claim items of an open campaign and answer them
    ADJUDICATE = "adjudicate"  # settle disagreements
    RUN_PIPELINE = "run_pipeline"  # import, generate, filter, evaluate, rank; open and close campaigns
    EXPORT = "export"  # download datasets
    MANAGE = "manage"  # members and the study itself


MAY: dict[Role, frozenset[Action]] = {
    Role.OWNER: frozenset({Action.SEE, Action.ADJUDICATE, Action.RUN_PIPELINE, Action.EXPORT, Action.MANAGE}),
    Role.RESEARCHER: frozenset({Action.SEE, Action.ADJUDICATE, Action.RUN_PIPELINE, Action.EXPORT}),
    Role.ADJUDICATOR: frozenset({Action.SEE, Action.ADJUDICATE}),
    Role.ANNOTATOR: frozenset({Action.LABEL}),
    Role.VIEWER: frozenset({Action.SEE, Action.EXPORT}),
}


def roles_that_may(action: Action) -> list[Role]:
    return [role for role, allowed in MAY.items() if action in allowed]
