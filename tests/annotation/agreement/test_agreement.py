"""The figures of agreement, against an example worked out by hand and against the statistics they come from."""

from __future__ import annotations

import numpy as np
import pytest

from annotation.agreement.measures import SEED, chart, compare, crossings, judge_of, measure
from annotation.agreement.tables import ALL, tables_of
from annotation.models import Campaign, Decision, Item, Participant
from conflictscope.errors import InvalidInput, NotFound
from conflictscope.scenarios.models import Dataset
from conflictscope.stats.agreement import judge_agreement
from conflictscope.stats.reliability import krippendorff_alpha
from tests.factories.annotation import CampaignFactory, ItemFactory, ParticipantFactory, labelled
from tests.factories.llm import EndpointFactory
from tests.factories.scenarios import JudgeFactory, judged

pytestmark = pytest.mark.django_db

FAILS = {"realism": "no"}


@pytest.fixture
def judge(campaign):
    judge = JudgeFactory(name="first-judge")
    Dataset.objects.filter(pk=campaign.dataset_id).update(primary_judge=judge)
    return judge


@pytest.fixture
def worked(dataset) -> Campaign:
    """Ten items, three people, one judge; only realism is ever in doubt.

    item        0     1     2     3     4 ... 9
    judge       fail  fail  pass  pass  pass
    people      ppp   fff   fff   ppf   ppp

    Judge against majority: 7 + 1 alike, 1 + 1 not. Raw 8/10; both pass 8 of 10, so chance is 0.64 + 0.04 = 0.68 and
    kappa = (0.80 - 0.68) / 0.32 = 0.375.
    Between people: 23 answers pass, 7 fail; item 3 alone has unlike pairs, 2 of 30. Expected: 2 x 7 x 23 / (30 x 29).
    alpha = 1 - (2 / 30) / (322 / 870) = 0.8199.
    """
    judge = JudgeFactory(name="first-judge")
    dataset.primary_judge = judge
    dataset.save()
    campaign = CampaignFactory(dataset=dataset, items=10)
    people = ParticipantFactory.create_batch(3, campaign=campaign)
    votes = {1: "fff", 2: "fff", 3: "ppf"}
    for number, item in enumerate(campaign.items.order_by("shuffle_key")):
        judged(item.scenario, judge, **({"realism": "fail"} if number in (0, 1) else {}))
        for person, said in zip(people, votes.get(number, "ppp"), strict=True):
            labelled(item, person, FAILS if said == "f" else {})
    return campaign


def measured(campaign: Campaign, **options):
    return measure(tables_of(campaign, **options), resamples=200, minimum=options.get("minimum", 1))


def of(found, key: str):
    return next(each for each in found.dimensions if each.key == key)


# The example


def test_the_worked_example_comes_out_as_by_hand(worked):
    found = measured(worked)
    assert (found.items, found.labelled, found.submissions, found.annotators) == (10, 10, 30, 3)
    assert found.answers_per_item == ((3, 10),)
    realism = of(found, "realism")
    against = realism.judge_people
    assert (against.n, against.left_out) == (10, 0)
    assert against.confusion == ((7, 1), (1, 1))
    assert against.raw.value == pytest.approx(0.8)
    assert against.kappa.value == pytest.approx(0.375)
    assert against.precision.value == pytest.approx(7 / 8)
    assert against.recall.value == pytest.approx(7 / 8)
    assert against.prevalence_judge.value == against.prevalence_people.value == pytest.approx(0.8)
    assert realism.alpha.value == pytest.approx(1 - (2 / 30) / (322 / 870))
    assert realism.alpha.n == 10
    assert against.kappa.low < 0.375 < against.kappa.high
    assert (realism.tied, realism.unread, realism.unweighted) == (0, 0, None)


def test_all_six_together_fail_with_the_one_that_fails(worked):
    found = measured(worked)
    assert [each.key for each in found.dimensions][-1] == ALL
    assert of(found, ALL).judge_people.confusion == of(found, "realism").judge_people.confusion
    assert of(found, ALL).alpha == of(found, "realism").alpha


def test_where_all_say_pass_kappa_and_alpha_are_undefined_and_say_why_but_raw_agreement_is_there(worked):
    specificity = of(measured(worked), "specificity")
    assert specificity.judge_people.raw.value == 1.0
    assert specificity.judge_people.kappa.value is None
    assert specificity.judge_people.kappa.reason
    assert specificity.alpha.value is None
    assert "only one category" in specificity.alpha.reason


def test_the_figures_are_those_of_the_statistics_on_the_same_answers(worked):
    realism = of(measure(tables_of(worked), resamples=300), "realism")
    by_judge = ["fail", "fail", *["pass"] * 8]
    by_people = ["pass", "fail", "fail", *["pass"] * 7]
    rng = np.random.default_rng(SEED)
    expected = judge_agreement(
        by_judge, by_people, categories=("pass", "fail"), positive="pass", rng=rng, resamples=300
    )
    assert realism.judge_people == expected
    people = [["pass"] * 3, ["fail"] * 3, ["fail"] * 3, ["pass", "pass", "fail"], *[["pass"] * 3] * 6]
    assert realism.alpha == krippendorff_alpha(people, categories=("pass", "fail"), rng=rng, resamples=300)


