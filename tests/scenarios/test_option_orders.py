"""A letter and a place on a scale lead back to the action they stood for, in either order."""

import pytest

from conflictscope.scenarios.option_orders import OptionOrder, action_behind, as_shown, letters, turned


def test_a_is_what_was_shown_first():
    assert as_shown(OptionOrder.ACTION_1_FIRST, "help", "decline") == ("help", "decline")
    assert as_shown(OptionOrder.ACTION_2_FIRST, "help", "decline") == ("decline", "help")
    assert letters(OptionOrder.ACTION_2_FIRST) == {"action_1": "B", "action_2": "A"}


@pytest.mark.parametrize("order", OptionOrder)
def test_letter_and_place_lead_back_to_the_action(order):
    assert {action_behind(letter, order): letter for letter in "AB"} == letters(order)
    assert [turned(turned(place, order), order) for place in range(1, 8)] == list(range(1, 8))


def test_the_middle_of_a_scale_stays_the_middle_and_its_ends_change_places():
    assert [turned(place, OptionOrder.ACTION_2_FIRST) for place in (1, 4, 7)] == [7, 4, 1]
