"""What the labelling API takes and gives. Serializers check what comes in and describe what goes out, for the schema.

What goes out is laid out by `sheet_payload` and `progress_payload` themselves: a sheet has some two hundred fields, and
each would cost a serializer's turn on every item that is handed out. A test holds both against each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rest_framework import serializers

from annotation.labelling.checking import LONGEST_COMMENT
from annotation.labelling.progress import OwnProgress
from annotation.labelling.qualifying import Correction
from annotation.labelling.sheets import Sheet
from annotation.models import Assignment, Campaign
from annotation.questions import Control
from conflictscope.sending import Sent

# --- what comes in ---


class WishSerializer(Sent):
    token = serializers.UUIDField(
        required=False, help_text="Of an item that peek has shown: taken if it is still open."
    )


class WorkSerializer(Sent):
    answers = serializers.DictField(
        child=serializers.CharField(allow_blank=True, max_length=40),
        help_text="Every answer as it now stands, by the question's field. One that is left out is taken back.",
    )
    comments = serializers.DictField(
        child=serializers.CharField(allow_blank=True, max_length=2 * LONGEST_COMMENT),
        default=dict,
        help_text="Every comment as it now stands, by the question's field.",
    )
    also = serializers.DictField(
        child=serializers.CharField(allow_blank=True, max_length=40),
        default=dict,
        help_text="Where the campaign takes second answers: the one that is defensible, too, by the question's field; `none`: no "
        "other is, which has to be said where the campaign asks.",
    )
    submit = serializers.BooleanField(default=False, help_text="False: keep as a draft. True: count them.")
    edit = serializers.BooleanField(default=False, help_text="True: change what was submitted before.")
    sure = serializers.BooleanField(
        default=False, help_text="True: the person has been asked about answers that are at odds, and means them."
    )
    next = serializers.BooleanField(
        default=False, help_text="True, with submit: the answer brings the next item along, as `next` would."
    )
    wish = serializers.UUIDField(
        required=False, help_text="With next: the token of an item that peek has shown; taken if it is still open."
    )
    active_seconds = serializers.IntegerField(
        default=0,
        min_value=0,
        help_text="Time at work on the item since the last request told of it, without idle time.",
    )


class HeartbeatSerializer(Sent):
    active_seconds = serializers.IntegerField(default=0, min_value=0)


class SkipSerializer(Sent):
    reason = serializers.CharField(default="", allow_blank=True, max_length=200)
    distressing = serializers.BooleanField(
        default=False, help_text="It is hard to bear: the skip costs nothing, and is not counted against you."
    )


class FlagSerializer(Sent):
    reason = serializers.CharField(max_length=LONGEST_COMMENT)


# --- what goes out ---


class ProgressSerializer(serializers.Serializer[Any]):
    done = serializers.IntegerField()
    skipped = serializers.IntegerField()
    goal = serializers.IntegerField(help_text="The person's quota, or all the campaign's items.")
    left = serializers.IntegerField(help_text="At most so many are left for this person.")
    skips_left = serializers.IntegerField(help_text="How many may still be skipped: one in ten in all.")


class MyCampaignSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    study = serializers.CharField()
    slug = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(Campaign.Kind.choices)
    state = serializers.ChoiceField(Campaign.State.choices)
    started = serializers.BooleanField()
    notice = serializers.CharField(help_text="Why there is no work at present, or would not count; empty: there is.")
    progress = ProgressSerializer()


class GuidelineSerializer(serializers.Serializer[Any]):
    version = serializers.IntegerField()
    markdown = serializers.CharField()
    agreed = serializers.BooleanField(help_text="Whether the person has read a guideline and agreed to label by it.")


class SheetTurnSerializer(serializers.Serializer[Any]):
    role = serializers.ChoiceField(["user", "assistant"])
    text = serializers.CharField()


class ShownActionSerializer(serializers.Serializer[Any]):
    letter = serializers.ChoiceField(["A", "B"])
    text = serializers.CharField()


class ContentSerializer(serializers.Serializer[Any]):
    """A situation, or a conversation."""

    description = serializers.CharField()
    persona = serializers.CharField()
    background = serializers.CharField()
    goal = serializers.CharField()
    transcript = SheetTurnSerializer(many=True)


class ValueOfQuestionSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    definition = serializers.CharField()


class OptionSerializer(serializers.Serializer[Any]):
    value = serializers.CharField(help_text="What is sent as the answer.")
    words = serializers.CharField()
    key = serializers.CharField(help_text="The key that gives it on a keyboard.")


class QuestionSerializer(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    field = serializers.CharField()
    text = serializers.CharField()
    hint = serializers.CharField()
    value = ValueOfQuestionSerializer(allow_null=True)
    control = serializers.ChoiceField([(each.value, each.value) for each in Control])
    ends = serializers.ListField(child=serializers.CharField(), allow_null=True)
    options = OptionSerializer(many=True)
    may_have_two = serializers.BooleanField(help_text="Whether a second answer can be marked as also defensible.")


class SheetSerializer(serializers.Serializer[Any]):
    token = serializers.UUIDField()
    campaign = serializers.IntegerField()
    kind = serializers.ChoiceField(Campaign.Kind.choices)
    state = serializers.ChoiceField(
        Assignment.State.choices, allow_null=True, help_text="Null: shown ahead by peek, and held by nobody."
    )
    lease_seconds = serializers.IntegerField(help_text="How long the item is held from now. 0: not any more.")
    content = ContentSerializer()
    actions = ShownActionSerializer(
        many=True, help_text="In the order of this person; which is which is not to be known."
    )
    questions = QuestionSerializer(many=True)
    answers = serializers.DictField(child=serializers.CharField(), help_text="What the person has answered so far.")
    comments = serializers.DictField(child=serializers.CharField())
    also = serializers.DictField(
        child=serializers.CharField(), help_text="What they marked as defensible, too; `none`: no other."
    )
    second_answers = serializers.ChoiceField(
        Campaign.SecondAnswers.choices,
        help_text="Whether a second answer may be marked, or whether there is one is asked.",
    )
    flags = serializers.ListField(child=serializers.CharField())


class HandedOutSerializer(SheetSerializer):
    progress = ProgressSerializer()


class StandingSerializer(serializers.Serializer[Any]):
    """How an assignment stands after a request."""

    token = serializers.UUIDField()
    state = serializers.ChoiceField(Assignment.State.choices)
    stored = serializers.BooleanField(help_text="False: it stood so already, as when the same request comes again.")
    surplus = serializers.BooleanField(help_text="Submitted after its slot had gone: kept, and not counted.")
    lease_seconds = serializers.IntegerField()
    notice = serializers.CharField(help_text="Why the answers would not count as things stand; empty: they do.")


class CorrectionSerializer(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    said = serializers.CharField()
    known = serializers.CharField(help_text="The answer that the campaign goes by.")
    why = serializers.CharField()
    right = serializers.BooleanField()


class WorkDoneSerializer(StandingSerializer):
    """With `next` asked for there are four more fields: the next item, or why there is none, in a word and in a sentence, and
    `corrections`, which after an item to practise on says what is known of it.
    """

    corrections = CorrectionSerializer(many=True, required=False)

    next = HandedOutSerializer(allow_null=True, required=False)
    nothing = serializers.CharField(required=False, help_text="As X-Nothing of next, or the code of a refusal.")
    nothing_sentence = serializers.CharField(required=False)


def sheet_payload(sheet: Sheet, *, campaign: int, state: str | None) -> dict[str, Any]:
    questions = sheet.questions
    return {
        "token": sheet.token,
        "campaign": campaign,
        "kind": sheet.kind,
        "state": state,
        "lease_seconds": sheet.lease_seconds,
        "content": {
            "description": sheet.description,
            "persona": sheet.persona,
            "background": sheet.background,
            "goal": sheet.goal,
            "transcript": [{"role": turn.by, "text": turn.text} for turn in sheet.transcript],
        },
        "actions": [{"letter": action.letter, "text": action.text} for action in sheet.actions],
        "questions": [
            {
                "number": question.number,
                "field": question.field,
                "text": question.text,
                "hint": question.hint,
                "value": question.value and {"name": question.value.name, "definition": question.value.definition},
                "control": question.control.value,
                "ends": question.ends and list(question.ends),
                "options": [
                    {"value": option.value, "words": option.label, "key": option.shortcut} for option in question.every
                ],
                "may_have_two": bool(question.second),
            }
            for question in questions
        ],
        "answers": {
            question.field: option.value for question in questions for option in question.every if option.chosen
        },
        "comments": {question.field: question.comment for question in questions if question.comment},
        "also": {question.field: question.also for question in questions if question.also},
        "second_answers": sheet.second_answers,
        "flags": list(sheet.flags),
    }


def corrections_payload(corrections: Sequence[Correction], *, always: bool) -> dict[str, Any]:
    """Only items to practise on are explained: elsewhere it is empty, or, unless `always`, not there."""
    if not corrections and not always:
        return {}
    return {
        "corrections": [
            {"number": each.number, "said": each.said, "known": each.known, "why": each.why, "right": each.right}
            for each in corrections
        ]
    }


def progress_payload(progress: OwnProgress) -> dict[str, int]:
    return {
        "done": progress.done,
        "skipped": progress.skipped,
        "goal": progress.goal,
        "left": progress.left,
        "skips_left": progress.skips_left,
    }
