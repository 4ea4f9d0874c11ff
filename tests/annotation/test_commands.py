"""The room's commands: each says in numbers what it did, does nothing twice, and answers bad input with one sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from annotation.campaigns.lifecycle import close
from annotation.models import Annotation, Assignment, Campaign, Decision, Item, Participant
from conflictscope.scenarios.models import Dataset, Scenario, Verdict
from conflictscope.studies.models import Membership
from tests.factories.annotation import ParticipantFactory, labelled
from tests.factories.scenarios import JudgeFactory, ScenarioFactory, judged
from tests.processes import running

pytestmark = pytest.mark.django_db
# Simulated annotators work over HTTP: the server sees what is committed.
their_server = pytest.mark.django_db(transaction=True)

HELD = (User, Membership, Campaign, Item, Participant, Assignment, Annotation, Decision, Verdict, Scenario)


def say(command: str, *arguments: object) -> str:
    out = StringIO()
    call_command(command, *map(str, arguments), stdout=out, verbosity=0)
    return out.getvalue()


def rows() -> list[list[dict]]:
    """Everything that a command of this room may write."""
    return [list(model.objects.order_by("pk").values()) for model in HELD]


@pytest.fixture
def study(dataset) -> Iterator[str]:
    """Ten scenarios, of which the judge dropped two; the answer is the study's slug."""
    judge = JudgeFactory(name="first-judge")
    dataset.primary_judge = judge
    dataset.slug = "bakery"
    dataset.save()
    for number in range(10):
        judged(ScenarioFactory(dataset=dataset), judge, **({"realism": "fail"} if number < 2 else {}))
    return dataset.study.slug


@pytest.fixture
def opened(study) -> Campaign:
    say("open_campaign", "--study", study, "--dataset", "bakery", "--name", "First check", "--items", 6)
    return Campaign.objects.get()


def at(campaign: Campaign) -> list[str]:
    return ["--study", campaign.study.slug, "--campaign", campaign.slug]


@pytest.fixture
def settled(opened) -> Campaign:
    """Three people have labelled the first four items. One of these they found unrealistic, on another they tie."""
    people = ParticipantFactory.create_batch(3, campaign=opened)
    first, second, *others = opened.items.order_by("shuffle_key")[:4]
    for person, guidance in zip(people, ("action_1", "both", "neither"), strict=True):
        labelled(first, person, {"realism": "no"})
        labelled(second, person, {"value_guidance_1": guidance})
        for item in others:
            labelled(item, person)
    return opened


# open_campaign


def test_open_campaign_says_how_many_items_and_answers_are_wanted(study):
    said = say(
        "open_campaign", "--study", study, "--dataset", "bakery", "--name", "First check", "--items", 6, "--overlap", 4,
        "--seed", 3, "--plan", "stratified", "--quota", 5,
    )  # fmt: skip
    campaign = Campaign.objects.get()
    assert (campaign.slug, campaign.state, campaign.overlap, campaign.quota) == ("first-check", "open", 4, 5)
    assert "First check (first-check): open from now on." in said
    assert "6 of 10 scenarios of bakery, drawn in equal parts by what the judge made of them (seed 3)" in said
    assert "4 kept, 2 dropped" in said
    assert "4 people label each item, at most 5 items a person: 24 sheets of 8 questions, 192 answers wanted." in said


def test_open_campaign_again_draws_nothing_and_says_so(opened, study):
    before = rows()
    said = say("open_campaign", "--study", study, "--dataset", "bakery", "--name", "First check", "--items", 6)
    assert "open already, nothing drawn anew" in said
    assert rows() == before


def test_open_campaign_leaves_a_closed_one_closed_and_says_so(opened, study):
    close(opened)
    said = say("open_campaign", "--study", study, "--dataset", "bakery", "--name", "First check", "--items", 6)
    assert "closed, and stays closed" in said


# simulate_annotators


@their_server
def test_simulate_annotators_says_how_much_was_labelled_and_how_truly(opened):
    said = say("simulate_annotators", *at(opened), "--count", 2, "--accuracy", 0.9, "--seed", 7)
    assert "2 simulated annotators submitted 12 sheets now. Of 6 items they have labelled: 6 by 2." in said
    assert re.search(r"true of their text: \d\d\.\d % \[\d\d\.\d %, \d\d\.\d %\] \(96 answers\)\.", said)
    before = rows()
    assert "submitted 0 sheets now" in say("simulate_annotators", *at(opened), "--count", 2, "--seed", 7)
    assert rows() == before
    assert "Of 6 items they have labelled: 6 by 3." in say(
        "simulate_annotators", *at(opened), "--count", 3, "--seed", 7
    )


# measure_agreement


