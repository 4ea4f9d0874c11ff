"""Every address of the project, asked for by everyone: the table of permissions holds, nothing breaks, nothing is inline.

The addresses come from the resolver, so a page that somebody adds is asked for, too. It needs an entry in `OPEN_TO`, and a
value in the fixture `whole` for each part of its path that has a new name; the first test says which are missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from annotation.crowd.recruiting import let_in, recruitment_of, write_consent
from annotation.models import AgreementSnapshot, Assignment, Campaign, Flag, FlagReply
from conflictscope.accounts.models import Invitation
from conflictscope.jobs.models import Job
from conflictscope.scenarios.filtering.verdicts import make_primary
from conflictscope.scenarios.generation.recipe import DatasetRecipe, open_dataset
from conflictscope.scenarios.importing.staging import stage
from conflictscope.scenarios.models import Import, Scenario, Trial
from conflictscope.studies.permissions import MAY, SET_MAY, Action, Role, SetAction, SetRole
from conflictscope.values.access import set_role
from conflictscope.values.drafting import start_version
from conflictscope.values.together.proposing import Wish, propose
from evaluation.models import Run
from evaluation.rankings.fitting import fit_dataset
from evaluation.rankings.shifts import SaidAndDone, compare
from evaluation.steering.creating import create_steering
from tests.evaluation.rankings.test_ranking import scenarios_for
from tests.factories.annotation import CampaignFactory, ItemFactory, ParticipantFactory, labelled
from tests.factories.evaluation import RatingFactory, RunFactory, TargetFactory, answered
from tests.factories.llm import EndpointFactory
from tests.factories.scenarios import JudgeFactory
from tests.factories.studies import StudyFactory, UserFactory, administrator, founder, member
from tests.factories.values import ValueSetVersionFactory
from tests.factories.whole import grow, validate

# Who may open what: an action that the role must allow, or one of these.
ANYBODY = "anybody"  # without logging in
LOGGED_IN = "logged in"  # whoever has an account
ADMINISTRATORS = "administrators"  # to everybody else it does not exist
FOUNDERS = "may create studies"  # a permission of a person, not of a role
MEMBERS = "members of the study"  # whatever their role
GUESTS = "guests of the campaign"  # to everybody else it does not exist; tests/annotation/labelling/test_guests.py asks as one
SOMEWHERE = "runs a pipeline somewhere"  # belongs to no study; who runs a pipeline in any may

OPEN_TO: dict[str, Action | SetAction | str] = {
    "login": ANYBODY,
    "logout": LOGGED_IN,
    "password_change": LOGGED_IN,
    "account_login": ANYBODY,
    "account_logout": LOGGED_IN,
    "account_change_password": LOGGED_IN,
    "account_signup": ANYBODY,  # says that it is by invitation
    "account_inactive": ANYBODY,
    "account_email": LOGGED_IN,
    "account_email_verification_sent": ANYBODY,
    "account_confirm_email": ANYBODY,
    "account_reset_password": ANYBODY,
    "account_reset_password_done": ANYBODY,
    "account_reset_password_from_key": ANYBODY,
    "account_reset_password_from_key_done": ANYBODY,
    "accounts:account": LOGGED_IN,
    "accounts:wish": LOGGED_IN,
    "accounts:invitation": ANYBODY,
    "accounts:accept": LOGGED_IN,
    "overview:password_changed": LOGGED_IN,
    "schema": ANYBODY,
    "overview:home": LOGGED_IN,
    "overview:api": LOGGED_IN,
    "overview:create_study": FOUNDERS,
    "overview:endpoint_studies": ADMINISTRATORS,
    "overview:study": Action.SEE,
    "overview:members": Action.MANAGE,
    "overview:remove_member": Action.MANAGE,
    "overview:invite": Action.MANAGE,
    "overview:revoke_invitation": Action.MANAGE,
    "overview:hand_over": Action.MANAGE,
    "overview:leave_study": MEMBERS,
    "llm:endpoints": ADMINISTRATORS,
    "llm:create_endpoint": ADMINISTRATORS,
    "llm:endpoint": ADMINISTRATORS,
    "llm:edit_endpoint": ADMINISTRATORS,
    "llm:try_endpoint": ADMINISTRATORS,
    "jobs:jobs": Action.SEE,
    "jobs:job": Action.SEE,
    "jobs:row": Action.SEE,
    "jobs:usage": Action.SEE,
    "jobs:spending": Action.SEE,
    "jobs:workers": Action.SEE,
    "jobs:pause": Action.RUN_PIPELINE,
    "jobs:resume": Action.RUN_PIPELINE,
    "jobs:budget": Action.RUN_PIPELINE,
    "jobs:cancel": Action.RUN_PIPELINE,
    "jobs:retry": Action.RUN_PIPELINE,
    "values:value_sets": LOGGED_IN,
    "values:value_set": LOGGED_IN,
    "values:import_value_set": SOMEWHERE,
    "values:new_value_set": LOGGED_IN,
    "values:version": LOGGED_IN,
    "values:version_file": LOGGED_IN,
    "values:compare": LOGGED_IN,
    "values:fork": LOGGED_IN,
    "values:history": SetAction.SEE,
    "values:draft": SetAction.SEE,
    "values:start_version": SetAction.STEWARD,
    "values:paste": SetAction.STEWARD,
    "values:publish": SetAction.STEWARD,
    "values:discard": SetAction.STEWARD,
    "values:retire": SetAction.STEWARD,
    "values:proposals": SetAction.SEE,
    "values:speak": SetAction.PROPOSE,
    "values:accept": SetAction.STEWARD,
    "values:decline": SetAction.STEWARD,
    "values:withdraw": SetAction.PROPOSE,
    "values:members": SetAction.SEE,
    "values:remove_member": SetAction.STEWARD,
    "values:answer": SetAction.PROPOSE,
    "values:new_order": SetAction.PROPOSE,
    "api-value-sets": LOGGED_IN,
    "api-value-set-import": SOMEWHERE,
    "api-value-set": LOGGED_IN,
    "api-value-set-differences": LOGGED_IN,
    "api-value-set-history": SetAction.SEE,
    "api-value-set-versions": LOGGED_IN,
    "api-value-set-version": LOGGED_IN,
    "api-value-set-fork": LOGGED_IN,
    "api-value-set-retire": SetAction.STEWARD,
    "api-value-set-orders": LOGGED_IN,
    "api-value-set-file": LOGGED_IN,
    "api-value-set-draft": SetAction.SEE,
    "api-value-set-paste": SetAction.STEWARD,
    "api-value-set-publish": SetAction.STEWARD,
    "api-value-set-proposals": SetAction.SEE,
    "api-value-set-proposal": SetAction.SEE,
    "api-value-set-voices": SetAction.PROPOSE,
    "api-value-set-decision": SetAction.PROPOSE,
    "api-value-set-members": SetAction.SEE,
    "api-value-set-member": SetAction.STEWARD,
    "api-value-set-answer": SetAction.PROPOSE,
    "api-value-set-trial": SetAction.SEE,
    "scenarios:value_set_uses": LOGGED_IN,
    "scenarios:try_value_set": SetAction.PROPOSE,
    "scenarios:value_set_trial": SetAction.SEE,
    "scenarios:value_set_likeness": SetAction.SEE,
    "scenarios:datasets": Action.SEE,
    "scenarios:new_dataset": Action.RUN_PIPELINE,
    "scenarios:import_dataset": Action.RUN_PIPELINE,
    "scenarios:import_upload": Action.RUN_PIPELINE,
    "scenarios:give_up_upload": Action.RUN_PIPELINE,
    "scenarios:import_bad_rows": Action.RUN_PIPELINE,
    "scenarios:dataset": Action.SEE,
    "scenarios:dataset_live": Action.SEE,
    "scenarios:hide_dataset": Action.RUN_PIPELINE,
    "scenarios:take_back_import": Action.RUN_PIPELINE,
    "scenarios:generate": Action.RUN_PIPELINE,
    "scenarios:filter": Action.RUN_PIPELINE,
    "scenarios:tag_domains": Action.RUN_PIPELINE,
    "scenarios:set_domains": Action.RUN_PIPELINE,
    "scenarios:set_domain": Action.RUN_PIPELINE,
    "scenarios:duplicates": Action.SEE,
    "scenarios:duplicates_chart": Action.SEE,
    "scenarios:results": Action.SEE,
    "scenarios:primary_judge": Action.RUN_PIPELINE,
    "scenarios:rates_chart": Action.SEE,
    "scenarios:funnel_chart": Action.SEE,
    "scenarios:dedup": Action.RUN_PIPELINE,
    "scenarios:prompts": Action.RUN_PIPELINE,
    "scenarios:prompt": Action.RUN_PIPELINE,
    "scenarios:scenario": Action.SEE,
    "api-datasets": Action.SEE,
    "api-dataset": Action.SEE,
    "api-scenarios": Action.SEE,
    "api-scenario": Action.SEE,
    "overview:report": Action.SEE,
    "overview:report_table": Action.SEE,
    "overview:report_figure": Action.SEE,
    "evaluation:value_set_orders": LOGGED_IN,
    "evaluation:preview_order": SetAction.PROPOSE,
    "evaluation:runs": Action.SEE,
    "evaluation:run": Action.SEE,
    "evaluation:ask_missing": Action.RUN_PIPELINE,
    "evaluation:top_up": Action.RUN_PIPELINE,
    "evaluation:rankings": Action.SEE,
    "evaluation:import_evaluations": Action.RUN_PIPELINE,
    "evaluation:import_upload": Action.RUN_PIPELINE,
    "evaluation:give_up_upload": Action.RUN_PIPELINE,
    "evaluation:import_bad_rows": Action.RUN_PIPELINE,
    "evaluation:response": Action.SEE,
    "evaluation:answers": Action.SEE,
    "evaluation:answers_to": Action.SEE,
    "evaluation:steerings": Action.SEE,
    "evaluation:create_steering": Action.RUN_PIPELINE,
    "evaluation:preview_steering": Action.RUN_PIPELINE,
    "evaluation:work_out_steering": Action.RUN_PIPELINE,
    "evaluation:steering": Action.SEE,
    "evaluation:remove_steering": Action.RUN_PIPELINE,
    "evaluation:ranking_snapshot": Action.SEE,
    "evaluation:comparison_snapshot": Action.SEE,
    "evaluation:ways": Action.SEE,
    "evaluation:ways_table": Action.SEE,
    "evaluation:compare": Action.SEE,
    "evaluation:compare_chart": Action.SEE,
    "evaluation:alike": Action.SEE,
    "evaluation:alike_chart": Action.SEE,
    "evaluation:compare_datasets": Action.SEE,
    "evaluation:compare_datasets_csv": Action.SEE,
    "evaluation:slope_chart": Action.SEE,
    "evaluation:ablation_table": Action.SEE,
    "evaluation:ablation_chart": Action.SEE,
    "evaluation:embed_descriptions": Action.RUN_PIPELINE,
    "evaluation:evaluate": Action.RUN_PIPELINE,
    "evaluation:fit_rankings": Action.RUN_PIPELINE,
    "evaluation:rankings_chart": Action.SEE,
    "evaluation:target_rankings": Action.SEE,
    "evaluation:target_chart": Action.SEE,
    "evaluation:value_rankings": Action.SEE,
    "evaluation:value_chart": Action.SEE,
    "evaluation:measures": Action.SEE,
    "evaluation:scenario_responses": Action.SEE,
    "api-runs": Action.SEE,
    "api-run": Action.SEE,
    "api-responses": Action.SEE,
    "api-rankings": Action.SEE,
    "api-ranking": Action.SEE,
    "api-steerings": Action.SEE,
    "api-steering": Action.SEE,
    "api-comparisons": Action.SEE,
    "api-comparison": Action.SEE,
    "api-report": Action.SEE,
    "annotation:label": Action.LABEL,
    "annotation:guideline": Action.LABEL,
    "annotation:label_start": Action.LABEL,
    "annotation:my_work": LOGGED_IN,
    "annotation:label_hand_back": Action.LABEL,
    "annotation:label_peek": Action.LABEL,
    "annotation:join": ANYBODY,
    "annotation:label_over": GUESTS,
    "annotation:label_stop": GUESTS,
    "annotation:recruit": Action.SEE,
    "annotation:payments": Action.RUN_PIPELINE,
    "annotation:label_submitted": Action.LABEL,
    "annotation:label_edit": Action.LABEL,
    "annotation:label_answers": Action.LABEL,
    "annotation:label_submit": Action.LABEL,
    "annotation:label_skip": Action.LABEL,
    "annotation:label_undo_skip": Action.LABEL,
    "annotation:label_flag": Action.LABEL,
    "api-campaigns": LOGGED_IN,
    "api-guideline": Action.LABEL,
    "api-consent": Action.LABEL,
    "api-next": Action.LABEL,
    "api-peek": Action.LABEL,
    "api-progress": Action.LABEL,
    "api-annotations": Action.EXPORT,
    "api-community": Action.SEE,
    "api-decide": Action.ADJUDICATE,
    "api-assignment": Action.LABEL,
    "api-heartbeat": Action.LABEL,
    "api-skip": Action.LABEL,
    "api-flag": Action.LABEL,
    "annotation:label_heartbeat": Action.LABEL,
    "annotation:label_latest": Action.LABEL,
    "annotation:campaigns": Action.SEE,
    "annotation:more_labels": Action.SEE,
    "annotation:community": Action.SEE,
    "annotation:community_chart": Action.SEE,
    "annotation:community_table": Action.SEE,
    "annotation:add_labels": Action.RUN_PIPELINE,
    "annotation:create_campaign": Action.RUN_PIPELINE,
    "annotation:precision": Action.RUN_PIPELINE,
    "annotation:preview_guideline": Action.RUN_PIPELINE,
    "annotation:campaign": Action.SEE,
    "annotation:so_far": Action.SEE,
    "annotation:ties": Action.SEE,
    "annotation:item": Action.SEE,
    "annotation:settle_item": Action.ADJUDICATE,
    "annotation:people": Action.SEE,
    "annotation:person": Action.SEE,
    "annotation:exclude_person": Action.RUN_PIPELINE,
    "annotation:include_person": Action.RUN_PIPELINE,
    "annotation:rules": Action.RUN_PIPELINE,
    "annotation:save_rules": Action.RUN_PIPELINE,
    "annotation:add_known": Action.RUN_PIPELINE,
    "annotation:add_checks": Action.RUN_PIPELINE,
    "annotation:consensus": Action.SEE,
    "annotation:soft_labels": Action.EXPORT,
    "annotation:adjudications": LOGGED_IN,
    "annotation:adjudication": Action.ADJUDICATE,
    "annotation:assign_items": Action.ADJUDICATE,
    "annotation:adjudicate": Action.ADJUDICATE,
    "annotation:adjudicate_settle": Action.ADJUDICATE,
    "annotation:adjudicate_reopen": Action.ADJUDICATE,
    "annotation:look_at_machines": Action.ADJUDICATE,
    "annotation:flags": Action.SEE,
    "annotation:reply_to_flag": Action.RUN_PIPELINE,
    "annotation:resolve_flag": Action.RUN_PIPELINE,
    "annotation:label_reply": Action.LABEL,
    "annotation:label_later": Action.LABEL,
    "annotation:preview": Action.SEE,
    "annotation:preview_item": Action.SEE,
    "annotation:pause_campaign": Action.RUN_PIPELINE,
    "annotation:extend_campaign": Action.RUN_PIPELINE,
    "annotation:open_campaign": Action.RUN_PIPELINE,
    "annotation:close_campaign": Action.RUN_PIPELINE,
    "annotation:add_guideline": Action.RUN_PIPELINE,
    "annotation:decide_campaign": Action.ADJUDICATE,
    "annotation:agreement": Action.SEE,
    "annotation:agreement_chart": Action.SEE,
    "annotation:agreement_items": Action.SEE,
    "annotation:passports": Action.SEE,
    "annotation:passport": Action.SEE,
    "annotation:passport_chart": Action.SEE,
    "annotation:tune": Action.RUN_PIPELINE,
    "annotation:report": Action.SEE,
    "annotation:report_chart": Action.SEE,
    "annotation:report_table": Action.SEE,
    "annotation:keep_snapshot": Action.RUN_PIPELINE,
    "annotation:agreement_snapshot": Action.SEE,
    "annotation:snapshot_table": Action.SEE,
    "annotation:width": Action.RUN_PIPELINE,
    "annotation:ask_again": Action.RUN_PIPELINE,
    "annotation:open_sealed": Action.RUN_PIPELINE,
    "annotation:split_campaign": Action.RUN_PIPELINE,
    "annotation:scenario_labels": Action.SEE,
    "exports:exports": Action.EXPORT,
    "exports:download": Action.EXPORT,
}
# What sending a form asks for, where reading the page asks for less.
TO_SEND: dict[str, Action | SetAction] = {
    "annotation:recruit": Action.RUN_PIPELINE,
    "values:draft": SetAction.STEWARD,
    "values:proposals": SetAction.PROPOSE,
    "values:members": SetAction.STEWARD,
    "api-value-set-versions": SetAction.STEWARD,
    "api-value-set-orders": SetAction.PROPOSE,
    "api-value-set-proposals": SetAction.PROPOSE,
    "api-value-set-members": SetAction.STEWARD,
    "api-value-set-trial": SetAction.PROPOSE,
}
# What an address must be asked with to show or do anything.
QUERIES = {"exports:download": {"dataset": "hhh", "format": "csv"}}
BODIES = {
    "annotation:settle_item": {"realism": "yes", "reason": "Read again."},
    "annotation:adjudicate_settle": {"realism": "yes", "reason": "Read again."},
    "annotation:reply_to_flag": {"text": "Which part?"},
    "annotation:label_reply": {"text": "The second."},
    "annotation:exclude_person": {"reason": "Clicks."},
    "overview:remove_member": {"username": "the.viewer"},
    "overview:revoke_invitation": {"invitation": "1"},
}
BY_KEY = {"account_confirm_email"}  # sent a key that was in no mail, it answers 404 to everybody
LEAD_ON = {"login", "account_login", "account_signup", "overview:password_changed"}  # to where one wanted to go
FRAGMENTS = {"scenarios:dataset_live"}  # answer htmx only
STRANGER, VISITOR, ADMINISTRATOR, FOUNDER = "stranger", "visitor", "administrator", "founder"
PERSONS = [*Role, *SetRole, STRANGER, VISITOR, ADMINISTRATOR, FOUNDER]


@dataclass(frozen=True)
class Address:
    name: str
    parts: tuple[str, ...]

    @property
    def in_api(self) -> bool:
        return self.name.startswith("api-")


def addresses() -> list[Address]:
    """Every named address of the project; Django's own admin has its own tests."""

    def within(resolver: URLResolver, namespaces: tuple[str, ...], parts: tuple[str, ...]) -> Iterator[Address]:
        for pattern in resolver.url_patterns:
            known = (*parts, *pattern.pattern.converters)
            if isinstance(pattern, URLPattern):
                yield Address(":".join([*namespaces, pattern.name or str(pattern.pattern)]), known)
            elif pattern.namespace != "admin":
                yield from within(pattern, (*namespaces, *([pattern.namespace] if pattern.namespace else [])), known)

    return list(within(get_resolver(), (), ()))


