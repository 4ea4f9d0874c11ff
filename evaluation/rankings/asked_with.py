"""With which words a run came about: the prompts its scenarios were written with, those it asked, and its judge's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

from conflictscope.scenarios.models import Judge
from evaluation.models import Run

SHOWN = 3  # prompts that a label names before it counts the others


def prompts_of(run: Run, judge: Judge | None) -> dict[str, str]:
    """The prompts by name, each with its version, or as the study's own words with the beginning of their digest."""
    used = {str(name): f"v{version}" for name, version in run.prompt_versions.items()}
    used |= {str(name): f"v{version}" for name, version in (judge.prompt_versions if judge else {}).items()}
    for name, prompt in (run.dataset.recipe.get("prompts") or {}).items():
        own = f" own words {str(prompt.get('digest', ''))[:8]}" if prompt.get("study") else ""
        used[str(name)] = own.strip() or f"v{prompt.get('version')}"
    return used


def digest_of_prompts(used: Mapping[str, str]) -> str:
    """Empty where nothing is known of them, as of an imported run."""
    return hashlib.sha256(json.dumps(used, sort_keys=True).encode()).hexdigest()[:12] if used else ""


def labels_of_prompts(all_used: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """By digest, what tells each apart from the others: the prompts that are not the same everywhere."""
    names = sorted({name for used in all_used for name in used})
    differing = [name for name in names if len({used.get(name) for used in all_used}) > 1]
    labels = {}
    for used in all_used:
        parts = [f"{name} {used[name]}" for name in differing if name in used]
        more = f" and {len(parts) - SHOWN} more" if len(parts) > SHOWN else ""
        labels[digest_of_prompts(used)] = (", ".join(parts[:SHOWN]) + more) or "none of the others' prompts"
    return labels
