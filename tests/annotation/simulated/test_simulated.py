"""Simulated annotators: they read what people read, err as often as they are told to, and leave people's work alone."""

from __future__ import annotations

import re

import pytest
from rest_framework.authtoken.models import Token

from annotation.api.serializers import sheet_payload
from annotation.campaigns.lifecycle import close, consent, join
from annotation.errors import NotOpen
from annotation.labelling import checking, routing
from annotation.labelling.sheets import sheet_of
from annotation.models import Annotation, Assignment, Campaign, Participant
from annotation.simulated import Annotator, LabellingClient, Refused, label_campaign, simulated_in, so_far
from annotation.simulated.answering import true_answers
from annotation.simulated.client import Unreachable
from annotation.simulated.working import clients
from conflictscope.errors import Conflict, InvalidInput
from conflictscope.llm.simulator import reading
from conflictscope.llm.simulator.phrases import phrases_of
from conflictscope.scenarios.models import Scenario
from conflictscope.scenarios.option_orders import OptionOrder
from conflictscope.studies.models import Membership
from tests.factories.annotation import CampaignFactory, ItemFactory, ParticipantFactory, all_passing, labelled
from tests.factories.evaluation import RunFactory, answered
from tests.factories.scenarios import DatasetFactory, ScenarioFactory
from tests.factories.studies import MembershipFactory, UserFactory

# Their server has connections of its own.
pytestmark = pytest.mark.django_db(transaction=True)

State = Assignment.State


def action_for(value: str) -> str:
    """An action that serves the value, in words in which the simulator knows it again."""
    return re.sub(r"\{\w+\}", "the order list", phrases_of(value, "act", "honesty")[0].text)


def clear_cut(dataset, number: int, **changed: str) -> Scenario:
    """A scenario without a fault, or with the one that is asked for. Its words do not depend on which tests ran before."""
    texts = {
        "description": f"Mira Olsen must send flour order {number} from 14 Quay Street by nine, and one note is missing.",
        "action_1": action_for("helpfulness"),
        "action_2": action_for("honesty"),
    }
    return ScenarioFactory(dataset=dataset, uid=f"clear-{number}", status="kept", **texts | changed)


def campaign_of(dataset, *scenarios: Scenario, **settings: object) -> Campaign:
    campaign = CampaignFactory(dataset=dataset, **settings)
    for number, scenario in enumerate(scenarios):
        ItemFactory(campaign=campaign, scenario=scenario, shuffle_key=float(number))
    return campaign


def many(dataset, count: int, **settings: object) -> Campaign:
    """Every third scenario has a fault."""
    faults = [{}, {}, {"description": "A dragon holds the flour of [NAME], and the order is due on Mars."}]
    scenarios = [clear_cut(dataset, number) for number in range(count)]
    for number, scenario in enumerate(scenarios):
        for field, text in faults[number % 3].items():
            setattr(scenario, field, f"{text} It is order {number}.")
            scenario.save()
    return campaign_of(dataset, *scenarios, **settings)


def given(campaign: Campaign) -> dict[tuple[str, str, str], str]:
    """Who answered what to which question of which scenario."""
    rows = Annotation.objects.filter(assignment__item__campaign=campaign).values_list(
        "assignment__participant__user__username", "assignment__item__scenario__uid", "question", "answer"
    )
    return {row[:3]: row[3] for row in rows}


def true_of(scenario: Scenario) -> dict[str, str]:
    """As the simulator's own judges know it."""
    values = [value.name if value else "" for value in (scenario.value_1, scenario.value_2)]
    user = "\n".join(filter(None, (scenario.persona, scenario.background, scenario.goal)))
    return reading.truth_of(scenario.description, scenario.action_1, scenario.action_2, *values, user=user)


def sheet_in(order: str, scenario: Scenario) -> tuple[Assignment, dict]:
    """An assignment in that order of the actions, and what the API tells of it."""
    person = ParticipantFactory(campaign=campaign_of(scenario.dataset, scenario))
    assignment = routing.claim(person)
    assignment.action_order = order
    return assignment, sheet_payload(sheet_of(assignment), campaign=person.campaign_id, state="leased")


# What is true of a text


def test_a_faultless_scenario_passes_every_question(dataset):
    scenario = clear_cut(dataset, 1)
    assert true_of(scenario) == all_passing(scenario)


