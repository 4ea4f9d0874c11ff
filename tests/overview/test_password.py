"""People change their password themselves."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from tests.factories.studies import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db

NEW = "a quiet harbour at dusk"


def form(old: str, new: str, again: str | None = None) -> dict[str, str]:
    return {"old_password": old, "new_password1": new, "new_password2": again or new}


def test_a_password_is_changed_and_other_sessions_end() -> None:
    ada, here, elsewhere = UserFactory(), Client(), Client()
    for client in (here, elsewhere):
        client.force_login(ada)
    response = here.post(reverse("password_change"), form(PASSWORD, NEW), follow=True)
    assert "Your password is changed" in response.text
    ada.refresh_from_db()
    assert ada.check_password(NEW)
    assert here.get("/").status_code == 200
    assert elsewhere.get("/").status_code == 302


@pytest.mark.parametrize(
    "given",
    [form("another", NEW), form(PASSWORD, "short"), form(PASSWORD, NEW, "otherwise"), form(PASSWORD, "12345678")],
)
def test_what_will_not_do_is_refused_and_the_old_one_stays(client: Client, given: dict[str, str]) -> None:
    ada = UserFactory()
    client.force_login(ada)
    response = client.post(reverse("password_change"), given)
    assert "field-error" in response.text or "error" in response.text
    ada.refresh_from_db()
    assert ada.check_password(PASSWORD)
