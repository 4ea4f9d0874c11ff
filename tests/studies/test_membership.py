"""Founding studies and who belongs to them."""

from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from conflictscope.errors import Conflict, InvalidInput, NotAllowed, NotFound
from conflictscope.studies.access import actions_of, study_for
from conflictscope.studies.membership import add_member, create_study, remove_member
from conflictscope.studies.models import Membership, Study
from conflictscope.studies.permissions import MAY, Action, Role
from tests.factories.studies import MembershipFactory, StudyFactory, UserFactory, founder, member

pytestmark = pytest.mark.django_db


def roles(study: Study) -> dict[str, str]:
    return dict(study.memberships.values_list("user__username", "role"))


def test_whoever_founds_a_study_owns_it():
    ada = founder(username="ada")
    study = create_study(name=" Honesty under pressure ", created_by=ada)
    assert (study.name, study.slug) == ("Honesty under pressure", "honesty-under-pressure")
    assert roles(study) == {"ada": "owner"}


@pytest.mark.parametrize(
    ("name", "slug", "says"),
    [
        ("", "", "needs a name"),
        ("価値", "", "cannot stand in an address"),
        ("Values", "My Values", "cannot stand in an address"),
        ("Values", "v" * 51, "at most 50"),
        ("New", "", "page of its own"),
    ],
)
def test_a_study_that_could_have_no_address_is_refused_and_nothing_is_stored(name, slug, says):
    with pytest.raises(InvalidInput, match=says):
        create_study(name=name, slug=slug, created_by=founder())
    assert not Study.objects.exists()


def test_a_slug_that_is_taken_is_refused_and_the_first_study_stays_as_it_was():
    first = StudyFactory(slug="hhh")
    with pytest.raises(Conflict, match="'hhh' already"):
        create_study(name="HHH", created_by=founder())
    assert list(Study.objects.values_list("pk", "created_by")) == [(first.pk, first.created_by_id)]
    assert Membership.objects.count() == 1


def test_adding_a_member_again_changes_their_role():
    study = StudyFactory()
    grace = UserFactory(username="grace")
    add_member(study, username="grace", role="annotator")
    add_member(study, username=" grace ", role="researcher")
    assert study.memberships.get(user=grace).role == Role.RESEARCHER


def test_an_unknown_role_or_person_is_named_in_the_refusal():
    study = StudyFactory()
    UserFactory(username="gone", is_active=False)
    with pytest.raises(InvalidInput, match=r"'boss'\. Roles: owner, researcher"):
        add_member(study, username=study.created_by.username, role="boss")
    for nobody in ("nobody", "gone"):
        with pytest.raises(NotFound, match=nobody):
            add_member(study, username=nobody, role="viewer")
    assert list(roles(study).values()) == ["owner"]


def test_a_study_never_loses_its_last_owner():
    study = StudyFactory(created_by__username="ada")
    with pytest.raises(Conflict, match="only owner"):
        add_member(study, username="ada", role="viewer")
    with pytest.raises(Conflict, match="only owner"):
        remove_member(study, username="ada")
    assert roles(study) == {"ada": "owner"}

    MembershipFactory(study=study, user__username="grace", role=Role.OWNER)
    remove_member(study, username="ada")
    assert roles(study) == {"grace": "owner"}


def test_removing_somebody_who_is_no_member_says_so():
    with pytest.raises(NotFound, match="ada is no member"):
        remove_member(StudyFactory(), username=UserFactory(username="ada").username)


@pytest.mark.parametrize("role", Role.values)
def test_study_for_opens_the_study_to_exactly_the_actions_of_the_role(role):
    study = StudyFactory()
    user = member(study, role)
    for action in Action:
        if action in MAY[Role(role)]:
            assert study_for(user, study.slug, may=action) == study
        else:
            with pytest.raises(Exception, match="not open to you"):
                study_for(user, study.slug, may=action)
    assert actions_of(user, study) == MAY[Role(role)]
    assert actions_of(UserFactory(), study) == frozenset()


def test_no_role_both_labels_and_sees_results():
    for allowed in MAY.values():
        assert Action.LABEL not in allowed or Action.SEE not in allowed


def test_commands_found_a_study_and_add_members(capsys):
    UserFactory(username="ada")
    UserFactory(username="grace")
    with pytest.raises(CommandError, match="let_create_studies ada"):
        call_command("create_study", "Helpful or honest", "--owner", "ada", "--slug", "hh")
    call_command("let_create_studies", "ada")
    call_command("create_study", "Helpful or honest", "--owner", "ada", "--slug", "hh")
    call_command("add_member", "grace", "--study", "hh", "--role", "annotator")
    assert roles(Study.objects.get(slug="hh")) == {"ada": "owner", "grace": "annotator"}
    assert capsys.readouterr().out.splitlines() == [
        "ada may create studies.",
        "Study 'Helpful or honest' stands: --study hh, owned by ada.",
        "grace is annotator of 'Helpful or honest'.",
    ]


def test_the_right_to_create_studies_is_taken_away_and_the_studies_stay():
    ada = founder(username="ada")
    study = create_study(name="First", created_by=ada)
    call_command("let_create_studies", "ada", "--withdraw", stdout=StringIO())
    with pytest.raises(NotAllowed, match="ada may not create studies"):
        create_study(name="Second", created_by=User.objects.get(pk=ada.pk))
    assert roles(study) == {"ada": "owner"}


def test_administrators_create_studies_and_whoever_owns_one_by_invitation_does_not():
    create_study(name="By a superuser", created_by=UserFactory(is_superuser=True))
    owner = member(StudyFactory(), Role.OWNER)
    with pytest.raises(NotAllowed):
        create_study(name="By an owner", created_by=owner)


def make_account(monkeypatch, username, password):
    monkeypatch.setattr("sys.stdin", StringIO(f"{password}\n"))
    call_command("create_account", username, verbosity=0, stdout=StringIO())


def test_an_account_is_made_with_a_password_from_standard_input(monkeypatch):
    make_account(monkeypatch, "grace", "a quiet harbour at dusk")
    grace = User.objects.get(username="grace")
    assert grace.check_password("a quiet harbour at dusk")
    assert not grace.is_staff
    assert not grace.is_superuser


@pytest.mark.parametrize(
    ("username", "password", "says"),
    [
        ("grace", "short", "too short"),
        ("grace", "", "too short"),
        ("gr ace", "a quiet harbour at dusk", "valid username"),
        ("ada", "a quiet harbour at dusk", "Somebody has the username 'ada'"),
    ],
)
def test_an_account_that_will_not_do_is_refused_in_words(monkeypatch, username, password, says):
    UserFactory(username="ada")
    with pytest.raises(CommandError, match=says):
        make_account(monkeypatch, username, password)
    assert User.objects.count() == 1


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["create_study", "X", "--owner", "nobody"], "Nobody has the username 'nobody'"),
        (["add_member", "ada", "--study", "none", "--role", "viewer"], "There is no study 'none'. Studies: hh."),
        (["add_member", "ada", "--study", "hh", "--role", "boss"], "There is no role 'boss'"),
    ],
)
def test_commands_refuse_bad_input_in_one_sentence(command, says):
    study = StudyFactory(slug="hh", created_by__username="ada")
    with pytest.raises(CommandError, match=says):
        call_command(*command)
    assert Study.objects.count() == 1
    assert roles(study) == {"ada": "owner"}
