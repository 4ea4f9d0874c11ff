"""The tables of this room: campaigns, the items that people label in them, who got what, and what they said."""

from annotation.models.campaigns import Campaign, GoldAnswer, Guideline, Item, Participant, Unsealing
from annotation.models.labels import Annotation, Assignment, Decision, Flag, Revision
from annotation.models.quality import AdjudicationTask, ExclusionStep, FlagReply, JudgeLook
from annotation.models.snapshots import AgreementSnapshot
from annotation.models.stopping import WidthRule

__all__ = [
    "AdjudicationTask",
    "AgreementSnapshot",
    "Annotation",
    "Assignment",
    "Campaign",
    "Decision",
    "ExclusionStep",
    "Flag",
    "FlagReply",
    "GoldAnswer",
    "Guideline",
    "Item",
    "JudgeLook",
    "Participant",
    "Revision",
    "Unsealing",
    "WidthRule",
]
