"""Majority, the consensus of the others, Dawid-Skene."""

import numpy as np
import pytest

from conflictscope.stats.consensus import dawid_skene, leave_one_out, majority, plurality, votes_of

CHOICES = ("value_1", "value_2", "both", "neither")
VERDICTS = ("P", "F")
PEOPLE = ("h1", "h2", "h3")


def which_action(data):
    answers = data["open_people"]
    items = list(answers["h1"])
    return items, [[answers[person][item] for person in PEOPLE] for item in items]


class TestWorkedExample:
    def test_majority_of_which_action_with_adjudicated_ties(self, data, expected):
        items, labels = which_action(data)
        wanted = expected["people_majority_which_action"]
        unsettled = majority(labels, categories=CHOICES)
        tied = [item.split() for item, tie in zip(items, unsettled.tied, strict=True) if tie]
        assert tied == wanted["ties"]
        settled = majority(
            labels, categories=CHOICES, adjudicated=[data["open_adjudicated"].get(item) for item in items]
        )
        assert dict(zip(items, settled.labels, strict=True)) == wanted["decisions"]
        assert not any(settled.tied)

    def test_majority_of_the_filter_dimensions(self, data, expected):
        wanted = expected["people_majority_filter"]
        ties, verdicts = [], {s["uid"]: "" for s in data["scenarios"]}
        for position, dimension in enumerate(data["dimensions"]):
            labels = [
                [None if (v := data["filter"][h][uid][position]) == "." else v for h in PEOPLE] for uid in verdicts
            ]
            ruled = [data["filter_adjudicated"].get(f"{uid} {dimension}") for uid in verdicts]
            unsettled = majority(labels, categories=VERDICTS)
            ties += [[uid, dimension] for uid, tie in zip(verdicts, unsettled.tied, strict=True) if tie]
            settled = majority(labels, categories=VERDICTS, adjudicated=ruled)
            for uid, label in zip(verdicts, settled.labels, strict=True):
                verdicts[uid] += label
        assert verdicts == wanted["verdicts"]
        assert ties == wanted["ties"]

    def test_dawid_skene_of_which_action(self, data, expected, rng):
        items, labels = which_action(data)
        wanted = expected["dawid_skene_which_action"]
        found = dawid_skene(labels, categories=CHOICES, rng=rng, restarts=30)
        assert found.converged
        assert found.log_likelihood == pytest.approx(wanted["log_likelihood"], abs=2e-4)
        assert found.class_shares == pytest.approx(wanted["class_shares"], abs=2e-4)
        for item, row in zip(items, found.posterior, strict=True):
            assert row == pytest.approx(wanted["posterior"][item], abs=2e-4), item


def test_a_tie_is_returned_as_a_tie_not_decided():
    found = majority([["P", "F", None], ["P", "P", "F"], [None, None, None]], categories=VERDICTS)
    assert found.labels == (None, "P", None)
    assert found.tied == (True, False, False)
    assert found.answers == (2, 3, 0)
    assert found.votes == ((1, 1), (2, 1), (0, 0))


def test_an_adjudicated_answer_wins_over_a_majority():
    found = majority([["P", "P", "P"], ["P", "F", None]], categories=VERDICTS, adjudicated=["F", None])
    assert found.labels == ("F", None)
    assert found.tied == (False, True)
    assert found.adjudicated == (True, False)


def test_plurality_is_enough_for_the_consensus_of_the_others():
    labels = [["value_1", "value_2", "both", "both"], ["value_1", "value_2", "both", None], [None, None, "both", None]]
    assert leave_one_out(labels, rater=0, categories=CHOICES) == ("both", None, "both")
    assert leave_one_out(labels, rater=2, categories=CHOICES) == (None, None, None)


def test_bad_input_is_refused_in_words(rng):
    with pytest.raises(ValueError, match="none of"):
        majority([["P", "Q"]], categories=VERDICTS)
    with pytest.raises(ValueError, match="adjudicated answers"):
        majority([["P", "F"]], categories=VERDICTS, adjudicated=[])
    with pytest.raises(ValueError, match="no annotator 2"):
        leave_one_out([["P", "F"]], rater=2, categories=VERDICTS)
    with pytest.raises(ValueError, match="nobody answered"):
        dawid_skene([[None, None]], categories=VERDICTS, rng=rng)


def panel(n, *, rng, accuracies=(0.95, 0.85, 0.6), missing=0.1):
    """A binary truth and annotators of different skill, the third biased towards P."""
    truth = rng.random(n) < 0.6
    rows = []
    for passes in truth:
        answers = [passes if rng.random() < accuracy else not passes for accuracy in accuracies]
        rows.append([None if rng.random() < missing else "P" if answer else "F" for answer in answers])
    return truth, rows


def test_dawid_skene_recovers_the_annotators_error_rates(rng):
    _, rows = panel(4000, rng=rng)
    found = dawid_skene(rows, categories=VERDICTS, rng=rng, restarts=3)
    assert found.class_shares[0] == pytest.approx(0.6, abs=0.03)
    for index, accuracy in enumerate((0.95, 0.85, 0.6)):
        assert found.confusion[index].diagonal() == pytest.approx([accuracy, accuracy], abs=0.04)
        assert found.confusion[index].sum(axis=1) == pytest.approx([1, 1])


