"""Dev and sealed test: what a judge is tuned on never speaks for it."""

from __future__ import annotations

import pytest
from django.urls import reverse

from annotation.agreement.kept import Figures
from annotation.agreement.passport import passport_of
from annotation.agreement.reports import agreement_report
from annotation.agreement.sealed import open_test, opened_by_correction
from annotation.campaigns.splitting import split
from annotation.models import Campaign, Item, Unsealing
from conflictscope.errors import Conflict, InvalidInput
from conflictscope.exports.provenance import sealed_tests_of
from conflictscope.scenarios.models import Judge
from conflictscope.studies.permissions import Role
from evaluation.measures.decisions import trials_of
from evaluation.models import Judgement
from evaluation.rankings import comparing, corrections
from evaluation.rankings.agreeing import done_alike
from evaluation.rankings.fitting import fit_dataset, fit_run
from evaluation.rankings.forecast import forecast
from evaluation.steering.effects import DefaultAndSteered, work_of
from tests.factories.annotation import CampaignFactory, ItemFactory, ParticipantFactory, labelled
from tests.factories.deciding import decide
from tests.factories.evaluation import JudgementFactory, RunFactory, TargetFactory, answered
from tests.factories.scenarios import DatasetFactory, JudgeFactory, ScenarioFactory, judged
from tests.factories.studies import UserFactory, member

pytestmark = pytest.mark.django_db


@pytest.fixture
def judge() -> Judge:
    return JudgeFactory(name="first-prompt")


@pytest.fixture
def campaign(judge: Judge) -> Campaign:
    """Twenty scenarios that nobody has labelled yet."""
    dataset = DatasetFactory(primary_judge=judge)
    made = CampaignFactory(study=dataset.study, dataset=dataset, slug="check", name="The check", overlap=2)
    for _ in range(20):
        ItemFactory(campaign=made, scenario=judged(ScenarioFactory(dataset=dataset), judge))
    return made


def label(campaign: Campaign) -> None:
    """Two people pass what is for tuning, and fail all of the test for realism."""
    people = ParticipantFactory.create_batch(2, campaign=campaign)
    for item in campaign.items.all():
        for person in people:
            labelled(item, person, {"realism": "no"} if item.part == Item.Part.TEST else {})


def test_scenarios_are_parted_by_chance_before_anybody_looked(campaign: Campaign) -> None:
    split(campaign, 0.5)
    parts = list(campaign.items.values_list("part", flat=True))
    assert set(parts) == {"dev", "test"}
    split(campaign, 0.5)
    assert list(campaign.items.values_list("part", flat=True)) == parts
    with pytest.raises(Conflict, match="split already, 50% for tuning"):
        split(campaign, 0.2)
    with pytest.raises(InvalidInput, match="Between 5% and 95%"):
        split(campaign, 0.99)


def test_a_campaign_that_has_labels_is_not_split_any_more(campaign: Campaign) -> None:
    label(campaign)
    with pytest.raises(Conflict, match="has labels already"):
        split(campaign, 0.5)


def test_figures_rest_on_dev_until_the_test_is_opened_for_the_judge_by_name(campaign: Campaign, judge: Judge) -> None:
    split(campaign, 0.5)
    label(campaign)
    dev, test = (campaign.items.filter(part=part).count() for part in ("dev", "test"))
    before = passport_of(campaign, judge)
    assert (before.part, before.items) == ("dev", dev)
    assert before.rows[0].majority.agreement.raw.value == 1.0
    with pytest.raises(InvalidInput, match="what the test is opened for"):
        open_test(campaign, judge, by=UserFactory(), reason=" ")
    opening = open_test(campaign, judge, by=UserFactory(username="rosa"), reason="The prompt is final.")
    assert open_test(campaign, judge, by=UserFactory(), reason="Once more.") == opening
    after = passport_of(campaign, judge)
    assert (after.part, after.items, opening.items) == ("test", test, test)
    assert after.rows[0].majority.agreement.raw.value == 0.0
    report = agreement_report(campaign, Figures(campaign).measured())
    assert "Of the test part. The test was opened 1 times" in report
    assert "by rosa" in report
    assert "The prompt is final." in report
    second = JudgeFactory(name="second-prompt")
    for item in campaign.items.select_related("scenario"):
        judged(item.scenario, second)
    assert passport_of(campaign, second).part == "dev"


