"""Distances between what people say should be done and what llms do."""

from itertools import combinations

import numpy as np
import pytest

from conflictscope.stats.distance import among_people, corrected_distance, distance, parting_pairs
from conflictscope.stats.tallies import Tallies, tally_trials

VALUES = ("a", "b", "c")


def tallies(rows: dict[str, list[str]], pair: tuple[str, str] = ("a", "b")) -> Tallies:
    """Of each scenario its choices: 1, 2 or 0 (neither)."""
    words = {"1": "value_1", "2": "value_2", "0": "neither"}
    trials = [(name, *pair, words[choice]) for name, choices in rows.items() for choice in choices]
    return tally_trials(*zip(*trials, strict=True), values=VALUES)


def test_it_is_how_often_the_llm_does_what_a_person_would_not():
    """s1: 2 of 3 people say 1, the llm does 1: apart 1/3. s2: all say 2, of two trials one is 1: 1/2. s3 and s4: one of both lacks."""
    people = tallies({"s1": list("112"), "s2": list("222"), "s3": list("000"), "s4": list("1")})
    llm = tallies({"s1": ["1"], "s2": list("12"), "s3": ["1"], "s5": ["1"]})
    found = distance(people, llm)
    assert found.value == pytest.approx((1 / 3 + 1 / 2) / 2)
    assert found.n == 2
    assert distance(people, tallies({"s9": ["1"]})).reason.startswith("no scenario")


def test_people_stand_as_far_from_each_other_as_two_of_them_differ():
    """112: of three twosomes two differ. 222: none. One answer alone says nothing."""
    found = among_people(tallies({"s1": list("112"), "s2": list("2220"), "s3": ["1"]}))
    assert (found.value, found.n) == (pytest.approx(1 / 3), 2)
    assert not among_people(tallies({"s3": ["1"]})).defined


def test_with_labels_on_everything_the_correction_is_what_people_decided(rng):
    """The judge sees the opposite of what was done: corrected by labels on all, nothing of that is left."""
    names = [f"s{n}" for n in range(40)]
    should = tallies({name: ["1"] for name in names})
    did = tallies({name: ["1" if n % 4 else "2"] for n, name in enumerate(names)})
    judge = tallies({name: ["2" if n % 4 else "1"] for n, name in enumerate(names)})
    assert distance(should, judge).value == pytest.approx(0.75)
    found = corrected_distance(should, judge, did, np.ones(40, dtype=bool))
    assert (found.value, found.n) == (pytest.approx(0.25), 40)
    half = corrected_distance(should, judge, did, np.arange(40) % 2 == 0)
    assert half.n == 20
    assert half.low < 0.5 < half.high  # every other of them: 10 of 20
    with pytest.raises(ValueError, match="one entry"):
        corrected_distance(should, judge, did, np.ones(3, dtype=bool))
    assert not corrected_distance(should, judge, did, np.zeros(40, dtype=bool)).defined


def test_pairs_say_where_they_part():
    """Of a or b people choose a always, two llms in half; of a or c all choose a."""
    names = [f"s{n}" for n in range(30)]
    people = {
        pair: tallies({f"{pair[1]}{name}": list("11") for name in names}, pair) for pair in (("a", "b"), ("a", "c"))
    }

    def together(parts: list[Tallies]) -> Tallies:
        rows = [
            (
                name,
                part.values[part.pairs[0][0]],
                part.values[part.pairs[0][1]],
                "value_1" if k < part.wins[s] else "value_2",
            )
            for part in parts
            for s, name in enumerate(part.scenarios)
            for k in range(int(part.trials[s]))
        ]
        return tally_trials(*zip(*rows, strict=True), values=VALUES)

    should = together(list(people.values()))
    does = [
        together(
            [
                tallies({f"b{name}": ["1" if (n + k) % 2 else "2"] for n, name in enumerate(names)}, ("a", "b")),
                tallies({f"c{name}": ["1"] for name in names}, ("a", "c")),
            ]
        )
        for k in range(2)
    ]
    ab, ac = parting_pairs(should, does[:1])
    assert (ab.value_1, ab.value_2, ab.people.value) == ("a", "b", 1.0)
    assert ab.difference.value == pytest.approx(-0.5)
    assert ab.difference.high < -0.3
    assert (ac.difference.value, ac.difference.low) == (0.0, None)
    assert "no interval" in ac.difference.warning
    both = parting_pairs(should, does)[0]
    assert (both.difference.value, both.llms) == (-0.5, 2)
    with pytest.raises(ValueError, match="an llm"):
        parting_pairs(should, [])


def test_intervals_hold_the_truth(rng):
    """Three people a scenario and one trial; scenarios differ by one logit for both. The truth is a long simulation's."""
    pairs = list(combinations(VALUES, 2))

    def drawn(size: int, answers: int) -> tuple[Tallies, Tallies]:
        own = rng.normal(size=(3, size))
        chance = 1 / (1 + np.exp(-(own + np.array([[0.5], [0.0], [-0.8]]))))
        tables = []
        for times, shift in ((answers, chance), (1, 1 - 0.7 * chance)):
            won = rng.random((times, 3, size)) < shift
            rows = [
                (f"{p}-{s}", *pairs[p], "value_1" if won[t, p, s] else "value_2")
                for p in range(3) for s in range(size) for t in range(times)
            ]  # fmt: skip
            tables.append(tally_trials(*zip(*rows, strict=True), values=VALUES))
        return tables[0], tables[1]

    truth = distance(*drawn(6000, 3)).value
    hits = sum((found := distance(*drawn(15, 3))).low <= truth <= found.high for _ in range(300))
    assert 0.915 <= hits / 300 <= 0.99