@dataclass
class Whole:
    """A study with something on every page, and its people by role."""

    parts: dict[str, Any]
    people: dict[str, User] = field(default_factory=dict)


@pytest.fixture
def whole(db: None) -> Whole:
    study = StudyFactory(slug="mine")
    dataset = open_dataset(
        study,
        "hhh",
        DatasetRecipe(value_set=ValueSetVersionFactory(), generator=EndpointFactory(), per_pair=4),
        created_by=study.created_by,
    )
    make_primary(dataset, judge := JudgeFactory())
    scenario, near, *_ = grow(dataset, 6)
    validate(scenario)
    Scenario.objects.filter(pk=near.pk).update(nearest=scenario, similarity=0.5, position=1)
    more = scenarios_for(dataset, 6)
    for k in range(2):  # two targets whose orders can be compared
        talked = RunFactory(dataset=dataset, talks=True, target=TargetFactory(label=f"a-{k}"))
        for n, one in enumerate(more):
            answered(talked, one, "value_1" if (n + k) % 6 < 4 else "value_2")
        said = RunFactory(dataset=dataset, target=talked.target)  # both have been asked as well, and have rated
        for n, one in enumerate(more):
            answered(said, one, "value_1" if (n + k) % 6 < 3 else "value_2")
            RatingFactory(run=said, scenario=one)
    fit_dataset(dataset, replicates=100)
    assert dataset.value_set_version is not None
    fitted = fit_dataset(dataset, replicates=100)
    comparison, _ = compare(SaidAndDone(said, talked), replicates=100)
    people = {role.value: member(study, role) for role in Role}
    people |= {STRANGER: UserFactory(), ADMINISTRATOR: administrator(), FOUNDER: founder()}
    value_set = dataset.value_set_version.value_set
    for role in SetRole:
        people[role.value] = UserFactory()
        set_role(value_set, people[role.value], role)
    start_version(value_set, by=people[SetRole.STEWARD])
    tried = {"version": dataset.value_set_version, "edition": 1, "values": [], "pairs": []}
    Trial.objects.create(study=study, generator=dataset.generator, **tried)
    asked = Wish("reword", key=scenario.value_1.key, definition="In other words.")
    User.objects.filter(pk=people[Role.VIEWER].pk).update(username="the.viewer")
    campaign = CampaignFactory(study=study, dataset=dataset, slug="check", items=2)
    place = ParticipantFactory(campaign=campaign, user=people[Role.ANNOTATOR])
    other = ParticipantFactory(campaign=campaign)
    item = ItemFactory(campaign=campaign, scenario=scenario)
    mine = labelled(item, place)
    labelled(item, other, {"realism": "no"})
    people_say = CampaignFactory(study=study, dataset=dataset, slug="town", kind="preference")
    for one in more[:4]:
        labelled(ItemFactory(campaign=people_say, scenario=one), ParticipantFactory(campaign=people_say))
    job = Job.objects.create(
        study=study,
        title="Filter HHH",
        kind="scenarios.filter",
        state=Job.State.PAUSED,
        parameters={"dataset": dataset.pk},
    )
    parts = {
        "study": study.slug,
        "dataset": dataset.slug,
        "uid": scenario.uid,
        "value_set": value_set.slug,
        "run": (run := Run.objects.filter(dataset=dataset).first()).pk,
        "response": run.responses.first().pk,
        "target": said.target_id,
        "steering": create_steering(study, name="Kind", system_prompt="Be kind.").pk,
        "value": scenario.value_1.key,
        "table": "data",
        "part": "methods",
        "snapshot": fitted[0].ranking.pk,
        "comparison": comparison.pk,
        "figure": "strengths-hhh",
        "job": job.pk,
        "endpoint": dataset.generator.pk,
        "number": 1,
        "file": "values.json",
        "username": "the.viewer",
        "proposal": propose(value_set, asked, reason="Clearer.", by=people[SetRole.MEMBER]).pk,
        "campaign": campaign.slug,
        "campaign_id": campaign.pk,
        "people": people_say.slug,
        "community_id": people_say.pk,
        "distances": "distances",
        "token": mine.token,
        "pseudonym": other.pseudonym,
        "flag": replied_flag(mine, people[Role.OWNER]),
        "upload": stage(
            study,
            SimpleUploadedFile("rain.csv", b"scenario,a,b\nRain.,Go.,Stay.\nSnow.,Go.,\n"),
            options={"slug": "rain", "name": "", "format": "", "encoding": "", "value_set": None},
            created_by=people[Role.OWNER],
        ).token,
        "evaluations": stage(
            study,
            SimpleUploadedFile(
                "choices.csv", f"scenario,model,choice\n{scenario.uid},other,A\ngone,other,B\n".encode()
            ),
            options={"dataset": "hhh", "format": "", "encoding": ""},
            created_by=people[Role.OWNER],
            what="evaluations",
        ).token,
        "import_number": Import.objects.create(dataset=dataset, finished_at=timezone.now()).pk,
        "place": 1,
        "picture": "judges",
        "extract": "judges",
        "kept": AgreementSnapshot.objects.create(
            campaign=campaign,
            inputs_digest="0" * 64,
            code="1",
            results={
                "methods": "As it was.",
                "openings": [],
                "tables": [
                    {
                        "name": "judges",
                        "title": "Judges",
                        "columns": ["Judge"],
                        "rows": [["a"]],
                        "note": "",
                        "percent": [],
                    }
                ],
            },
        ).pk,
        "key": by_link(campaign),
        "uidb36": "a1",
        "item": item.pk,
        "dimension": "realism",
        "judge": judge.name,
        "prompt": "generation/outline",
    }
    return Whole(parts, people)


