"""Models of which it is known what they are, asked through the whole path: the pages say of each what it is, and by how much."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from statistics import fmean

import pytest
from django.test import Client
from django.urls import reverse
from scipy.special import expit

from conflictscope.llm.models import Call, Endpoint
from conflictscope.llm.simulator import personas
from conflictscope.llm.simulator.endpoints import KEY_NAME
from conflictscope.llm.simulator.server import Running
from conflictscope.scenarios.models import Dataset, OpeningMessage, Scenario
from conflictscope.values.orders import parse_order
from evaluation.models import Judgement, Rating, Response, Run
from evaluation.rankings.shifts import SaidAndDone, compare
from evaluation.running.bias import bias_of
from evaluation.running.judge_columns import judge_columns
from evaluation.steering.creating import steer_by_order
from evaluation.steering.effects import decided_runs, effects_of, work_out_all
from tests.evaluation.conftest import work
from tests.factories.evaluation import RunFactory, TargetFactory
from tests.factories.llm import EndpointFactory
from tests.factories.scenarios import DatasetFactory, JudgeFactory, ScenarioFactory
from tests.factories.studies import member
from tests.llm.simulator import asking

pytestmark = pytest.mark.django_db(transaction=True)

ONE_PAIR = (("helpfulness", "honesty"),)
PAIRS = (*ONE_PAIR, ("helpfulness", "harmlessness"), ("honesty", "harmlessness"))
SURE = "refuses=0,both=0,neither=0,unparsable=0,position=0"
At = Callable[..., Endpoint]


@pytest.fixture
def at(simulator: Running) -> At:
    """An endpoint of an LLM by its id; `anthropic=True`: by that protocol."""

    def endpoint(llm: str, *, anthropic: bool = False) -> Endpoint:
        address = simulator.base_url if anthropic else f"{simulator.base_url}/v1"
        provider = Endpoint.Provider.ANTHROPIC if anthropic else Endpoint.Provider.OPENAI_COMPATIBLE
        made: Endpoint = EndpointFactory(
            llm=llm, base_url=address, provider=provider, key_name=KEY_NAME, max_concurrency=16, simulated=True
        )
        return made

    return endpoint


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_NAME, "simulated")


def dataset_of(*pairs: tuple[str, str], batches: int) -> Dataset:
    """Scenarios of the simulator's own writing, eight a batch, in which each action serves its value."""
    dataset: Dataset = DatasetFactory()
    values = {value.key: value for value in dataset.value_set_version.values.all()}
    texts = ("description", "persona", "background", "goal", "action_1", "action_2")
    for pair in pairs:
        first, second = (values[key] for key in pair)
        for one in asking.scenarios(*pair, batches=batches):
            acting = one["acting"]
            told = {name: one[name] for name in texts}
            if first.position > second.position:
                raise AssertionError("a pair stands in the order of its set")
            ScenarioFactory(dataset=dataset, value_1=first, value_2=second, acting_action=acting, **told)
    return dataset


def said(dataset: Dataset, endpoint: Endpoint) -> Run:
    """A run by multiple choice. Its ratings are left out: they cost as many calls."""
    run: Run = RunFactory(dataset=dataset, target=TargetFactory(endpoint=endpoint))
    Rating.objects.bulk_create(Rating(run=run, scenario=scenario) for scenario in dataset.scenarios.all())
    work(run)
    return run


def done(dataset: Dataset, endpoint: Endpoint, at: At, *, user: str = "sim-user", judge: str = "sim-judge", max_turns: int = 1) -> Run:  # fmt: skip
    run: Run = RunFactory(
        talks=True,
        dataset=dataset,
        target=TargetFactory(endpoint=endpoint),
        user_simulator=at(user),
        judge=JudgeFactory(endpoint=at(judge)),
        max_turns=max_turns,
    )
    work(run)
    return run


def page_of(client: Client, run: Run) -> str:
    client.force_login(member(run.study, "viewer"))
    text = client.get(reverse("evaluation:run", args=[run.study.slug, run.pk])).content.decode()
    return " ".join(text.split())


def test_one_who_takes_the_first_is_said_to_choose_by_position(at: At, client: Client) -> None:
    run = said(dataset_of(*ONE_PAIR, batches=3), at("sim-first:unparsable=0"))
    assert "It mostly chooses by position: in 24 of 24 scenarios decided in both orders" in page_of(client, run)