def test_the_same_answers_give_the_same_figures_to_the_last_digit(worked):
    assert measured(worked) == measured(worked)


# Weights


def test_unequal_chances_are_weighted_back_and_the_plain_figures_stand_beside(worked):
    """Items 5 to 9 were drawn with probability 1/2, so each stands for two: 15 in all.

    Weighted: both pass 2 + 10 = 12, both fail 1, unlike 1 + 1. Raw 13/15; pass 13/15 on both sides, so chance is
    (169 + 4) / 225 and kappa = (195 - 173) / (225 - 173) = 22/52.
    """
    late = list(worked.items.order_by("shuffle_key").values_list("pk", flat=True))[5:]
    Item.objects.filter(pk__in=late).update(inclusion_probability=0.5)
    found = measured(worked)
    assert found.weighted
    realism = of(found, "realism")
    assert realism.judge_people.confusion == ((12.0, 1.0), (1.0, 1.0))
    assert realism.judge_people.raw.value == pytest.approx(13 / 15)
    assert realism.judge_people.kappa.value == pytest.approx(22 / 52)
    assert realism.judge_people.n == 10  # ten items stand behind it, whatever they weigh
    assert realism.unweighted is not None
    assert realism.unweighted.kappa.value == pytest.approx(0.375)


def test_equal_chances_below_one_weigh_nothing(worked):
    worked.items.update(inclusion_probability=0.2)
    found = measured(worked)
    assert not found.weighted
    assert of(found, "realism").judge_people.kappa.value == pytest.approx(0.375)


# What is left out, and counted


def test_ties_and_unreadable_verdicts_are_left_out_and_counted(campaign, judge):
    tied, unread = campaign.items.order_by("shuffle_key")
    fine = ItemFactory(campaign=campaign)
    people = ParticipantFactory.create_batch(2, campaign=campaign)
    judged(tied.scenario, judge)
    judged(unread.scenario, judge, realism="unparsable")
    judged(fine.scenario, judge)
    labelled(tied, people[0], FAILS)
    labelled(tied, people[1])
    for person in people:
        labelled(unread, person)
        labelled(fine, person)
    found = measured(campaign)
    realism = of(found, "realism")
    assert (realism.judge_people.n, realism.judge_people.left_out) == (1, 2)
    assert (realism.tied, realism.unread) == (1, 1)
    assert (of(found, "specificity").judge_people.n, of(found, "specificity").tied) == (3, 0)
    assert (of(found, ALL).judge_people.n, of(found, ALL).tied, of(found, ALL).unread) == (1, 1, 1)
    assert realism.alpha.n == 3  # people are compared where they tie, too


def test_two_ties_in_a_dimension_of_one_item_are_one_tied_item(campaign, judge):
    item = campaign.items.first()
    for person, said in zip(ParticipantFactory.create_batch(2, campaign=campaign), ("yes", "no"), strict=True):
        labelled(item, person, {"feasibility_1": said, "feasibility_2": said, "realism": said})
    found = measured(campaign)
    assert (of(found, "feasibility").tied, of(found, "realism").tied, of(found, ALL).tied) == (1, 1, 1)


def test_an_adjudicated_answer_takes_the_place_of_the_majority(worked):
    item = worked.items.order_by("shuffle_key")[2]
    Decision.objects.create(item=item, question="realism", answer="yes", method="adjudicated", reason="It happens.")
    realism = of(measured(worked), "realism")
    assert realism.judge_people.confusion == ((8, 0), (1, 1))
    assert realism.alpha.value == pytest.approx(1 - (2 / 30) / (322 / 870))  # single answers stay what they were


def test_a_minimum_of_people_leaves_thinly_labelled_items_out_of_the_majority(campaign, judge):
    thick, thin = campaign.items.order_by("shuffle_key")
    people = ParticipantFactory.create_batch(2, campaign=campaign)
    for item in (thick, thin):
        judged(item.scenario, judge)
    for person in people:
        labelled(thick, person)
    labelled(thin, people[0])
    assert of(measured(campaign), "realism").judge_people.n == 2
    found = measured(campaign, minimum=2)
    assert (found.minimum, of(found, "realism").judge_people.n) == (2, 1)
    with pytest.raises(InvalidInput, match="At least one person"):
        tables_of(campaign, minimum=0)


def test_without_a_single_answer_everything_is_undefined_and_says_so(campaign, judge):
    found = measured(campaign)
    assert (found.items, found.labelled, found.submissions, found.answers_per_item) == (2, 0, 0, ())
    for each in found.dimensions:
        for estimate in (each.judge_people.raw, each.judge_people.kappa, each.alpha, each.fleiss):
            assert estimate.value is None
            assert estimate.reason