def replied_flag(assignment: Assignment, by: User) -> int:
    """The key of a flag to which those who run the study have replied."""
    flag = Flag.objects.create(assignment=assignment, reason="Torn.")
    FlagReply.objects.create(flag=flag, author=by, text="Where?")
    return int(flag.pk)


def by_link(campaign: Campaign) -> str:
    """The key of the campaign's link, which is open to whoever has it, and of an invitation."""
    write_consent(campaign, markdown="You will judge short texts.")
    let_in(campaign, Campaign.Access.LINK)
    key = recruitment_of(campaign).key
    ends = timezone.now() + timedelta(days=1)
    Invitation.objects.create(pk=1, study=campaign.study, role=Role.ANNOTATOR, key=key, expires_at=ends)
    return key


def test_every_address_is_known_here(whole: Whole) -> None:
    found = addresses()
    unknown = sorted({each.name for each in found} - set(OPEN_TO))
    assert not unknown, f"Say in OPEN_TO who may open these new addresses: {', '.join(unknown)}."
    gone = sorted(set(OPEN_TO) - {each.name for each in found})
    assert not gone, f"These addresses are gone: take them out of OPEN_TO: {', '.join(gone)}."
    lacking = {part: each.name for each in found for part in each.parts if part not in whole.parts}
    assert not lacking, (
        f"Give the fixture `whole` a sample for each of these parts of a path (and an address with it): {lacking}."
    )