def test_one_who_half_goes_by_the_place_has_that_share_in_its_interval_and_nothing_is_claimed(
    at: At, client: Client
) -> None:
    """Of the others it takes the same action in both orders."""
    run = said(dataset_of(*ONE_PAIR, batches=5), at(f"sim-third:first=0.3,consistency=1,{SURE}"))
    followed = bias_of(run).position.followed  # type: ignore[union-attr]
    assert followed.low < 0.3 < followed.high  # type: ignore[operator]
    assert "mostly chooses by position" not in page_of(client, run)


def test_a_decliner_is_said_to_decline(at: At, client: Client) -> None:
    dataset = DatasetFactory()
    for number in range(20):
        acting, other = f"Write letter {number} in full", f"Decline to write letter {number}"
        first, second = (acting, other) if number % 2 else (other, acting)
        ScenarioFactory(dataset=dataset, action_1=first, action_2=second, acting_action="1" if number % 2 else "2")
    run = said(dataset, at("sim-decliner:unparsable=0"))
    text = page_of(client, run)
    assert "It mostly declines to act: in 100% of its decisions" in text
    assert "chooses by position" not in text


def test_a_decliner_in_conversation_is_read_as_refusing(at: At, client: Client) -> None:
    run = done(dataset_of(*ONE_PAIR, batches=2), at("sim-decliner"), at)
    assert set(Response.objects.filter(run=run).values_list("refused", flat=True)) == {True}
    assert "It mostly refuses: in 100% of its answers" in page_of(client, run)


def test_the_gap_of_a_liar_lies_within_the_interval_of_its_shift(simulator: Running, at: At) -> None:
    simulator.reset(seed=11)
    dataset = dataset_of(*PAIRS, batches=3)
    liar = at(f"sim-liar:gap=2,{SURE}")
    target = TargetFactory(endpoint=liar)
    asked, acted = said(dataset, liar), done(dataset, liar, at, judge="sim-judge:misses=0,slips=0")
    Run.objects.filter(pk__in=[asked.pk, acted.pk]).update(target=target)
    both = SaidAndDone(Run.objects.get(pk=asked.pk), Run.objects.get(pk=acted.pk))
    shift = compare(both, replicates=500)[0].results["shift"]
    assert shift["reason"] == ""
    # By one for the two that are not protective, against minus one, about their mean.
    truth = {"helpfulness": 2 / 3, "honesty": 2 / 3, "harmlessness": -4 / 3}
    for value, found in zip(shift["values"], shift["strengths"], strict=True):
        assert found["low"] < truth[value] < found["high"], (value, found)
    harmless = shift["strengths"][shift["values"].index("harmlessness")]
    assert harmless["high"] < 0  # it is seen to lie


def test_what_a_steering_does_to_one_it_moves_by_two_lies_within_its_interval(
    simulator: Running, at: At, client: Client
) -> None:
    """Two logits from the top of the order to its bottom, one from a value to the next; in what it does, as the page shows it."""
    simulator.reset(seed=11)
    dataset = dataset_of(*PAIRS, batches=3)
    moved = f"sim-steered:steerable=2,{SURE}"
    default = done(dataset, at(moved), at, judge="sim-judge:misses=0,slips=0")
    version = dataset.value_set_version
    assert version is not None
    order = ("harmlessness", "honesty", "helpfulness")
    steering = steer_by_order(dataset.study, version, parse_order(" > ".join(order), version), name="Careful first")
    same = {name: getattr(default, name) for name in ("dataset", "target", "user_simulator", "judge")}
    work(RunFactory(talks=True, steering=steering, **same))
    runs = list(decided_runs(dataset.study))
    work_out_all(runs, replicates=500)
    (effect,) = effects_of(runs)
    assert effect.found is not None
    strengths = personas.strengths(moved, "revealed", seed=11)

    def aligned(by: float) -> float:
        pairs = combinations(enumerate(order), 2)
        return fmean(expit(strengths[high] - strengths[low] + by * (down - up)) for (up, high), (down, low) in pairs)

    for name, truth in (
        ("default", aligned(0)),
        ("steered", aligned(1)),
        ("effect", (aligned(1) - aligned(0)) / (1 - aligned(0))),
    ):
        assert effect.found[name]["low"] < truth < effect.found[name]["high"], (name, truth, effect.found[name])
    assert effect.found["effect"]["low"] > 0  # it is seen to be moved
    client.force_login(member(dataset.study, "viewer"))
    page = client.get(reverse("evaluation:steerings", args=[dataset.study.slug])).content.decode()
    assert "1 of 1 steered run moved towards its order beyond chance" in " ".join(page.split())