def test_measure_agreement_has_a_row_for_each_dimension_and_one_for_all(settled):
    said = say("measure_agreement", *at(settled))
    lines = {line.strip().split("  ")[0]: line for line in said.splitlines()}
    for label in (
        "Realism",
        "Specificity",
        "Feasibility",
        "Impossibility",
        "Value guidance",
        "Genuine dilemma",
        "All six",
    ):
        assert label in lines
    assert "judge first-judge against the majority of people" in said
    assert "4 of 6 items labelled: 4 by 3 people; 3 annotators, 12 sheets." in said
    # One item of four has no majority on value guidance: it is left out there, and counted as a tie.
    assert re.search(r"Value guidance\s+3\s.*\s1\s+0$", said, re.MULTILINE)
    assert "Simulated" not in said


def test_measure_agreement_says_why_a_number_is_undefined(settled):
    said = say("measure_agreement", *at(settled))
    assert re.search(r"Specificity\s+4\s+1\.00 \[.*\]\s+undefined\s+undefined", said)
    assert re.search(r"Specificity.*: kappa is undefined: ", said)
    assert re.search(r"Specificity.*: alpha is undefined: only one category was used\.", said)


def test_measure_agreement_before_anybody_labelled_says_so(opened):
    said = say("measure_agreement", *at(opened))
    assert "0 of 6 items labelled: none" in said
    assert "kappa is undefined: no item was answered by both" in said


@their_server
def test_measure_agreement_says_that_it_is_simulated(opened):
    say("simulate_annotators", *at(opened), "--count", 2)
    assert "Simulated: the figures rest on simulated annotators" in say("measure_agreement", *at(opened))


@their_server
def test_measure_agreement_shows_weighted_figures_beside_plain_ones(study):
    say(
        "open_campaign", "--study", study, "--dataset", "bakery", "--name", "By strata", "--items", 4, "--plan",
        "stratified",
    )  # fmt: skip
    campaign = Campaign.objects.get()
    say("simulate_annotators", *at(campaign), "--count", 3)
    said = say("measure_agreement", *at(campaign))
    assert "weighted back to the dataset" in said
    assert len(re.findall(r"^  All six  ", said, re.MULTILINE)) == 2


def test_measure_agreement_takes_another_judge_by_name(settled):
    second = JudgeFactory(name="second-judge")
    for item in settled.items.all():
        judged(item.scenario, second, realism="unparsable")
    said = say("measure_agreement", *at(settled), "--judge", "second-judge")
    assert "judge second-judge against" in said
    assert re.search(r"Realism\s+0\s.*\s4$", said, re.MULTILINE)


def test_measure_agreement_writes_nothing(settled):
    before = rows()
    say("measure_agreement", *at(settled), "--minimum", 2)
    assert rows() == before


# decide_campaign


def test_decide_campaign_says_what_was_decided_what_waits_and_which_ties(settled):
    said = say("decide_campaign", *at(settled))
    tied = settled.items.order_by("shuffle_key")[1].scenario.uid
    assert "4 items labelled by at least 3, 2 waiting for more." in said
    assert "23 verdicts of people stand, 22 passed and 1 failed; 23 of them written now." in said
    assert "1 tie waits for an adjudicator:" in said
    assert f"{tied}, value guidance 1: 1 action_1, 1 both, 1 neither" in said


def test_decide_campaign_again_does_nothing_and_says_so(settled):
    say("decide_campaign", *at(settled))
    before = rows()
    assert "23 verdicts of people stand, 22 passed and 1 failed; nothing new." in say("decide_campaign", *at(settled))
    assert rows() == before


def test_decide_campaign_with_nothing_labelled_decides_nothing(opened):
    said = say("decide_campaign", *at(opened), "--minimum", 1)
    assert "0 items labelled by at least 1, 6 waiting for more." in said
    assert "No ties." in said


# Two at once


@pytest.mark.backends
@pytest.mark.django_db(transaction=True)
def test_two_runs_at_once_of_the_same_command_share_the_work_and_write_nothing_twice(opened):
    for command in (["simulate_annotators", "--count", "3", "--seed", "7"], ["decide_campaign", "--minimum", "3"]):
        arguments = ["manage.py", *command, *at(opened)]
        with running(*arguments) as one, running(*arguments) as other:
            ended = [(process.communicate(timeout=120)[1], process.returncode) for process in (one, other)]
        assert [code for _, code in ended] == [0, 0], ended
    assert Assignment.objects.filter(state="submitted", surplus=False).count() == 6 * 3
    assert Annotation.objects.count() == 6 * 3 * 8
    assert set(opened.items.values_list("open_slots", flat=True)) == {0}
    assert all(10 < seconds < 600 for seconds in Assignment.objects.values_list("active_seconds", flat=True))
    before = rows()
    assert "nothing new" in say("decide_campaign", *at(opened))
    assert rows() == before


# Bad input