def is_open(address: Address, person: str, method: str = "get") -> bool:
    """Whether the table of permissions lets the person in."""
    rule = OPEN_TO[address.name]
    if method == "post":
        rule = TO_SEND.get(address.name, rule)
    if rule == ANYBODY:
        return True
    if person == VISITOR:
        return False
    if rule == LOGGED_IN:
        return True
    if rule == ADMINISTRATORS:
        return person == ADMINISTRATOR
    if rule == GUESTS:
        return False
    if rule == MEMBERS:
        return person in Role.values
    if rule == FOUNDERS:
        return person == FOUNDER
    if isinstance(rule, SetAction):
        return person in SetRole.values and rule in SET_MAY[SetRole(person)]
    allowed = MAY[Role(person)] if person in Role.values else frozenset()
    return (Action.RUN_PIPELINE if rule == SOMEWHERE else rule) in allowed


def wrong_with(response: Any, address: Address, person: str, method: str) -> str:
    """What is wrong with the answer to this person; empty: nothing."""
    status = response.status_code
    if status >= 500:
        return f"answers {status}"
    if is_open(address, person, method):
        if method == "post":
            closed = status in (401, 403, 404) and address.name not in BY_KEY
            return "is closed to one who may" if closed else ""
        if status == 405 or (address.name in LEAD_ON and status == 302):
            return ""
        return "" if status == 200 else f"answers {status} to one who may"
    if person == VISITOR:
        if address.in_api:
            return "" if status == 401 else f"answers {status} to a visitor"
        to_login = status == 302 and response["Location"].startswith(reverse("login"))
        # A page that may be public says that nothing is sent to it before it asks who does.
        nothing_sent = method == "post" and status == 405
        return "" if to_login or nothing_sent else f"answers {status} to a visitor"
    closed = {403} if OPEN_TO[address.name] in (SOMEWHERE, FOUNDERS) else {404}
    return "" if status in closed | {405} else f"answers {status} to one who may not"