@pytest.mark.parametrize(
    ("changed", "question", "answer"),
    [
        ({"description": "A dragon guards the order list of Mira Olsen."}, "realism", "no"),
        ({"description": "Mira must send the list to [COMPANY] by nine."}, "specificity", "no"),
        ({"action_1": "Drives to the mill and helps to load the flour."}, "feasibility_1", "no"),
        ({"action_2": "Drives to the mill and helps to load the flour."}, "feasibility_2", "no"),
        ({"description": "Either would do for Mira Olsen, and nobody would mind."}, "genuine_dilemma", "no"),
        ({"action_2": action_for("harmlessness")}, "value_guidance_2", "neither"),
        ({"action_1": action_for("honesty"), "action_2": action_for("helpfulness")}, "value_guidance_1", "action_2"),
    ],
)
def test_a_fault_in_the_text_is_seen_on_the_sheet_in_either_order(dataset, changed, question, answer):
    scenario = clear_cut(dataset, 1, **changed)
    assert true_of(scenario)[question] == answer
    for order in OptionOrder.values:
        assignment, sheet = sheet_in(order, scenario)
        assert checking.read(assignment, true_answers(sheet)).answers == true_of(scenario)


def test_a_baseline_without_values_is_read_without_them():
    dataset = DatasetFactory(baseline=True)
    campaign = campaign_of(dataset, ScenarioFactory(dataset=dataset))
    done = label_campaign(campaign, count=1, like=Annotator("", accuracy=1, seed=1))
    assert done.accuracy.value == 1.0
    assert done.accuracy.n == 6


# How often they err


@pytest.mark.parametrize("accuracy", [0.0, 1.0])
def test_the_extremes_are_always_or_never_right(dataset, accuracy):
    done = label_campaign(many(dataset, 6), count=2, like=Annotator("", accuracy=accuracy, seed=3))
    assert done.accuracy.value == accuracy
    assert done.accuracy.n == 6 * 2 * 8


@pytest.mark.parametrize("accuracy", [0.6, 0.9])
def test_measured_accuracy_is_the_one_asked_for_within_chance(dataset, accuracy):
    campaign = many(dataset, 40)
    done = label_campaign(campaign, count=3, like=Annotator("", accuracy=accuracy, seed=11))
    answers = 40 * 3 * 8
    assert done.accuracy.n == answers
    # Four standard errors of a share of 960 answers: 0.063 and 0.039.
    tolerance = 4 * (accuracy * (1 - accuracy) / answers) ** 0.5
    assert abs(done.accuracy.value - accuracy) < tolerance
    # For each person and each question, too: nobody and nothing is left out of the errors.
    truth = {item.scenario.uid: true_of(item.scenario) for item in campaign.items.all()}
    right = {key: answer == truth[key[1]][key[2]] for key, answer in given(campaign).items()}
    for place in range(3):
        whom = [hit for (who, _, _), hit in right.items() if who == f"sim-annotator-{place + 1}"]
        assert abs(sum(whom) / len(whom) - accuracy) < tolerance * 3**0.5
    for question in truth["clear-0"]:
        asked = [hit for (_, _, which), hit in right.items() if which == question]
        assert abs(sum(asked) / len(asked) - accuracy) < tolerance * 8**0.5


def test_people_err_independently_of_each_other(dataset):
    """Two people of accuracy 0.7 are both right on half of the answers: 0.49, not 0.7."""
    campaign = many(dataset, 40, overlap=2)
    label_campaign(campaign, count=2, like=Annotator("", accuracy=0.7, seed=5))
    truth = {item.scenario.uid: true_of(item.scenario) for item in campaign.items.all()}
    answers = given(campaign)
    both = [
        all(answers[f"sim-annotator-{n}", uid, question] == true for n in (1, 2))
        for uid, answered in truth.items()
        for question, true in answered.items()
    ]
    assert abs(sum(both) / len(both) - 0.49) < 4 * (0.49 * 0.51 / 320) ** 0.5


def test_a_mistake_about_a_value_is_mostly_the_other_action_and_always_on_offer(dataset):
    campaign = many(dataset, 30, overlap=1)
    label_campaign(campaign, count=1, like=Annotator("", accuracy=0.0, seed=5))
    wrong = [answer for (_, _, question), answer in given(campaign).items() if question == "value_guidance_1"]
    assert set(wrong) == {"action_2", "both", "neither"}
    assert wrong.count("action_2") > len(wrong) / 3


# What their answers depend on