@pytest.mark.parametrize(
    ("command", "arguments", "sentence"),
    [
        ("open_campaign", ["--study", "nowhere"], "There is no study 'nowhere'"),
        ("open_campaign", ["--dataset", "nothing"], "has no dataset 'nothing'"),
        ("open_campaign", ["--items", "0"], "at least one item is needed"),
        ("open_campaign", ["--plan", "clever"], "the sampling plan must be one of: random, stratified"),
        ("open_campaign", ["--items", "1", "--plan", "stratified", "--name", "Tiny"], "needs at least 2 scenarios"),
        ("open_campaign", ["--items", "7"], "with another size"),
        ("open_campaign", ["--name", "Talk", "--kind", "action_judgement"], "needs at least one run"),
        (
            "open_campaign",
            ["--name", "Talk", "--kind", "action_judgement", "--target", "gpt"],
            "No run with a simulated user of gpt",
        ),
        ("open_campaign", ["--name", "Few", "--annotator", "nobody"], "There is no account nobody"),
        ("open_campaign", ["--name", "Few", "--guideline", "nowhere.md"], "nowhere.md cannot be read"),
        ("extend_campaign", ["--items", "2"], "a campaign can only grow"),
        ("extend_campaign", ["--overlap", "1"], "choose from there"),
        ("pause_campaign", ["--campaign", "nothing"], "has no campaign 'nothing'"),
        ("close_campaign", ["--campaign", "nothing"], "has no campaign 'nothing'"),
        ("simulate_annotators", ["--campaign", "nothing"], "has no campaign 'nothing'"),
        ("simulate_annotators", ["--count", "0"], "can be simulated, not 0"),
        ("simulate_annotators", ["--accuracy", "90"], "probability from 0 to 1, not 90"),
        ("measure_agreement", ["--campaign", "nothing"], "has no campaign 'nothing'"),
        ("measure_agreement", ["--judge", "nobody"], "Judges that have: first-judge"),
        ("measure_agreement", ["--minimum", "0"], "At least one person"),
        ("decide_campaign", ["--campaign", "nothing"], "has no campaign 'nothing'"),
        ("decide_campaign", ["--minimum", "0"], "At least one person"),
    ],
)
def test_bad_input_gives_one_sentence_and_leaves_the_database_as_it_was(settled, command, arguments, sentence):
    good = {
        "open_campaign": {"--dataset": "bakery", "--name": "First check", "--items": "6"},
        "extend_campaign": {"--campaign": settled.slug},
        "pause_campaign": {},
        "close_campaign": {},
        "simulate_annotators": {"--campaign": settled.slug, "--count": "2"},
        "measure_agreement": {"--campaign": settled.slug},
        "decide_campaign": {"--campaign": settled.slug},
    }[command]
    asked = {"--study": settled.study.slug} | good | dict(zip(arguments[::2], arguments[1::2], strict=True))
    before = rows()
    with pytest.raises(CommandError, match=re.escape(sentence)) as caught:
        say(command, *[part for option in asked.items() for part in option])
    assert "\n" not in str(caught.value)
    assert rows() == before


def test_a_campaign_goes_through_its_life_by_commands_alone(study):
    asked = ("--study", study, "--dataset", "bakery", "--name", "Life", "--items", 4, "--overlap", 2)
    at_it = ("--study", study, "--campaign", "life")
    assert "a draft, which nobody labels yet" in say("open_campaign", *asked, "--draft")
    assert "a draft already, nothing drawn anew" in say("open_campaign", *asked, "--draft")
    say("open_campaign", *asked)
    assert Campaign.objects.get().state == "open"
    assert "2 items added, 6 of 6 scenarios in all, 3 people for each" in say(
        "extend_campaign", *at_it, "--items", 6, "--overlap", 3
    )
    assert "0 items added" in say("extend_campaign", *at_it, "--items", 6)
    assert "paused" in say("pause_campaign", *at_it)
    assert "was not open, nothing changed" in say("pause_campaign", *at_it)
    assert "closed for good" in say("close_campaign", *at_it)
    assert "was closed already" in say("close_campaign", *at_it)


def test_simulating_in_a_closed_campaign_is_refused_and_leaves_no_account_behind(settled):
    close(settled)
    before = rows()
    with pytest.raises(CommandError, match="is closed, so nobody can label in it"):
        say("simulate_annotators", *at(settled), "--count", 2)
    assert rows() == before


@pytest.mark.django_db(transaction=True)
def test_a_shell_sees_exit_code_1_and_one_line_without_a_traceback(dataset):
    assert Dataset.objects.filter(pk=dataset.pk).exists()
    with running("manage.py", "decide_campaign", "--study", dataset.study.slug, "--campaign", "nothing") as process:
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    (line,) = errors.strip().splitlines()
    assert line.startswith(f"CommandError: {dataset.study.slug} has no campaign 'nothing'. Campaigns: none yet.")