@contextmanager
def undone() -> Iterator[None]:
    """What one request changes, the next does not find."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def asked(whole: Whole, person: str, method: str) -> Iterator[tuple[Address, Any]]:
    """Every address with what it answers to the person."""
    client = Client(raise_request_exception=False)
    if person != VISITOR:
        client.force_login(whole.people[person])
    session = client.cookies.get(settings.SESSION_COOKIE_NAME)
    for address in addresses():
        # To a study, who belongs to a value set is a stranger, and of those there is one already.
        if person in SetRole.values and "value_set" not in address.parts:
            continue
        if session:  # one of the addresses logs out
            client.cookies[settings.SESSION_COOKIE_NAME] = session.value
        path = reverse(address.name, kwargs={part: whole.parts[part] for part in address.parts})
        given = (QUERIES if method == "get" else BODIES).get(address.name, {})
        headers = {"hx-request": "true"} if session and address.name in FRAGMENTS else {}
        with undone():
            yield address, getattr(client, method)(path, given, headers=headers)


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("person", PERSONS)
def test_every_address_is_open_to_those_who_may_and_to_nobody_else(whole: Whole, person: str, method: str) -> None:
    faults = [
        f"{method.upper()} {address.name} {wrong}"
        for address, response in asked(whole, person, method)
        if (wrong := wrong_with(response, address, person, method))
    ]
    assert not faults, f"As {person}:\n" + "\n".join(faults)


class Inline(HTMLParser):
    """Finds what a strict Content-Security-Policy forbids, and what would be loaded from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "style" or (tag == "script" and "src" not in given):
            self.found.append(f"<{tag}> inline")
        for name, value in given.items():
            if name == "style" or name.startswith(("on", "hx-on")):
                self.found.append(f"{name}={value!r}")
            if name in (
                "src",
                "href",
                "action",
                "srcset",
                "data",
                "hx-get",
                "hx-post",
            ) and value.strip().lower().startswith(("http:", "https:", "//", "javascript:", "data:")):
                self.found.append(f"{name}={value!r}")