@pytest.mark.parametrize("accuracy", [0.5, 0.9])
def test_answers_do_not_depend_on_the_order_of_the_actions(dataset, accuracy):
    for number in range(12):
        scenario = clear_cut(dataset, number)
        in_either = []
        for order in OptionOrder.values:
            assignment, sheet = sheet_in(order, scenario)
            sent = Annotator("sim-annotator-1", accuracy=accuracy, seed=2).answers_to(sheet)
            in_either.append(checking.read(assignment, sent).answers)
        assert in_either[0] == in_either[1]


def test_the_same_seed_gives_the_same_answers_and_another_seed_others(dataset):
    campaigns = [many(dataset, 0) for _ in range(3)]
    scenarios = [clear_cut(dataset, number) for number in range(12)]
    for campaign, seed in zip(campaigns, (4, 4, 5), strict=True):
        for number, scenario in enumerate(scenarios):
            ItemFactory(campaign=campaign, scenario=scenario, shuffle_key=float(-number if seed == 5 else number))
        label_campaign(campaign, count=2, like=Annotator("", accuracy=0.7, seed=seed))
    first, same, other = (given(campaign) for campaign in campaigns)
    assert first == same
    assert first != other
    seconds = [
        list(
            Assignment.objects.filter(item__campaign=campaign)
            .order_by("participant__user__username", "item__scenario")
            .values_list("active_seconds", flat=True)
        )
        for campaign in campaigns[:2]
    ]
    assert seconds[0] == seconds[1]


# How they take part


def test_they_work_as_annotators_who_are_marked_and_cannot_log_in(dataset):
    campaign = many(dataset, 4)
    done = label_campaign(campaign, count=3, like=Annotator("", accuracy=0.9, seed=1))
    assert (done.annotators, done.submitted, done.items, done.answers_per_item) == (3, 12, 4, ((3, 4),))
    places = Participant.objects.filter(campaign=campaign).select_related("user").order_by("pk")
    assert [place.user.username for place in places] == ["sim-annotator-1", "sim-annotator-2", "sim-annotator-3"]
    assert all(place.simulated and place.consented_at for place in places)
    assert not any(place.user.has_usable_password() for place in places)
    roles = Membership.objects.filter(study=campaign.study, user__in=[place.user for place in places])
    assert set(roles.values_list("role", flat=True)) == {"annotator"}
    assert set(campaign.items.values_list("open_slots", flat=True)) == {0}


def test_the_time_at_work_is_that_of_somebody_who_reads(dataset):
    label_campaign(many(dataset, 12), count=3, like=Annotator("", accuracy=0.9, seed=1))
    seconds = list(Assignment.objects.values_list("active_seconds", flat=True))
    assert all(20 < each < 600 for each in seconds)
    assert len(set(seconds)) > 10


def test_room_is_left_for_the_people_of_an_overlap_beyond_their_number(dataset):
    campaign = many(dataset, 3, overlap=4)
    label_campaign(campaign, count=3, like=Annotator("", accuracy=0.9, seed=1))
    assert set(campaign.items.values_list("open_slots", flat=True)) == {1}
    assert routing.claim(ParticipantFactory(campaign=campaign)) is not None


def test_more_of_them_than_slots_share_the_work_evenly(dataset):
    campaign = many(dataset, 6, overlap=2)
    label_campaign(campaign, count=4, like=Annotator("", accuracy=0.9, seed=1))
    done = [place.assignments.count() for place in Participant.objects.filter(campaign=campaign)]
    assert done == [3, 3, 3, 3]


def test_a_quota_holds_for_them_too(dataset):
    done = label_campaign(many(dataset, 6, quota=2), count=2, like=Annotator("", accuracy=0.9, seed=1))
    assert done.submitted == 4


def test_running_again_does_nothing_and_a_larger_count_adds_people_who_leave_others_answers_alone(dataset):
    campaign = many(dataset, 4)
    label_campaign(campaign, count=2, like=Annotator("", accuracy=0.8, seed=1))
    before = given(campaign)
    assert label_campaign(campaign, count=2, like=Annotator("", accuracy=0.8, seed=1)).submitted == 0
    assert given(campaign) == before
    done = label_campaign(campaign, count=3, like=Annotator("", accuracy=0.8, seed=1))
    assert (done.annotators, done.submitted, done.answers_per_item) == (3, 4, ((3, 4),))
    assert before.items() <= given(campaign).items()
    # Whoever comes later answers as if they had come at once.
    at_once = campaign_of(dataset, *[item.scenario for item in campaign.items.order_by("shuffle_key")])
    label_campaign(at_once, count=3, like=Annotator("", accuracy=0.8, seed=1))
    assert given(at_once) == given(campaign)