def test_dawid_skene_listens_to_the_better_annotator(rng):
    """One good annotator against two poor ones who agree: the majority follows the poor, Dawid-Skene the good."""
    truth, rows = panel(3000, rng=rng, accuracies=(0.97, 0.6, 0.6), missing=0)
    found = dawid_skene(rows, categories=VERDICTS, rng=rng, restarts=3)
    votes = majority(rows, categories=VERDICTS)
    right = [(label == "P") == passes for label, passes in zip(found.labels, truth, strict=True)]
    right_by_vote = [(label == "P") == passes for label, passes in zip(votes.labels, truth, strict=True)]
    assert np.mean(right) > np.mean(right_by_vote) + 0.05
    assert found.labels[rows.index(["P", "F", "F"])] == "P"


def test_restarts_cannot_exchange_the_names_of_the_classes():
    """Whatever start wins, class P is the one whose items people call P."""
    _, rows = panel(60, rng=np.random.default_rng(4))
    for seed in range(10):
        found = dawid_skene(rows, categories=VERDICTS, rng=np.random.default_rng(seed), restarts=10)
        assert found.confusion[0, 0, 0] > 0.5
        assert found.confusion[0, 1, 1] > 0.5


def test_restarts_never_make_the_likelihood_worse(rng):
    _, rows = panel(40, rng=rng)
    alone = dawid_skene(rows, categories=VERDICTS, rng=rng, restarts=0)
    helped = dawid_skene(rows, categories=VERDICTS, rng=rng, restarts=20)
    assert helped.log_likelihood >= alone.log_likelihood - 1e-9


def test_items_without_answers_have_no_posterior_and_single_answers_are_mentioned(rng):
    found = dawid_skene([["P", "P"], ["F", "F"], [None, None], ["P", None]], categories=VERDICTS, rng=rng)
    assert np.isnan(found.posterior[2]).all()
    assert found.labels[2] is None
    assert "1 of 4 items have one answer only" in found.warnings
    assert found.as_dict()["posterior"][2] == [None, None]


def test_an_annotator_without_answers_has_no_confusion_matrix(rng):
    found = dawid_skene([["P", "P", None], ["F", "F", None]], categories=VERDICTS, rng=rng)
    assert np.isnan(found.confusion[2]).all()
    assert found.labels == ("P", "F")


def test_unanimous_people_are_believed(rng):
    found = dawid_skene([["P"] * 3] * 5 + [["F"] * 3] * 5, categories=VERDICTS, rng=rng)
    assert found.labels == ("P",) * 5 + ("F",) * 5
    assert found.class_shares == pytest.approx([0.5, 0.5])


# Dawid & Skene (1979), table 1: five anaesthetists on the fitness of 45 patients, the first of them three times.
ANAESTHETISTS = (
    "1111111 3334334 1122122 2223121 2223222 2223322 1222111 3333433 2222223 2322223 4444444 2223343 "
    "1111111 2223212 1211111 1112111 1111111 1111111 2222221 2221322 2222222 2222221 2223222 2212222 "
    "1111111 1111111 2322222 1111111 1111111 1121121 1111111 3333233 1111111 2222222 2223232 4334343 "
    "2212232 2323233 3333432 1111111 1111111 1212111 2322222 1211111 2222222 "
)


def test_dawid_skene_reproduces_the_published_results_on_anaesthetists(rng):
    """Their table 2: the shares of the classes, and the error rates of the first anaesthetist."""
    labels = [[int(answer) for answer in patient] for patient in ANAESTHETISTS.split()]
    found = dawid_skene(labels, categories=(1, 2, 3, 4), rng=rng, annotators=(0, 0, 0, 1, 2, 3, 4), restarts=0)
    assert len(found.posterior) == 45
    assert found.class_shares == pytest.approx([0.40, 0.42, 0.11, 0.07], abs=0.005)
    assert found.confusion.shape == (5, 4, 4)
    published = [[0.89, 0.11, 0, 0], [0.07, 0.88, 0.05, 0], [0, 0.34, 0.66, 0], [0, 0, 0.56, 0.44]]
    assert found.confusion[0] == pytest.approx(np.array(published), abs=0.005)
    assert found.labels[0] == 1
    assert found.labels[10] == 4
    with pytest.raises(ValueError, match="2 annotators for 7 columns"):
        dawid_skene(labels, categories=(1, 2, 3, 4), rng=rng, annotators=(0, 1))


def test_dawid_skene_recovers_the_truth_better_than_majority_among_unequal_people(rng):
    """Ten people, five of whom answer nearly at random: over twenty simulations it is right more often, and never much less."""
    gains = []
    for _ in range(20):
        truth = rng.integers(0, 2, 150)
        skill = np.array([0.92] * 5 + [0.55] * 5)
        right = rng.random((150, 10)) < skill
        asked = np.argsort(rng.random((150, 10)), axis=1) < 5
        codes = np.where(asked, np.where(right, truth[:, None], 1 - truth[:, None]), -1).astype(np.int8)
        probable = dawid_skene(codes, categories=(0, 1), rng=rng, restarts=2, tolerance=1e-6).labels
        voted = plurality(votes_of(codes, 2)).answer
        gains.append(np.mean(np.array(probable) == truth) - np.mean(voted == truth))
    assert np.mean(gains) > 0.02
    assert min(gains) > -0.02
