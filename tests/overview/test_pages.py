"""What a person meets on the pages that belong to no single room, above all when something goes wrong."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from conflictscope.studies.membership import let_create_studies
from conflictscope.studies.models import Membership, Study
from tests.factories.studies import StudyFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def study() -> Study:
    return StudyFactory(slug="mine", name="Mine", created_by__username="ada")


@pytest.fixture
def ada(study: Study, client: Client) -> Client:
    let_create_studies(study.created_by)
    client.force_login(study.created_by)
    return client


def test_an_address_that_only_takes_forms_says_so_instead_of_showing_nothing(ada: Client, study: Study) -> None:
    url = reverse("overview:remove_member", args=[study.slug])
    response = ada.get(url)
    assert (response.status_code, response["Allow"]) == (405, "POST")
    assert "Nothing was changed" in response.content.decode()
    assert response.content.decode().count("<html") == 1

    fragment = ada.get(url, headers={"HX-Request": "true"})
    assert fragment.status_code == 405
    assert "<html" not in fragment.content.decode()


def test_the_only_owner_is_told_on_the_page_of_members_why_they_cannot_go(ada: Client, study: Study) -> None:
    url = reverse("overview:remove_member", args=[study.slug])
    response = ada.post(url, {"username": "ada"}, follow=True)
    assert response.redirect_chain == [(reverse("overview:members", args=[study.slug]), 302)]
    assert "ada is the only owner of Mine: make somebody else an owner first." in response.content.decode()
    assert Membership.objects.filter(study=study).count() == 1


def test_a_member_who_is_removed_is_gone_and_named(ada: Client, study: Study) -> None:
    Membership.objects.create(study=study, user=UserFactory(username="grace"), role="viewer")
    response = ada.post(reverse("overview:remove_member", args=[study.slug]), {"username": "grace"}, follow=True)
    assert "grace is no member any more" in response.content.decode()
    assert [one.user.username for one in study.memberships.all()] == ["ada"]


@pytest.mark.parametrize(
    ("url_name", "given", "says"),
    [
        ("overview:create_study", {"name": "Another", "slug": "mine"}, "There is a study with the short name"),
        ("overview:create_study", {}, "This field is required."),
        ("overview:members", {"username": "nobody", "role": "viewer"}, "Nobody has the username"),
    ],
)
def test_a_form_with_a_mistake_comes_back_with_a_sentence_and_stores_nothing(
    ada: Client, study: Study, url_name: str, given: dict[str, str], says: str
) -> None:
    args = [study.slug] if url_name == "overview:members" else []
    response = ada.post(reverse(url_name, args=args), given)
    assert response.status_code == 400
    assert says in response.content.decode()
    assert (Study.objects.count(), Membership.objects.count()) == (1, 1)


def test_a_form_that_came_too_late_leads_to_the_login_but_not_back_to_an_address_for_forms(study: Study) -> None:
    visitor = Client(enforce_csrf_checks=True)
    refused = visitor.post(reverse("overview:remove_member", args=[study.slug]), {"username": "ada"})
    assert refused.status_code == 403
    said = refused.content.decode()
    assert "This form is out of date" in said
    assert f'class="button button-primary" href="{reverse("login")}"' in said