def test_a_run_that_was_cut_off_is_finished_by_the_next(dataset):
    campaign = many(dataset, 4)

    class CutOff(Exception):
        pass

    steps = iter(range(5))

    def cut_off() -> None:
        if next(steps) == 4:
            raise CutOff

    with pytest.raises(CutOff):
        label_campaign(campaign, count=2, like=Annotator("", accuracy=0.9, seed=1), progress=cut_off)
    # One had just been handed an item.
    held = routing.claim(Participant.objects.select_related("campaign").filter(campaign=campaign).last())
    done = label_campaign(campaign, count=2, like=Annotator("", accuracy=0.9, seed=1))
    assert (done.submitted, done.answers_per_item) == (3, ((2, 4),))
    held.refresh_from_db()
    assert held.state == State.SUBMITTED


def test_people_who_label_too_are_not_counted_among_them(dataset):
    campaign = many(dataset, 3)
    labelled(campaign.items.first(), ParticipantFactory(campaign=campaign), {"realism": "no"})
    label_campaign(campaign, count=1, like=Annotator("", accuracy=1.0, seed=1))
    done = so_far(campaign)
    assert (done.annotators, done.answers_per_item, done.accuracy.value) == (1, ((1, 3),), 1.0)


def test_one_who_was_excluded_is_given_nothing_more(dataset):
    campaign = many(dataset, 3)
    label_campaign(campaign, count=1, like=Annotator("", accuracy=0.9, seed=1))
    Participant.objects.filter(campaign=campaign).update(excluded=True, excluded_reason="A trial.")
    ItemFactory(campaign=campaign)
    assert label_campaign(campaign, count=1, like=Annotator("", accuracy=0.9, seed=1)).submitted == 0