def test_the_passport_s_page_opens_the_test_and_tells_who_did(client, campaign: Campaign, judge: Judge) -> None:
    split(campaign, 0.5)
    label(campaign)
    address = reverse("annotation:passport", args=[campaign.study.slug, "check", judge.name])
    client.force_login(member(campaign.study, Role.VIEWER))
    assert b"Open the test for" not in client.get(address).content
    assert client.post(f"{address}open/", {"reason": "Curious."}).status_code == 404
    client.force_login(member(campaign.study, Role.RESEARCHER))
    assert b"The test is sealed" in client.get(address).content
    opened = client.post(f"{address}open/", {"reason": "Final."}, follow=True).content.decode()
    assert "Test part." in opened
    assert "Final." in opened
    assert Unsealing.objects.get().opened_by is not None


def test_an_item_of_the_sealed_test_does_not_show_the_judge_beside_people(
    client, campaign: Campaign, judge: Judge
) -> None:
    split(campaign, 0.5)
    label(campaign)
    client.force_login(member(campaign.study, Role.RESEARCHER))
    item = campaign.items.filter(part="test").first()
    address = reverse("annotation:item", args=[campaign.study.slug, "check", item.pk])
    assert judge.name not in client.get(address).content.decode()
    open_test(campaign, judge, by=UserFactory(), reason="Final.")
    assert judge.name in client.get(address).content.decode()


def test_dev_labels_correct_no_ranking_and_test_labels_that_do_are_an_opening(judge: Judge) -> None:
    dataset = DatasetFactory(primary_judge=judge)
    run = RunFactory(dataset=dataset, talks=True, judge=judge)
    campaign = CampaignFactory(
        study=dataset.study, dataset=dataset, slug="talks", kind=Campaign.Kind.ACTION_JUDGEMENT, overlap=1
    )
    campaign.runs.add(run)
    for _ in range(12):
        scenario = ScenarioFactory(dataset=dataset, status="kept")
        ItemFactory(campaign=campaign, scenario=None, response=answered(run, scenario, "value_1"))
    split(campaign, 0.5)
    person = ParticipantFactory(campaign=campaign)
    for item in campaign.items.all():
        labelled(item, person, {"action_taken": "action_1"})
    decide(campaign)
    dev = campaign.items.filter(part="dev").count()
    assert Judgement.objects.filter(source="human", dev=True).count() == dev
    trials = trials_of(run)
    assert (len(trials), len(trials.without_dev())) == (12, 12 - dev)
    assert "sealed test" in forecast(run, width=1.0).reason  # a page that is only looked at opens nothing
    assert not Unsealing.objects.exists()
    rob = UserFactory(username="rob")
    fit_run(run, replicates=100, by=rob)
    assert "sealed test" not in forecast(run, width=1.0).reason
    opening = Unsealing.objects.get()
    assert (opening.judge, opening.how, opening.opened_by) == (judge, "correction", rob)
    assert opening.who == "rob, to correct a ranking"
    (told,) = sealed_tests_of(dataset)
    assert (told["campaign"], told["dev_share"], len(told["openings"])) == ("talks", 0.5, 1)
    assert (told["openings"][0]["judge"], told["openings"][0]["why"]) == (judge.name, "to correct a ranking")
    opened_by_correction(dataset.study, judge, ["talks"])
    assert Unsealing.objects.count() == 1


