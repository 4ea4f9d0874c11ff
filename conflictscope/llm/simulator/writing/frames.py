"""Sentences that hold a text together (`content/frames.toml`, `content/flaws.toml`)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from conflictscope.llm.simulator.pronouns import CONTENT

FRAMES: Mapping[str, Sequence[str]] = tomllib.loads((CONTENT / "frames.toml").read_text(encoding="utf-8"))
FLAWS: Mapping[str, Any] = tomllib.loads((CONTENT / "flaws.toml").read_text(encoding="utf-8"))


def joined(*sentences: str) -> str:
    """Sentences in a row, each with its full stop."""
    return " ".join(_stopped(sentence) for sentence in sentences if sentence)


def _stopped(sentence: str) -> str:
    return sentence if sentence.endswith((".", "?", "!", ":", ",", '"', "\n")) else f"{sentence}."


def small(text: str) -> str:
    """With a small first letter, to stand inside a sentence."""
    return text[:1].lower() + text[1:]
