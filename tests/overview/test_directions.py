"""Texts from outside stand in their own direction, and what would turn the direction of others is seen instead of working."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.template import Context, Template
from django.test import Client
from django.urls import reverse

from conflictscope.scenarios.importing import import_scenarios
from conflictscope.scenarios.models import Dataset
from tests.factories.annotation import CampaignFactory, ItemFactory, ParticipantFactory
from tests.factories.evaluation import RunFactory, answered
from tests.factories.studies import StudyFactory, member

CASE = Path("../shared/cases/rtl_bidi.csv")
OVERRIDE, END = "\u202e", "\u202c"
TURNED = f"Pay {OVERRIDE}reversed{END} now"
SEEN = "Pay ⟦RLO⟧reversed⟦PDF⟧ now"


@pytest.fixture
def dataset(db: None, tmp_path: Path) -> Dataset:
    path = tmp_path / "rtl.csv"
    path.write_text(f"id,description,a,b\nbidi-1,{TURNED},{TURNED} one,{TURNED} two\n", encoding="utf-8")
    found = import_scenarios(StudyFactory(slug="mine"), "rtl", paths=[path]).dataset
    assert found is not None
    return found


def elements(text: str, holding: str) -> list[str]:
    """The opening tags of the elements in which a text stands."""
    return re.findall(rf"<(?:p|dd|td|div|li)[^<>]*>(?=[^<]*{re.escape(holding)})", text)


def looks_right(text: str) -> None:
    assert OVERRIDE not in text
    assert SEEN in text
    found = elements(text, SEEN)
    assert found
    assert all('dir="auto"' in tag for tag in found), found


def test_pages_of_a_scenario_show_what_would_turn_its_words(client: Client, dataset: Dataset) -> None:
    client.force_login(member(dataset.study, "researcher"))
    one = dataset.scenarios.get()
    answered(RunFactory(dataset=dataset), one, "value_1")
    for address in (one.get_absolute_url(), dataset.get_absolute_url()):
        looks_right(client.get(address).text)


def test_who_labels_sees_it_too(client: Client, dataset: Dataset) -> None:
    campaign = CampaignFactory(study=dataset.study, dataset=dataset, slug="check")
    ItemFactory(campaign=campaign, scenario=dataset.scenarios.get())
    person = ParticipantFactory(campaign=campaign, user=member(dataset.study, "annotator"))
    client.force_login(person.user)
    looks_right(client.get(reverse("annotation:label", args=["mine", "check"])).text)


@pytest.mark.shared_data
def test_a_file_of_other_directions_is_shown_so_before_it_is_imported(client: Client, db: None) -> None:
    study = StudyFactory(slug="mine")
    client.force_login(member(study, "researcher"))
    upload = SimpleUploadedFile("rtl.csv", CASE.read_bytes())
    page = client.post(reverse("scenarios:import_dataset", args=["mine"]), {"slug": "rtl", "file": upload}, follow=True)
    looks_right(page.text)
    assert 'dir="auto">אחות' in page.text


@pytest.mark.parametrize("value", [None, 3, ["a"]])
def test_what_is_no_text_stays_as_it_is(value: Any) -> None:
    shown = Template("{% load ui %}{{ value|visible|default:'–' }}").render(Context({"value": value}))
    assert shown in ("–", "3", "[&#x27;a&#x27;]")


def test_every_sign_that_turns_words_is_seen_and_nothing_else_changes() -> None:
    signs = [chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))]
    shown = Template("{% load ui %}{{ text|visible }}").render(Context({"text": f"a{''.join(signs)}é\u200f שלום"}))
    assert not any(sign in shown for sign in signs)
    assert shown.count("⟦") == len(signs)
    assert shown.endswith("é\u200f שלום")
