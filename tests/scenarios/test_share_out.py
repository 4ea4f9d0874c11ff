"""However many scenarios are wanted of however many pairs, templates and sides are balanced."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from conflictscope.scenarios.generation.stock import share_out
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
