"""Logging in, a forgotten password, an address to confirm; and how often one may try, over all web processes."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client
from django.urls import reverse

from tests.factories.studies import PASSWORD, UserFactory
from tests.processes import environment

pytestmark = pytest.mark.django_db

LOGIN = reverse("login")


def log_in(client: Client, name: str, password: str = PASSWORD) -> str:
    """What came of it: "in", or what the page says."""
    reply = client.post(LOGIN, {"login": name, "password": password})
    return "in" if reply.status_code == 302 else reply.content.decode()


def test_one_logs_in_by_name_or_address(client: Client) -> None:
    user = UserFactory(username="ada", email="ada@example.org")
    user.emailaddress_set.create(email="ada@example.org", primary=True, verified=True)
    for name in ("ada", "ada@example.org"):
        assert log_in(Client(), name) == "in"
    assert "not correct" in log_in(client, "ada", "wrong")


def test_a_page_asked_for_before_logging_in_comes_after_it_and_no_other_server_does(client: Client) -> None:
    UserFactory(username="ada")
    asked = client.get("/value-sets/")["Location"]
    assert (
        client.post(asked, {"login": "ada", "password": PASSWORD, "next": "/value-sets/"})["Location"] == "/value-sets/"
    )
    reply = Client().post(LOGIN, {"login": "ada", "password": PASSWORD, "next": "https://elsewhere.example/"})
    assert reply["Location"] == "/"


def test_after_five_wrong_passwords_the_account_is_not_asked_any_more(client: Client) -> None:
    """The right one included; another account is."""
    UserFactory(username="ada")
    UserFactory(username="ben")
    for _ in range(5):
        assert "not correct" in log_in(Client(), "ada", "wrong")
    assert "Too many failed login attempts" in log_in(client, "ada")
    assert log_in(client, "ben") == "in"


def test_the_admin_sends_whoever_comes_to_the_same_login(client: Client) -> None:
    assert client.get("/admin/login/")["Location"].startswith(LOGIN)
    client.force_login(UserFactory())
    assert client.get("/admin/login/").status_code == 403


def test_a_forgotten_password_is_chosen_anew_by_mail(client: Client) -> None:
    user = UserFactory(username="ada", email="ada@example.org")
    user.emailaddress_set.create(email="ada@example.org", primary=True, verified=True)
    page = client.post(reverse("account_reset_password"), {"email": "ada@example.org"}, follow=True).content.decode()
    assert "Look into your mail" in page
    # A stranger's address is answered alike, so that nobody learns who has an account.
    other = client.post(reverse("account_reset_password"), {"email": "no@example.org"}, follow=True).content.decode()
    assert page.split("<main")[1] == other.split("<main")[1]
    link = re.search(r"http://testserver(/\S+)", mail.outbox[0].body)
    assert link is not None
    form = client.get(link[1], follow=True)
    new = {"password1": "wet-paper-lamp-9", "password2": "wet-paper-lamp-9"}
    assert "is changed" in client.post(form.request["PATH_INFO"], new, follow=True).content.decode()
    assert log_in(client, "ada", "wet-paper-lamp-9") == "in"
    assert "This link is over" in Client().get(link[1], follow=True).content.decode()


def test_an_address_counts_once_it_is_confirmed(client: Client) -> None:
    client.force_login(UserFactory(username="ada"))
    page = client.post(
        reverse("account_email"), {"action_add": "", "email": "ada@example.org"}, follow=True
    ).content.decode()
    assert "waits for you to confirm it" in page
    link = re.search(r"http://testserver(/\S+)", mail.outbox[0].body)
    assert link is not None
    assert "Is this your address?" in client.get(link[1]).content.decode()
    client.post(link[1])
    assert User.objects.get().email == "ada@example.org"
    assert "not confirmed" not in client.get(reverse("accounts:account")).content.decode()


@pytest.mark.backends
@pytest.mark.django_db(transaction=True)
def test_two_processes_together_allow_no_more_tries_than_one() -> None:
    """Five tries at one account, four at each of two web processes at once: five are asked for, three refused."""
    UserFactory(username="ada")
    run = subprocess.run(
        [sys.executable, "-m", "tests.accounts.guessing", "ada", "4"],
        cwd=settings.BASE_DIR,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    assert sorted(run.stdout.split()) == ["asked"] * 5 + ["refused"] * 3