@pytest.mark.parametrize("anthropic", [False, True])
def test_a_thinker_goes_the_whole_way_as_one_who_does_not_think(at: At, anthropic: bool) -> None:
    """As target, user and judge, in both modes and over two turns: what was thought is kept, and is part of nothing."""
    dataset = dataset_of(*ONE_PAIR, batches=1)
    for form in ("yes",) if anthropic else ("inline", "yes"):
        plain, thinker = at("sim-t", anthropic=anthropic), at(f"sim-t:thinks={form}", anthropic=anthropic)
        choices = [
            list(Judgement.objects.filter(response__run=said(dataset, one)).order_by("response__scenario", "order").values_list("choice", flat=True))
            for one in (plain, thinker)
        ]  # fmt: skip
        assert choices[0] == choices[1]
    run = done(dataset, at("sim-t:thinks=yes", anthropic=anthropic), at, user="sim-user:thinks=inline", judge="sim-judge:thinks=yes", max_turns=2)  # fmt: skip
    responses = Response.objects.filter(run=run)
    assert responses.count() == 8
    assert set(responses.values_list("outcome", flat=True)) == {"answered"}
    assert Judgement.objects.filter(response__run=run, strength__isnull=False).count() == 8
    for text in (
        *OpeningMessage.objects.values_list("text", flat=True),
        *map(str, responses.values_list("transcript", flat=True)),
    ):
        assert "At first sight" not in text
        assert "<think>" not in text
    assert Call.objects.filter(purpose__in=["opening", "answer", "judge"], thought="").count() == 0


def test_a_leaky_user_is_caught_and_what_stays_is_counted(at: At, client: Client) -> None:
    dataset = dataset_of(("honesty", "harmlessness"), batches=5)
    run = done(dataset, at("sim-t"), at, user="sim-leaky-user:leaks=1,stays=0.3")
    found = {leak: OpeningMessage.objects.filter(leak=leak).count() for leak in ("none", "rewritten", "stays")}
    assert found["none"] <= 2  # a wording that shares fewer than six words in a row with the action is none
    assert 4 <= found["stays"] <= 20
    assert f"{found['stays']} opening messages of 40 still say" in page_of(client, run)
    assert f"looked through: {found['rewritten']} leaked and were rewritten" in page_of(client, run)


def test_judges_of_known_error_are_seen_to_err_by_that_much_and_by_value(at: At) -> None:
    """Against one who does not err: one who misreads a known share of the answers that act on harmlessness."""
    dataset = dataset_of(("honesty", "harmlessness"), batches=5)
    run = done(dataset, at(f"sim-t:{SURE}"), at, judge="sim-judge:misses=0,slips=0")
    partial = JudgeFactory(name="partial", endpoint=at("sim-other-judge:misses=0,misses.harmlessness=0.5,slips=0"))
    run.further_judges.add(partial)
    work(run)
    own = dict(Judgement.objects.filter(judge=run.judge).values_list("response", "choice"))
    other = dict(Judgement.objects.filter(judge=partial).values_list("response", "choice"))
    harmless = [response for response, choice in own.items() if choice == "value_2"]
    honest = [response for response, choice in own.items() if choice == "value_1"]
    wrong = sum(other[response] != own[response] for response in harmless)
    assert all(other[response] == own[response] for response in honest)
    agreement = judge_columns(run)[1].agreement
    assert agreement is not None
    assert agreement.raw.value == pytest.approx(1 - wrong / len(own))
    assert agreement.raw.low < 1 - 0.5 * len(harmless) / len(own) < agreement.raw.high  # type: ignore[operator]


def test_no_target_hears_of_scenario_values_or_actions_in_any_turn(simulator: Running, at: At) -> None:
    """What arrived at the simulator's own end is the reference."""
    simulator.reset(keep_text=True)
    dataset = dataset_of(*ONE_PAIR, batches=3)
    done(dataset, at("sim-target-asks-back:neither=1,refuses=0"), at, max_turns=3)
    asked = [record for record in simulator.ledger()["records"] if record["llm"].startswith("sim-target-asks-back")]
    later = Response.objects.filter(turns__gt=1).count()
    assert later > 10
    assert len(asked) == sum(Response.objects.values_list("turns", flat=True))
    names = {value.name for value in dataset.value_set_version.values.all()}
    for scenario in Scenario.objects.filter(dataset=dataset):
        for secret in (scenario.description, scenario.persona, scenario.goal, scenario.action_1, scenario.action_2):
            assert not any(secret in record["text"] for record in asked)
    assert not any(name in record["text"] for name in names for record in asked)
    assert {record["kind"] for record in asked} == {"conversation"}


def test_what_they_are_is_a_matter_of_their_settings_and_not_of_their_names() -> None:
    assert personas.habits("sim-x:both=0.5").both == 0.5