@pytest.mark.parametrize(
    "forbidden",
    [
        "<style>p {}</style>",
        "<script>1</script>",
        '<p style="color: red">',
        '<p onclick="1">',
        '<p hx-on:click="1">',
        '<img src="https://elsewhere.example/a.png">',
        '<link href="//elsewhere.example/a.css">',
        '<a href="javascript:1">',
    ],
)
def test_what_is_forbidden_is_found(forbidden: str) -> None:
    parser = Inline()
    parser.feed(forbidden)
    assert len(parser.found) == 1


@pytest.mark.parametrize("person", [Role.OWNER, Role.ANNOTATOR, VISITOR, ADMINISTRATOR])
def test_no_page_has_anything_inline_or_from_elsewhere(whole: Whole, person: str) -> None:
    faults = []
    pages = 0
    for address, response in asked(whole, person, "get"):
        if not response.get("Content-Type", "").startswith("text/html") or response.status_code in (302, 405):
            continue
        pages += 1
        if "script-src 'self'" not in response.get("Content-Security-Policy", ""):
            faults.append(f"{address.name}: no Content-Security-Policy")
        parser = Inline()
        parser.feed(response.content.decode())
        faults += [f"{address.name}: {found}" for found in parser.found]
    assert not faults, "\n".join(faults)
    assert pages


def test_the_admin_is_for_staff(whole: Whole, client: Client) -> None:
    for person in [*Role, STRANGER]:
        client.force_login(whole.people[person])
        assert client.get(reverse("admin:index")).status_code == 302
