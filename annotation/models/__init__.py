"""The tables of this room: campaigns, the items that people label in them, who got what, and what they said."""

from annotation.models.campaigns import Campaign, GoldAnswer, Guideline, Item, Participant, Unsealing
from annotation.models.labels import Annotation, Assignment, Decision, Flag, Revision

__all__ = [
    "Annotation",
    "Assignment",
    "Campaign",
    "Decision",
    "Flag",
    "GoldAnswer",
    "Guideline",
    "Item",
    "Participant",
    "Revision",
    "Unsealing",
]