def test_without_a_judge_people_are_still_compared_with_each_other(campaign):
    for person in ParticipantFactory.create_batch(2, campaign=campaign):
        first, second = campaign.items.order_by("shuffle_key")
        labelled(first, person, FAILS)
        labelled(second, person)
    found = measured(campaign)
    assert found.judge is None
    realism = of(found, "realism")
    assert realism.judge_people.n == 0
    assert realism.judge_people.kappa.value is None
    assert realism.unread == 2
    assert realism.alpha.value == pytest.approx(1.0)


def test_excluded_people_count_nowhere(worked):
    shut_out = Participant.objects.filter(campaign=worked).last()
    Participant.objects.filter(pk=shut_out.pk).update(excluded=True, excluded_reason="Guessed.")
    found = measured(worked)
    assert (found.annotators, found.submissions) == (2, 20)


# Which judge, and what is simulated


def test_another_judge_is_compared_by_name_and_an_unknown_one_is_answered_with_those_there_are(worked):
    second = JudgeFactory(name="second-judge")
    JudgeFactory(name="idle-judge")
    for number, item in enumerate(worked.items.order_by("shuffle_key")):
        judged(item.scenario, second, **({"realism": "fail"} if number in (1, 2) else {}))
    assert judge_of(worked, "second-judge") == second
    found = measured(worked, judge=second)
    assert found.judge == second
    assert of(found, "realism").judge_people.kappa.value == pytest.approx(1.0)
    with pytest.raises(NotFound, match=r"Judges that have: first-judge, second-judge\."):
        judge_of(worked, "idle-judge")


def test_simulated_annotators_or_a_simulated_judge_make_the_figures_simulated(worked):
    assert not measured(worked).simulated
    endpoint = EndpointFactory(simulated=True)
    simulated_judge = JudgeFactory(endpoint=endpoint)
    assert measured(worked, judge=simulated_judge).simulated
    Participant.objects.filter(campaign=worked).update(simulated=True)
    found = measured(worked)
    assert found.simulated
    assert "simulated" in chart(found, worked).to_json().lower()


# Like with like


def test_judge_and_people_are_compared_pair_by_pair_on_the_same_footing(worked):
    tables = tables_of(worked)
    names = [person.pseudonym for person in tables.labels.annotators]
    compared = compare(tables, "realism", resamples=50)
    assert compared.raters == ("Judge", *names)
    assert compared.left_out == 0
    # Two people differ on item 3 alone; the third dissented there.
    assert compared.pairs[names[0], names[1]].raw.value == 1.0
    assert compared.pairs[names[1], names[2]].raw.value == pytest.approx(0.9)
    assert compared.pairs["Judge", names[0]].raw.value == pytest.approx(0.8)
    assert compared.pairs["Judge", names[2]].raw.value == pytest.approx(0.7)
    rows = dict(compared.rows())
    assert rows["Judge"][0] == compared.pairs["Judge", names[0]]
    assert rows[names[0]] == [None, compared.pairs[names[0], names[1]], compared.pairs[names[0], names[2]]]


def test_with_many_people_those_with_the_most_labels_are_compared(campaign, judge):
    people = ParticipantFactory.create_batch(10, campaign=campaign)
    first, second = campaign.items.all()
    for person in people:
        labelled(first, person)
    for person in people[2:]:
        labelled(second, person)
    compared = compare(tables_of(campaign), "realism", resamples=20)
    assert compared.left_out == 2
    assert set(compared.raters) == {"Judge", *(person.pseudonym for person in people[2:])}


# The rows behind a number


def test_each_count_of_the_table_leads_to_that_many_items(worked):
    tables = tables_of(worked)
    confusion = of(measured(worked), "realism").judge_people.confusion
    for row, by_judge in enumerate(("pass", "fail")):
        for column, by_people in enumerate(("pass", "fail")):
            found = crossings(tables, "realism", by_judge=by_judge, by_people=by_people)
            assert len(found) == confusion[row][column]
    unlike = crossings(tables, "realism", disagreements=True)
    assert [(each.by_judge, each.by_people, each.votes) for each in unlike] == [
        ("fail", "pass", {"pass": 3}),
        ("pass", "fail", {"fail": 3}),
    ]


def test_items_that_nobody_labelled_stand_behind_no_number(campaign, judge):
    for item in campaign.items.all():
        judged(item.scenario, judge)
    labelled(campaign.items.first(), ParticipantFactory(campaign=campaign))
    assert len(crossings(tables_of(campaign), "realism")) == 1


def test_the_tables_take_as_many_queries_for_many_items_as_for_few(worked, django_assert_max_num_queries):
    campaign = Campaign.objects.select_related("dataset__primary_judge__endpoint").get(pk=worked.pk)
    with django_assert_max_num_queries(6):
        tables_of(campaign)
