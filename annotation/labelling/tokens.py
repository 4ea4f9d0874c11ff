"""What an assignment will be called before it is one: so that an item can be shown ahead, and only who saw it can name it."""

from __future__ import annotations

import uuid
from hmac import compare_digest

from django.utils.crypto import salted_hmac

from annotation.models import Participant
from conflictscope.scenarios.option_orders import OptionOrder

# Bytes of a token before the six that hide the item's id.
_TAG = 10


def name(participant: Participant, item_id: int) -> tuple[uuid.UUID, str]:
    """Token and order of actions of an assignment to be: random to everybody else, and the same whenever asked for.

    So an item can be shown before it is leased, and what is shown is what will be leased. A token is a tag of place and item,
    and behind it the item's id under a pad drawn from that tag, so that `item_of` need not look through all items.
    """
    drawn = _drawn(participant, f"{item_id}")
    tag = uuid.UUID(bytes=drawn[:16], version=4).bytes[:_TAG]
    hidden = _padded(participant, tag, item_id.to_bytes(16 - _TAG))
    return uuid.UUID(bytes=tag + hidden), OptionOrder.values[drawn[16] & 1]


def item_of(participant: Participant, token: uuid.UUID) -> int | None:
    """The item that the token names to this person; None: it is none of theirs. Whether there is such an item is not asked."""
    tag, hidden = token.bytes[:_TAG], token.bytes[_TAG:]
    item_id = int.from_bytes(_padded(participant, tag, hidden))
    return item_id if compare_digest(name(participant, item_id)[0].bytes, token.bytes) else None


def _padded(participant: Participant, tag: bytes, plain: bytes) -> bytes:
    """Hidden by the pad of the tag, or what was hidden brought back."""
    return bytes(byte ^ pad for byte, pad in zip(plain, _drawn(participant, f"pad:{tag.hex()}"), strict=False))


def _drawn(participant: Participant, about: str) -> bytes:
    whose = f"{participant.pk}:{participant.created_at.isoformat()}:{about}"
    return salted_hmac("annotation.routing.assignment", whose, algorithm="sha256").digest()
