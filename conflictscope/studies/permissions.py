"""Who may do what in a study, and in a value set: both tables, in one place.

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
    Role.ADJUDICATOR: frozenset({Action.ADJUDICATE}),  # blind: they see what people said, and no machine
    Role.ANNOTATOR: frozenset({Action.LABEL}),
    Role.VIEWER: frozenset({Action.SEE, Action.EXPORT}),
}


def roles_that_may(action: Action) -> list[Role]:
    return [role for role, allowed in MAY.items() if action in allowed]


class SetRole(models.TextChoices):
    """A person's role in a value set, which belongs to no study."""

    STEWARD = "steward"
    MEMBER = "member"
    READER = "reader"


class SetAction(models.TextChoices):
    SEE = "see"  # drafts, proposals, history; what is published may be read by whoever has an account
    PROPOSE = "propose"  # propose a change, support, object, comment, answer the set's own question
    STEWARD = "steward"  # write the draft, accept and decline, publish, retire; members and the set itself


SET_MAY: dict[SetRole, frozenset[SetAction]] = {
    SetRole.STEWARD: frozenset({SetAction.SEE, SetAction.PROPOSE, SetAction.STEWARD}),
    SetRole.MEMBER: frozenset({SetAction.SEE, SetAction.PROPOSE}),
    SetRole.READER: frozenset({SetAction.SEE}),
}


def set_roles_that_may(action: SetAction) -> list[SetRole]:
    return [role for role, allowed in SET_MAY.items() if action in allowed]
