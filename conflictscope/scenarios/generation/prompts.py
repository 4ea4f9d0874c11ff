"""The generator's prompts: the shipped files, and the versions that a study puts in their place."""

from __future__ import annotations

from string import Template
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.db.models import Max
from pydantic import BaseModel, ConfigDict

from conflictscope.errors import Conflict, InvalidInput, NotFound
from conflictscope.files.texts import storable
from conflictscope.llm.prompts import PromptFile, PromptLibrary
from conflictscope.scenarios.models import Dataset, Scenario, StudyPrompt
from conflictscope.studies.models import Study

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.contrib.auth.models import User

PACKAGE = "conflictscope.scenarios"
PROMPTS = PromptLibrary(PACKAGE)
OUTLINE = "generation/outline"
DRAFT = "generation/draft"
WHOLE = "generation/whole"
DIRECT = "generation/direct"
MOST_CHARACTERS = 20_000


def template_prompt(template: str) -> str:
    """The prompt that says, in plain words, what the template asks for."""
    return f"generation/{template}"


_TEMPLATES = tuple(template_prompt(template) for template in Scenario.Template.values)
PROMPTS_OF: dict[str, tuple[str, ...]] = {
    Dataset.Variant.FULL: (OUTLINE, DRAFT, *_TEMPLATES),
    Dataset.Variant.SINGLE_STAGE: (WHOLE, *_TEMPLATES),
    Dataset.Variant.DIRECT: (DIRECT,),
}
REPLACEABLE = (OUTLINE, DRAFT, WHOLE, DIRECT, *_TEMPLATES)


class UsedPrompt(BaseModel):
    """Which words a dataset is generated with. Those of a study stand in the recipe itself, as no release has them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int
    digest: str
    study: str = ""  # slug of the study whose own words these are; empty for a shipped file
    text: str = ""

    def file(self, name: str) -> PromptFile:
        """
        Raises:
            PromptNotFound: a shipped version that this release does not have.
            Conflict: a shipped file with other words than the dataset was made with.
        """
        if self.study:
            return PromptFile.worded(self.text, package=PACKAGE, name=f"{self.study}:{name}", version=self.version)
        file = PROMPTS.file(name, version=self.version)
        if file.digest != self.digest:
            raise Conflict(f"Prompt {name!r} version {self.version} is not the one that the dataset was made with.")
        return file


def prompts_for(study: Study, variant: str, *, shipped: bool = False) -> dict[str, UsedPrompt]:
    """The prompts of a new dataset: the study's newest where it has its own, else the newest shipped ones.

    Args:
        shipped: leave the study's own aside.
    """
    own = {} if shipped else newest_of(study)
    used = {}
    for name in PROMPTS_OF[variant]:
        if name in own:
            mine = own[name]
            used[name] = UsedPrompt(version=mine.version, digest=mine.digest, study=study.slug, text=mine.text)
        else:
            file = PROMPTS.file(name)
            used[name] = UsedPrompt(version=file.version, digest=file.digest)
    return used


def newest_of(study: Study) -> dict[str, StudyPrompt]:
    """The study's own prompts by name, each in its newest version."""
    return {prompt.name: prompt for prompt in study.prompts.order_by("name", "version")}


def register(study: Study, name: str, text: str, *, note: str = "", created_by: User | None = None) -> StudyPrompt:
    """A new version of a prompt, in the study's own words. The datasets that the study makes from now on are asked with it.

    The same words as the newest version are that version: nothing is added.

    Raises:
        NotFound: no prompt of that name can be replaced.
        InvalidInput: words that lack a placeholder of the shipped prompt, or have one of their own; or that are too long.
        Conflict: somebody else has just added a version.
    """
    if name not in REPLACEABLE:
        raise NotFound(f"There is no prompt {name!r} to replace; prompts: {', '.join(REPLACEABLE)}.")
    text = storable(text.replace("\r\n", "\n").strip(), where="The prompt")
    _check(text, PROMPTS.file(name))
    newest = newest_of(study).get(name)
    prompt = PromptFile.worded(text, package=PACKAGE, name=name, version=1)
    if newest is not None and newest.digest == prompt.digest:
        return newest
    try:
        with transaction.atomic():
            last = study.prompts.filter(name=name).aggregate(last=Max("version"))["last"] or 0
            return StudyPrompt.objects.create(
                study=study,
                name=name,
                version=last + 1,
                text=text,
                digest=prompt.digest,
                note=storable(note.strip(), where="The note")[:200],
                created_by=created_by,
            )
    except IntegrityError as exc:
        raise Conflict(f"Somebody has just added a version of {name!r}: look at it first.") from exc


def _check(text: str, shipped: PromptFile) -> None:
    if not text or len(text) > MOST_CHARACTERS:
        raise InvalidInput(f"A prompt has 1 to {MOST_CHARACTERS} characters, not {len(text)}.")
    template = Template(text)
    if not template.is_valid():
        raise InvalidInput("A $ stands for a placeholder, such as $value_1; write $$ for a dollar sign.")
    there = frozenset(template.get_identifiers())
    lacking, unknown = shipped.placeholders - there, there - shipped.placeholders
    if lacking or unknown:
        faults = [f"lacks {_dollars(lacking)}"] * bool(lacking) + [f"knows no {_dollars(unknown)}"] * bool(unknown)
        raise InvalidInput(
            f"Prompt {shipped.name!r} {' and '.join(faults)}: use each of {_dollars(shipped.placeholders)}."
        )


def _dollars(names: Iterable[str]) -> str:
    return ", ".join(f"${name}" for name in sorted(names))
