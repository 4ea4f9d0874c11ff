"""Value sets as the API takes and gives them. Serializers check what comes in and describe what goes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from conflictscope.sending import Sent
from conflictscope.studies.permissions import SetRole
from conflictscope.values.contents import content_of
from conflictscope.values.models import Proposal, SetMembership, TargetRanking, Value, ValueSet, ValueSetVersion, Voice
from conflictscope.values.orders import said_order
from conflictscope.values.reading import LONGEST
from conflictscope.values.showing import citing
from conflictscope.values.together.voices import SaidVoice
from conflictscope.values.wording.advice import advice_on

MOST_VALUES_OF_A_DRAFT = 200  # as many as its page holds

# --- what comes in ---


class NamedSet(Sent):
    name = serializers.CharField(max_length=200)
    slug = serializers.SlugField(max_length=50, default="", help_text="Of its address; made from the name if left out.")


class SettingsSent(Sent):
    public = serializers.BooleanField(
        required=False, help_text="Whoever has the address reads published versions, without an account."
    )
    question = serializers.CharField(
        max_length=200, allow_blank=True, required=False, help_text="What members may say of themselves, if they like."
    )
    question_answers = serializers.ListField(
        child=serializers.CharField(max_length=100), max_length=50, required=False, help_text="Of which one is chosen."
    )


class ValueSent(Sent):
    key = serializers.SlugField(
        max_length=50, required=False, help_text="Keep it when a value is reworded; made from the name if left out."
    )
    name = serializers.CharField(max_length=100)
    definition = serializers.CharField(max_length=20_000)
    group = serializers.CharField(max_length=50, allow_blank=True, default="")
    tier = serializers.IntegerField(min_value=1, max_value=100, allow_null=True, default=None)


class DraftSent(Sent):
    """The draft as it shall read, whole."""

    edition = serializers.IntegerField(min_value=0, help_text="Of the draft, as you have read it.")
    name = serializers.CharField(max_length=200, required=False, help_text="Of the set; as it is, if left out.")
    description = serializers.CharField(max_length=5_000, allow_blank=True, default="")
    licence = serializers.CharField(max_length=100, allow_blank=True, default="")
    pairing = serializers.ChoiceField(
        choices=ValueSetVersion.Pairing.choices, default=ValueSetVersion.Pairing.ALL_PAIRS
    )
    values = ValueSent(many=True, help_text="In their order.")
    reason = serializers.CharField(max_length=500, allow_blank=True, default="", help_text="For the set's history.")

    def validate_values(self, values: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if len(values) > MOST_VALUES_OF_A_DRAFT:
            raise serializers.ValidationError(f"A draft has {MOST_VALUES_OF_A_DRAFT} values at the most.")
        return values


class PastedSent(Sent):
    text = serializers.CharField(max_length=LONGEST, help_text="A list with a value a line, JSON or YAML.")


class EditionSent(Sent):
    edition = serializers.IntegerField(min_value=0, help_text="Of the draft, as you have read it.")


class FileSent(Sent):
    text = serializers.CharField(max_length=LONGEST, help_text="The text of a JSON or YAML file, short or long form.")
    name = serializers.CharField(max_length=200, default="", help_text="Unless the text says it.")
    slug = serializers.SlugField(max_length=50, default="", help_text="Unless the text says it.")


class ProposalSent(Sent):
    change = serializers.ChoiceField(choices=Proposal.Change.choices)
    key = serializers.SlugField(max_length=50, default="", help_text="Of the value; left out where one is added.")
    name = serializers.CharField(max_length=100, allow_blank=True, default="")
    definition = serializers.CharField(max_length=5_000, allow_blank=True, default="")
    group = serializers.CharField(max_length=50, allow_blank=True, default="")
    reason = serializers.CharField(max_length=5_000)


class VoiceSent(Sent):
    stance = serializers.ChoiceField(choices=Voice.Stance.choices)
    words = serializers.CharField(max_length=5_000, allow_blank=True, default="")


class DecisionSent(Sent):
    decision = serializers.ChoiceField(
        choices=["accept", "decline", "withdraw"], help_text="Stewards accept and decline; its author withdraws."
    )
    reason = serializers.CharField(
        max_length=5_000, allow_blank=True, default="", help_text="Whoever declines says one."
    )


class MemberSent(Sent):
    username = serializers.CharField(max_length=150)
    role = serializers.ChoiceField(choices=SetRole.choices)


class AnswerSent(Sent):
    answer = serializers.CharField(max_length=100, allow_blank=True, help_text="Empty: rather not say.")


class OrderSent(Sent):
    name = serializers.CharField(max_length=200, help_text="Whose order it is, or what it is for.")
    ranks = serializers.DictField(
        child=serializers.IntegerField(min_value=1, max_value=1_000),
        help_text="By the key of each value: 1 is to be followed first, equal ranks are ties.",
    )
    begun_with = serializers.IntegerField(
        required=False, help_text="The id of another order of this set, where the ranks were taken from it."
    )


# --- what goes out ---


class VersionOfSet(serializers.Serializer[ValueSetVersion]):
    value_set = serializers.CharField(source="value_set.slug")
    number = serializers.IntegerField()


class VersionLine(VersionOfSet):
    status = serializers.ChoiceField(choices=ValueSetVersion.Status.choices)
    digest = serializers.CharField(help_text="SHA-256 of all that scenarios depend on; empty while it is a draft.")
    parent = VersionOfSet(allow_null=True, help_text="What it was made from.")
    created_at = serializers.DateTimeField()
    published_at = serializers.DateTimeField(allow_null=True)


class ValueSerializer(serializers.ModelSerializer[Value]):
    class Meta:
        model = Value
        fields = ["key", "name", "definition", "group", "tier"]
        read_only_fields = fields


class VersionSerializer(VersionLine):
    name = serializers.CharField(source="value_set.name", help_text="Of the set.")
    description = serializers.CharField()
    licence = serializers.CharField()
    pairing = serializers.ChoiceField(choices=ValueSetVersion.Pairing.choices)
    values = ValueSerializer(many=True, help_text="In their order.")
    pairs = serializers.SerializerMethodField(help_text="Keys of the values that conflict.")
    authors = serializers.SerializerMethodField(help_text="Who wrote it, and whose proposals were carried out.")
    address = serializers.SerializerMethodField(help_text="Its page, which stays.")

    @extend_schema_field(serializers.ListField(child=serializers.ListField(child=serializers.CharField())))
    def get_pairs(self, version: ValueSetVersion) -> list[list[str]]:
        return [[first.key, second.key] for first, second in version.pairs()]

    def get_authors(self, version: ValueSetVersion) -> list[str]:
        return citing.authors_of(version)

    def get_address(self, version: ValueSetVersion) -> str:
        return str(self.context["request"].build_absolute_uri(version.get_absolute_url()))


class DraftSerializer(VersionSerializer):
    edition = serializers.IntegerField(help_text="Send it back with what you write.")
    advice = serializers.SerializerMethodField(help_text="What a reader would say of the wording; never a refusal.")

    def get_advice(self, version: ValueSetVersion) -> list[str]:
        return [each.sentence for each in advice_on(content_of(version))]


class ValueSetLine(serializers.Serializer[Any]):
    slug = serializers.CharField(source="value_set.slug")
    name = serializers.CharField(source="value_set.name")
    role = serializers.ChoiceField(choices=SetRole.choices, allow_null=True, help_text="Yours.")
    newest = serializers.IntegerField(source="shown.number")
    status = serializers.ChoiceField(source="shown.status", choices=ValueSetVersion.Status.choices)
    values = serializers.IntegerField(help_text="How many the newest version has.")
    published = serializers.IntegerField(help_text="How many versions are published.")
    draft = serializers.BooleanField(help_text="A draft is being written, which you may read.")


@dataclass(frozen=True, slots=True)
class ShownSet:
    """A set as one person sees it."""

    value_set: ValueSet
    role: SetRole | None
    versions: list[ValueSetVersion]


class ValueSetSerializer(serializers.Serializer[ShownSet]):
    slug = serializers.CharField(source="value_set.slug")
    name = serializers.CharField(source="value_set.name")
    public = serializers.BooleanField(source="value_set.public")
    question = serializers.CharField(source="value_set.question")
    question_answers = serializers.ListField(source="value_set.question_answers", child=serializers.CharField())
    role = serializers.ChoiceField(choices=SetRole.choices, allow_null=True, help_text="Yours.")
    versions = VersionLine(many=True, help_text="Newest first.")
    created_at = serializers.DateTimeField(source="value_set.created_at")


class PastedSerializer(serializers.Serializer[Any]):
    values = ValueSent(many=True, help_text="As they are understood. Nothing is kept.")


class ImportedSerializer(serializers.Serializer[Any]):
    created = serializers.BooleanField(help_text="False: the same values were published before.")
    version = VersionSerializer()


class StretchSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=["same", "added", "dropped"])
    text = serializers.CharField()


class FieldChangeSerializer(serializers.Serializer[Any]):
    field = serializers.CharField()
    pieces = StretchSerializer(many=True)


class ValueChangeSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=["added", "changed", "dropped", "moved"])
    key = serializers.CharField()
    name = serializers.CharField()
    fields = FieldChangeSerializer(many=True)  # type: ignore[assignment]  # the declared one is meant


class DifferencesSerializer(serializers.Serializer[Any]):
    of_the_set = FieldChangeSerializer(many=True)
    of_values = ValueChangeSerializer(many=True)


class VoiceSerializer(serializers.Serializer[SaidVoice]):
    user = serializers.SerializerMethodField(
        help_text="None for those for or against where the set asks its members something: names would tell what they answered."
    )
    stance = serializers.ChoiceField(source="voice.stance", choices=Voice.Stance.choices)
    words = serializers.CharField(source="voice.words")
    at = serializers.DateTimeField(help_text="Of one that is not signed only the day.")

    def get_user(self, said: SaidVoice) -> str | None:
        return said.voice.user.username if said.signed else None


class GroupVoicesSerializer(serializers.Serializer[Any]):
    answer = serializers.CharField(help_text="To the set's own question; empty: none was given.")
    support = serializers.IntegerField()
    against = serializers.IntegerField()


class ProposalSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField(source="proposal.pk")
    version = serializers.IntegerField(source="proposal.version.number", help_text="The newest one when it was made.")
    author = serializers.CharField(source="proposal.author.username")
    change = serializers.ChoiceField(source="proposal.change", choices=Proposal.Change.choices)
    key = serializers.CharField(source="proposal.key")
    name = serializers.CharField(source="proposal.name")
    definition = serializers.CharField(source="proposal.definition")
    group = serializers.CharField(source="proposal.group")
    reason = serializers.CharField(source="proposal.reason")
    state = serializers.ChoiceField(source="proposal.state", choices=Proposal.State.choices)
    created_at = serializers.DateTimeField(source="proposal.created_at")
    decided_by = serializers.CharField(source="proposal.decided_by.username", default=None, allow_null=True)
    decided_at = serializers.DateTimeField(source="proposal.decided_at", allow_null=True)
    decision_reason = serializers.CharField(source="proposal.decision_reason")
    support = serializers.IntegerField()
    against = serializers.IntegerField()
    groups = GroupVoicesSerializer(
        many=True,
        source="shown_groups",
        help_text="By answer to the set's question; groups under five voices are left out.",
    )
    conflicts = serializers.SerializerMethodField(help_text="Open proposals that it clashes with, by id.")
    voices = VoiceSerializer(many=True, source="said")

    @extend_schema_field(serializers.ListField(child=serializers.IntegerField()))
    def get_conflicts(self, heard: Any) -> list[int]:
        return [other.pk for other in heard.conflicts]


class EventSerializer(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    by = serializers.CharField(
        source="by.username", default=None, allow_null=True, help_text="None: a command, or unsigned."
    )
    unsigned = serializers.BooleanField(help_text="A member's support or objection, whose name is not told.")
    what = serializers.CharField(help_text="Completes a sentence that begins with who did it.")
    reason = serializers.CharField()
    proposal = serializers.IntegerField(source="proposal.pk", default=None, allow_null=True)
    change = DifferencesSerializer(allow_null=True)


class SetMemberSerializer(serializers.ModelSerializer[SetMembership]):
    username = serializers.CharField(source="user.username")

    class Meta:
        model = SetMembership
        fields = ["username", "role"]


class OrderSerializer(serializers.ModelSerializer[TargetRanking]):
    created_by = serializers.CharField(source="created_by.username", default=None, allow_null=True)
    tiers = serializers.SerializerMethodField(
        help_text="Keys from the highest rank to the lowest; those of one rank are tied."
    )

    class Meta:
        model = TargetRanking
        fields = ["id", "name", "origin", "created_by", "created_at", "tiers"]

    @extend_schema_field(serializers.ListField(child=serializers.ListField(child=serializers.CharField())))
    def get_tiers(self, order: TargetRanking) -> list[list[str]]:
        return [[value.key for value in tier] for tier in said_order(order)]
