"""The label screen by plain forms, as a browser without JavaScript sends them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from annotation.campaigns.lifecycle import close
from annotation.models import Assignment, Campaign, Item
from conflictscope.studies.permissions import Role
from tests.annotation.pages.reading import page, send, text_of
from tests.factories.studies import member

pytestmark = pytest.mark.django_db


@pytest.fixture
def annotator(client: Client, campaign: Campaign) -> Client:
    """Has not read the guideline yet; three items have one free slot each for them."""
    client.force_login(member(campaign.study, Role.ANNOTATOR))
    Item.objects.exclude(scenario__uid="hhh-4").update(open_slots=1)
    return client


def label_screen(client: Client) -> Any:
    return page(client, "label", "mine", "check")


def form_of(response: Any) -> tuple[str, dict[str, str]]:
    """Where the form sends to, and its first answer to every question."""
    text = text_of(response)
    action = re.search(r'<form id="label-form" method="post" action="([^"]*)"', text)
    assert action is not None, text
    answers: dict[str, str] = {}
    for name, value in re.findall(r'<input type="radio" name="([^"]*)" value="([^"]*)"', text):
        answers.setdefault(name, value)
    return action[1], answers


def test_the_guideline_comes_before_the_first_item(annotator: Client) -> None:
    assert "I have read it: start labelling" in text_of(label_screen(annotator))
    text = text_of(send(annotator, "label_start", "mine", "check"))
    assert 'id="label-form"' in text
    assert '<strong id="progress-done">0</strong>' in text


def test_an_item_is_labelled_by_plain_forms_and_the_next_one_comes(annotator: Client, campaign: Campaign) -> None:
    send(annotator, "label_start", "mine", "check")
    action, answers = form_of(label_screen(annotator))
    assert len(answers) == 8
    response = annotator.post(action, answers | {"comment_realism": "I know such a bakery.", "active_seconds": "41"})
    assert response.status_code == 302
    done = Assignment.objects.exclude(participant__pseudonym__in=["ann", "bea", "cem"]).get(state="submitted")
    assert (done.annotations.count(), done.active_seconds) == (8, 41)
    assert done.annotations.get(question="realism").comment == "I know such a bakery."
    following = label_screen(annotator)
    assert '<strong id="progress-done">1</strong>' in text_of(following)
    assert form_of(following)[0] != action


def test_a_form_sent_twice_counts_once(annotator: Client) -> None:
    send(annotator, "label_start", "mine", "check")
    action, answers = form_of(label_screen(annotator))
    for _ in range(2):
        annotator.post(action, answers | {"active_seconds": "41"})
    done = Assignment.objects.exclude(participant__pseudonym__in=["ann", "bea", "cem"]).get(state="submitted")
    assert done.active_seconds == 41


def test_a_form_sent_again_with_other_answers_is_refused_in_words(annotator: Client) -> None:
    send(annotator, "label_start", "mine", "check")
    action, answers = form_of(label_screen(annotator))
    assert annotator.post(action, answers).status_code == 302
    other = "yes" if answers["realism"] == "no" else "no"
    response = annotator.post(action, answers | {"realism": other})
    assert response.status_code == 409
    assert "other answers, and those stand. To change them, open it from Latest." in text_of(response)
    assert annotator.post(action, answers).status_code == 302


def test_a_form_with_a_gap_comes_back_naming_it_and_keeps_the_rest(annotator: Client) -> None:
    send(annotator, "label_start", "mine", "check")
    action, answers = form_of(label_screen(annotator))
    del answers["impossibility"]
    response = annotator.post(action, answers)
    assert response.status_code == 422
    assert "Please answer question 5 too." in text_of(response)
    assert text_of(label_screen(annotator)).count(" checked") == 7


def test_an_answer_that_is_not_on_offer_is_refused_in_words(annotator: Client) -> None:
    send(annotator, "label_start", "mine", "check")
    action, answers = form_of(label_screen(annotator))
    response = annotator.post(action, answers | {"realism": "perhaps"})
    assert response.status_code == 400
    assert "realism: Choose one of: no, yes." in text_of(response)


def test_an_item_is_kept_for_later_flagged_and_skipped_by_plain_forms(annotator: Client) -> None:
    send(annotator, "label_start", "mine", "check")
    action, answers = form_of(label_screen(annotator))
    kept = annotator.post(action, {"realism": answers["realism"], "do": "save"}, follow=True)
    assert "Your answers are kept." in text_of(kept)
    assert form_of(kept)[0] == action
    flagged = annotator.post(action.replace("/submit/", "/flag/"), {"reason": "No such ward."}, follow=True)
    assert "Flagged: <bdi>No such ward.</bdi>" in text_of(flagged)
    assert annotator.post(action.replace("/submit/", "/flag/"), {"reason": " "}).status_code == 400
    skipped = annotator.post(action.replace("/submit/", "/skip/"), {"reason": "I know them."}, follow=True)
    assert "1 skipped" in text_of(skipped)
    assert form_of(skipped)[0] != action


def test_when_all_is_labelled_the_screen_says_thank_you(annotator: Client, campaign: Campaign) -> None:
    response = send(annotator, "label_start", "mine", "check")
    for _ in range(3):
        action, answers = form_of(response)
        response = annotator.post(action, answers, follow=True)
    assert "That is all" in text_of(response)
    close(campaign)
    assert "The check is closed. Thank you" in text_of(label_screen(annotator))


def test_who_may_see_may_not_label(researcher: Client, campaign: Campaign) -> None:
    assert label_screen(researcher).status_code == 404
    assert send(researcher, "label_start", "mine", "check").status_code == 404
