"""What only a browser can tell of the other pages."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, fits
from tests.factories.studies import StudyFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_on_a_phone_the_tab_of_the_page_is_in_sight(visitor: Callable[..., Page]) -> None:
    StudyFactory(slug="mine", created_by__username="ada")
    page = visitor("ada", viewport=PHONE)
    for path, tab in (("", "Overview"), ("rankings/", "Rankings"), ("jobs/", "Jobs")):
        page.goto(f"/studies/mine/{path}")
        expect(page.get_by_role("navigation", name="Study").get_by_role("link", name=tab)).to_be_in_viewport(ratio=1)
        assert fits(page)
