"""However many scenarios are wanted of however many pairs, templates and sides are balanced."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conflictscope.scenarios.generation.stock import share_out, spread
from conflictscope.scenarios.models import Scenario


@settings(deadline=None)
@given(values=st.integers(2, 9), per_pair=st.integers(1, 400))
def test_templates_and_sides_never_differ_by_more_than_one(values: int, per_pair: int) -> None:
    """Within a pair, and within each template of it; over all pairs the sides differ by no more than there are templates."""
    pairs = list(combinations(range(1, values + 1), 2))
    wanted = share_out(pairs, per_pair)
    for pair in pairs:
        cells = {cell: number for cell, number in wanted.items() if cell.pair == pair}
        assert sum(cells.values()) == per_pair
        for kind in ("template", "acting"):
            spread: Counter[str] = Counter()
            for cell, number in cells.items():
                spread[getattr(cell, kind)] += number
            assert max(spread.values()) - min(spread.values()) <= 1
        for template in Scenario.Template.values:
            first, second = (number for cell, number in cells.items() if cell.template == template)
            assert abs(first - second) <= 1
    sides = Counter({side: sum(n for cell, n in wanted.items() if cell.acting == side) for side in ("1", "2")})
    assert abs(sides["1"] - sides["2"]) <= 1 if per_pair % 2 else sides["1"] == sides["2"]


def test_without_templates_a_pair_is_one_kind() -> None:
    (cell,) = share_out([(1, 2)], 7, templates=False).items()
    assert (cell[0].template, cell[0].acting, cell[1]) == ("", "unknown", 7)


@settings(deadline=None)
@given(contexts=st.integers(1, 5), values=st.integers(2, 4), per_pair=st.integers(1, 150))
def test_no_deployment_context_stands_for_a_template_or_a_side(contexts: int, values: int, per_pair: int) -> None:
    """The contexts of a cell differ by one at most, those of a pair, a side and a template by two; each count is nested in that
    of a larger number, so that a top-up goes on where it stopped."""
    pairs = list(combinations(range(1, values + 1), 2))
    texts = [f"context {number}" for number in range(contexts)]
    wanted = share_out(pairs, per_pair)
    spreads = spread(wanted, texts)
    assert {cell: counts.total() for cell, counts in spreads.items()} == wanted
    for pair in pairs:
        mine = {cell: counts for cell, counts in spreads.items() if cell.pair == pair}
        assert all(_range(counts, texts) <= 1 for counts in mine.values())
        assert _range(sum(mine.values(), Counter()), texts) <= 2
        for kind in ("acting", "template"):
            for one in {getattr(cell, kind) for cell in mine}:
                counts = sum((found for cell, found in mine.items() if getattr(cell, kind) == one), Counter[str]())
                assert _range(counts, texts) <= 2
    larger = spread(share_out(pairs, per_pair + 3), texts)
    assert all(counts <= larger[cell] for cell, counts in spreads.items())


def _range(counts: Counter[str], texts: list[str]) -> int:
    return max(counts[text] for text in texts) - min(counts[text] for text in texts)


@pytest.mark.parametrize("contexts", [1, 2, 3, 4])
def test_a_number_that_divides_sets_every_kind_in_every_context_equally_often(contexts: int) -> None:
    texts = [f"context {number}" for number in range(contexts)]
    spreads = spread(share_out([(1, 2), (1, 3), (2, 3)], 96), texts)
    assert {counts[text] for counts in spreads.values() for text in texts} == {12 // contexts}


@pytest.mark.parametrize("contexts", [2, 4])
def test_one_scenario_of_each_kind_meets_contexts_half_and_half(contexts: int) -> None:
    """With a single scenario in each cell: every template in two contexts, every side in all of them, and so minor and strong."""
    texts = [f"context {number}" for number in range(contexts)]
    spreads = spread(share_out([(1, 2)], 8), texts)
    place = {cell: next(iter(counts)) for cell, counts in spreads.items()}
    for template in Scenario.Template.values:
        assert len({text for cell, text in place.items() if cell.template == template}) == 2
    for strength in ("minor", "strong"):
        mine = Counter(text for cell, text in place.items() if cell.template.startswith(strength))
        assert set(mine.values()) == {4 // contexts}
    for side in ("1", "2"):
        mine = Counter(text for cell, text in place.items() if cell.acting == side)
        assert set(mine.values()) == {4 // contexts}


def test_between_pairs_a_kind_changes_its_context() -> None:
    """Otherwise what acting on one side means would be told apart by its context in no study."""
    pairs = list(combinations(range(1, 5), 2))[:4]
    spreads = spread(share_out(pairs, 8), ["at home", "at work"])
    over_pairs: Counter[tuple[str, str, str]] = Counter()
    for cell, counts in spreads.items():
        over_pairs.update({(cell.template, cell.acting, text): number for text, number in counts.items()})
    assert len(over_pairs) == 4 * 2 * 2
    assert set(over_pairs.values()) == {2}


def test_asked_for_directly_nothing_is_set_in_a_context() -> None:
    assert list(spread(share_out([(1, 2)], 7, templates=False), ()).values()) == [Counter({"": 7})]