def test_an_effect_or_a_shift_corrected_by_test_labels_is_an_opening_too(judge: Judge) -> None:
    """Steered and not, both runs talked; the campaign's test labels correct the effect, those for tuning do not."""
    dataset = DatasetFactory(primary_judge=judge)
    default = RunFactory(dataset=dataset, talks=True, judge=judge)
    steered = RunFactory(dataset=dataset, target=default.target, talks=True, judge=judge, seed=1)
    campaign = CampaignFactory(
        study=dataset.study, dataset=dataset, slug="talks", kind=Campaign.Kind.ACTION_JUDGEMENT, overlap=1
    )
    for n in range(40):
        scenario = ScenarioFactory(dataset=dataset, status="kept")
        for run in (default, steered):
            response = answered(run, scenario, "value_1" if n % 2 else "value_2")
            ItemFactory(campaign=campaign, scenario=None, response=response)
    split(campaign, 0.5)
    person = ParticipantFactory(campaign=campaign)
    for item in campaign.items.all():
        labelled(item, person, {"action_taken": "action_1" if item.pk % 3 else "action_2"})
    decide(campaign)
    target = {value.key: place for place, value in enumerate(dataset.value_set_version.values.all())}
    work = work_of(DefaultAndSteered(default, steered), target, replicates=100, seed=0)
    test = campaign.items.filter(part="test").values("response__scenario").distinct().count()
    assert work.fit()["corrected"]["n"] == test
    corrections.tell(steered, judge, trials_of(steered))
    assert Unsealing.objects.get().judge == judge


def test_what_was_kept_while_a_test_was_sealed_is_worked_out_anew_once_it_is_open(judge: Judge) -> None:
    """Opening changes no decision, so that figures which are kept for the state of decisions would say sealed for ever."""
    dataset = DatasetFactory(primary_judge=judge)
    runs = [RunFactory(dataset=dataset, talks=True, judge=judge, target=TargetFactory(label=f"t{n}")) for n in range(2)]
    campaign = CampaignFactory(
        study=dataset.study, dataset=dataset, slug="talks", kind=Campaign.Kind.ACTION_JUDGEMENT, overlap=1
    )
    for n in range(40):
        scenario = ScenarioFactory(dataset=dataset, status="kept")
        for place, run in enumerate(runs):
            response = answered(run, scenario, "value_1" if (n + place) % 3 else "value_2")
            ItemFactory(campaign=campaign, scenario=None, response=response)
    split(campaign, 0.5)
    person = ParticipantFactory(campaign=campaign)
    for item in campaign.items.all():
        labelled(item, person, {"action_taken": "action_1" if item.pk % 3 else "action_2"})
    decide(campaign)

    def reasons() -> list[str]:
        choice = comparing.choose(comparing.readings_of(dataset.study), {"what": "target"})
        assert choice is not None
        compared = comparing.compare(choice, {}, replicates=100)
        alike = done_alike(dataset)
        assert alike is not None
        assert alike.corrected is not None
        assert compared.corrected is not None
        return [alike.corrected.reason, compared.corrected["reason"]]

    assert reasons() == [corrections.SEALED] * 2
    assert corrections.sealed_among([(run, judge) for run in runs]) == [(run.pk, judge.pk) for run in runs]
    opened_by_correction(dataset.study, judge, ["talks"])
    assert corrections.SEALED not in reasons()
    assert corrections.sealed_among([(run, judge) for run in runs]) == []


def test_a_version_that_was_tried_on_dev_responses_alone_opens_no_test(judge: Judge) -> None:
    """Rankings are fitted by every judge that decided something; what people say of the test corrects nothing of this one."""
    dataset = DatasetFactory(primary_judge=judge)
    run = RunFactory(dataset=dataset, talks=True, judge=judge)
    campaign = CampaignFactory(
        study=dataset.study, dataset=dataset, slug="talks", kind=Campaign.Kind.ACTION_JUDGEMENT, overlap=1
    )
    for _ in range(12):
        scenario = ScenarioFactory(dataset=dataset, status="kept")
        ItemFactory(campaign=campaign, scenario=None, response=answered(run, scenario, "value_1"))
    split(campaign, 0.5)
    person = ParticipantFactory(campaign=campaign)
    version = JudgeFactory(name="second-prompt", revises=judge)
    for item in campaign.items.all():
        labelled(item, person, {"action_taken": "action_1"})
        if item.part == Item.Part.DEV:
            JudgementFactory(response=item.response, judge=version)
    decide(campaign)
    fit_dataset(dataset, replicates=100)
    assert [opening.judge for opening in Unsealing.objects.all()] == [judge]
    JudgementFactory(response=campaign.items.filter(part="test").first().response, judge=version)
    fit_dataset(dataset, replicates=100)
    assert [opening.judge for opening in Unsealing.objects.order_by("pk")] == [judge, version]
