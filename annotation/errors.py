"""What can go wrong in this room. No sentence here tells an annotator what a machine or another person said."""

from __future__ import annotations

from conflictscope.errors import Conflict, ConflictScopeError, InvalidInput, NotFound


class NotOpen(Conflict):
    """Work was asked for in a campaign that gives none out at present."""

    code = "campaign_not_open"


class HeldBack(NotOpen):
    """The person's work in another campaign would tell them something about this one's items, or the other way round."""

    code = "held_back"


class HasLeft(NotOpen):
    """A guest's time in the campaign has ended."""

    code = "has_left"


class TooManyCome(ConflictScopeError):
    """More people came by links from one network than do at once."""

    code = "too_many_come"
    http_status = 429


class SkipsUsedUp(Conflict):
    """The person has skipped as many items as one may."""

    code = "skips_used_up"


class NotSkipped(Conflict):
    """A skip was to be undone where there is none, or too late."""

    code = "not_skipped"


class AtOdds(ConflictScopeError):
    """Two answers of a submission contradict each other, and the person has not said that they mean it."""

    code = "answers_at_odds"
    http_status = 422


class ChangedMeanwhile(Conflict):
    """Somebody else has changed what was to be changed since it was read."""

    code = "changed_meanwhile"


class Excluded(ConflictScopeError):
    """The person may not go on labelling in this campaign."""

    code = "participant_excluded"
    http_status = 403


class ConsentMissing(Conflict):
    """Work was asked for before the guideline was read and agreed to."""

    code = "consent_missing"


class NotQualified(Excluded):
    """The person has practised, and not well enough to go on."""

    code = "not_qualified"


class LeaseUnknown(NotFound):
    """No assignment of this person has the token; one of somebody else's looks the same."""

    code = "lease_unknown"


class AlreadySubmitted(Conflict):
    """The assignment has been submitted; its answers stand."""

    code = "already_submitted"


class LeaseExpired(Conflict):
    """The item has gone back to the queue; what its person answered is kept, and may still be submitted."""

    code = "lease_expired"


class SubmittedOtherwise(Conflict):
    """A submission came again, with other answers than those that stand."""

    code = "submitted_otherwise"


class NotEditable(Conflict):
    """The answers of a submission were to be changed, and they stand by now."""

    code = "not_editable"


class AnswerUnknown(InvalidInput):
    """A question that the item does not have, or an answer that the question does not offer."""

    code = "answer_unknown"


class AnswersMissing(ConflictScopeError):
    """A submission came before every question was answered; `missing` names the open ones as the sheet does."""

    code = "answers_missing"
    http_status = 422


class CampaignExists(Conflict):
    """A campaign of that name stands already, drawn or set up otherwise."""

    code = "campaign_exists"


class CampaignClosed(Conflict):
    """A closed campaign does not change any more: its labels have been seen."""

    code = "campaign_closed"


class NothingToLabel(InvalidInput):
    """The dataset has no scenario that people could label."""

    code = "nothing_to_label"


class PopulationChanged(Conflict):
    """A sample cannot be enlarged: what it was drawn from is not what it was."""

    code = "population_changed"