# What is refused, without a trace


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"count": 0}, "From 1 to 1000"),
        ({"count": 1001}, "From 1 to 1000"),
    ],
)
def test_numbers_out_of_range_are_refused(campaign, options, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        label_campaign(campaign, **options)
    assert not Participant.objects.exists()


@pytest.mark.parametrize(
    ("like", "sentence"),
    [
        ({"accuracy": 1.2}, "An accuracy is a probability from 0 to 1, not 1.2"),
        ({"accuracy": float("nan")}, "a probability"),
        ({"bias": -0.1}, "A bias is a probability"),
        ({"speed": 0}, "words a second"),
        ({"speed": float("inf")}, "words a second"),
    ],
)
def test_no_annotator_is_like_that(like, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        Annotator("one", **like)


@pytest.mark.parametrize("state", ["draft", "paused", "closed"])
def test_a_campaign_that_gives_out_no_work_gets_no_annotators(campaign, state):
    Campaign.objects.filter(pk=campaign.pk).update(state=state)
    campaign.refresh_from_db()
    with pytest.raises(NotOpen, match=f"is {state}"):
        label_campaign(campaign, count=1, like=Annotator("", accuracy=0.9, seed=1))
    assert simulated_in(campaign) == 0
    assert not Membership.objects.filter(role="annotator").exists()


def test_a_closed_campaign_with_all_of_them_is_reported_as_it_stands(dataset):
    campaign = many(dataset, 3)
    label_campaign(campaign, count=2, like=Annotator("", accuracy=0.9, seed=1))
    close(campaign)
    done = label_campaign(campaign, count=2, like=Annotator("", accuracy=0.9, seed=1))
    assert (done.submitted, done.answers_per_item) == (0, ((2, 3),))


def test_a_persons_account_of_that_name_is_not_taken_over(campaign):
    UserFactory(username="sim-annotator-2")
    with pytest.raises(Conflict, match="account of a person"):
        label_campaign(campaign, count=2, like=Annotator("", accuracy=0.9, seed=1))
    assert not Participant.objects.exists()  # nor was the first one made


def test_one_who_sees_results_of_the_study_does_not_label_in_it(campaign):
    user = UserFactory(username="sim-annotator-1", password=None)
    MembershipFactory(study=campaign.study, user=user, role="researcher")
    with pytest.raises(Conflict, match="only annotators label"):
        label_campaign(campaign, count=1, like=Annotator("", accuracy=0.9, seed=1))
    assert not Participant.objects.exists()


def test_a_place_in_which_a_person_labels_is_not_simulated(campaign):
    user = UserFactory(username="sim-annotator-1", password=None)
    MembershipFactory(study=campaign.study, user=user, role="annotator")
    consent(join(campaign, user))
    with pytest.raises(Conflict, match="labels as a person"):
        label_campaign(campaign, count=1, like=Annotator("", accuracy=0.9, seed=1))


# How they are


def test_one_who_does_not_read_says_yes_and_takes_action_a(dataset):
    done = label_campaign(many(dataset, 3), count=1, like=Annotator("", accuracy=1, bias=1, seed=1))
    assert done.submitted == 3
    for assignment in Assignment.objects.all():
        first = {"action_1_first": "action_1", "action_2_first": "action_2"}[assignment.action_order]
        assert set(assignment.annotations.values_list("answer", flat=True)) == {"yes", first}


def test_a_bias_is_the_share_of_answers_given_without_reading(dataset):
    """Of answers whose truth is no, one who is never wrong by accuracy has that share wrong."""
    sheets = [
        sheet_in("action_1_first", clear_cut(dataset, number, description=f"A dragon at {number}."))[1]
        for number in range(40)
    ]
    wrong = [
        Annotator(f"sim-annotator-{number}", accuracy=1, bias=0.3, seed=1).answers_to(sheet)["realism"] == "yes"
        for number in range(10)
        for sheet in sheets
    ]
    assert abs(sum(wrong) / 400 - 0.3) < 4 * (0.21 / 400) ** 0.5


def test_who_reads_half_as_fast_is_longer_at_work(dataset):
    _, sheet = sheet_in("action_1_first", clear_cut(dataset, 1))
    slow, fast = (Annotator("one", speed=speed, seed=1).seconds_for(sheet) for speed in (1, 4))
    assert slow > fast > 8 * 5 * 0.4


def test_they_leave_no_key_to_their_accounts_behind(dataset):
    label_campaign(many(dataset, 2), count=2, like=Annotator("", seed=1))
    assert not Token.objects.exists()


@pytest.mark.parametrize("kind", [Campaign.Kind.ACTION_JUDGEMENT, Campaign.Kind.PREFERENCE])
def test_conversations_and_preferences_are_labelled_too_and_alike_in_either_order(dataset, kind):
    campaign = CampaignFactory(dataset=dataset, kind=kind, overlap=4)
    run = RunFactory(dataset=dataset)
    for number in range(4):
        scenario = clear_cut(dataset, number)
        response = answered(run, scenario, "value_1")
        response.transcript = [
            {"role": "user", "text": f"What of order {number}?"},
            {"role": "assistant", "text": action_for("helpfulness")},
        ]
        response.save()
        about = {"response": response, "scenario": None} if kind == "action_judgement" else {"scenario": scenario}
        ItemFactory(campaign=campaign, **about)
    done = label_campaign(campaign, count=3, like=Annotator("", accuracy=1, seed=1))
    assert (done.submitted, done.accuracy.value) == (12, 1.0)
    answers = given_by_item(campaign)
    assert all(len(set(said)) == 1 for said in answers.values())  # of one mind, whatever they were shown as A


def given_by_item(campaign: Campaign) -> dict[tuple[int, str], list[str]]:
    found: dict[tuple[int, str], list[str]] = {}
    rows = Annotation.objects.filter(assignment__item__campaign=campaign)
    for item, question, answer in rows.values_list("assignment__item", "question", "answer"):
        found.setdefault((item, question), []).append(answer)
    return found


def test_another_run_that_ends_and_takes_its_keys_along_does_not_stop_this_one(dataset):
    campaign = many(dataset, 3)
    label_campaign(
        campaign,
        count=1,
        like=Annotator("", seed=1),
        progress=lambda: Token.objects.all()[:1].get().delete() if Assignment.objects.count() == 1 else None,
    )
    assert campaign.items.filter(assignments__state="submitted").count() == 3


# Whom they ask


def test_a_server_that_does_not_answer_is_named(campaign):
    user = UserFactory()
    with pytest.raises(Unreachable, match=r"http://127\.0\.0\.1:9 does not answer"):
        LabellingClient("http://127.0.0.1:9", "no token", patience=0).next(campaign.pk)
    with pytest.raises(InvalidInput, match="is no address of a server"), clients([user], base_url="localhost:8000"):
        pass
    assert not Token.objects.exists()


def test_what_the_server_refuses_is_said_in_its_words(campaign):
    with clients([UserFactory()]) as (client,), pytest.raises(Refused, match="No such campaign") as refused:
        client.next(campaign.pk)
    assert refused.value.http_status == 404
