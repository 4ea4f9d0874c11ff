"""A study of many targets on several value sets, asked and in conversation, with known strengths: for `report.py`, and to look at.

`python benchmarks/large_rankings.py` fills the database that the environment names, and says how to log in.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
SEED = 20_261_201
TARGETS, PER_PAIR, LABELLED = 14, 36, 12
SETS = ("hhh", "personal-protective", "modelspec")
PEOPLE = ("reader", "researcher")
DOMAINS = ("health", "education", "work", "family", "money")
NAMES = (
    "Aldebaran 8B instruct", "Altair 70B", "Antares mini", "Arcturus preview with a very long name 2026-11-30", "Bellatrix 3.5",
    "Betelgeuse", "Canopus nano", "Capella 405B", "Deneb flash", "Fomalhaut", "Mira 2", "Polaris large", "Rigel", "Vega thinking",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--targets", type=int, default=TARGETS)
    parser.add_argument("--per-pair", type=int, default=PER_PAIR)
    parser.add_argument("--password", default="large rankings")
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "conflictscope.settings")
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    study = made(targets=options.targets, per_pair=options.per_pair, password=options.password)
    fit(study)
    print(f"Study {study.slug}; log in as {' or '.join(PEOPLE)} with the password {options.password!r}.")


def made(*, targets: int = TARGETS, per_pair: int = PER_PAIR, slug: str = "large", password: str = "") -> Any:
    """The study: of each set a dataset; of each target a run by multiple choice in both orders, and one with the simulated user
    that one judge decided, on the first dataset a second judge as well, and people on a third of the scenarios of each pair."""
    from django.contrib.auth.models import User

    from conflictscope.llm.endpoints import add_endpoint
    from conflictscope.llm.models import Endpoint
    from conflictscope.scenarios.filtering.judges import judge_named
    from conflictscope.scenarios.models import Dataset
    from conflictscope.studies.models import Membership, Study
    from conflictscope.values.publishing import import_value_set
    from evaluation.models import Target

    rng = np.random.default_rng(SEED)
    people = {name: User.objects.create_user(name, password=password or None) for name in PEOPLE}
    study = Study.objects.create(
        slug=slug, name=slug.capitalize(), description="Which values do fourteen targets support, said and done?",
        created_by=people["researcher"],
    )  # fmt: skip
    Membership.objects.create(study=study, user=people["researcher"], role="owner")
    Membership.objects.create(study=study, user=people["reader"], role="viewer")
    endpoint = add_endpoint(
        Endpoint(
            name=f"{slug}-endpoint", provider="openai_compatible", llm="sim-balanced", base_url="http://127.0.0.1:9/v1",
            key_name="CONFLICTSCOPE_KEY_SIMULATOR",
        )
    )  # fmt: skip
    judges = [judge_named(f"{slug}-judge-{n}", endpoint=endpoint) for n in (1, 2)]
    all_targets = [
        Target.objects.create(endpoint=endpoint, label=NAMES[n] if n < len(NAMES) else f"Target {n}")
        for n in range(targets)
    ]
    for place, name in enumerate(SETS):
        version = import_value_set(name).version
        dataset = Dataset.objects.create(
            study=study, slug=name, name=version.value_set.name, variant=Dataset.Variant.FULL, generator=endpoint,
            value_set_version=version, primary_judge=judges[0],
        )  # fmt: skip
        scenarios = _scenarios(dataset, per_pair)
        for n, target in enumerate(all_targets):
            theta = rng.normal(0, 0.7, len(version.values.all()))
            world = _World(dataset, scenarios, endpoint, judges if not place else judges[:1], rng)
            world.asks(target, theta)
            world.talks(target, theta + rng.normal(0, 0.5, len(theta)), labelled=n < 6)
    return study


def fit(study: Any) -> None:
    """The rankings of each dataset, and what each target does beside what it says."""
    from django.core.management import call_command

    for dataset in study.datasets.order_by("pk"):
        call_command("fit_rankings", study=study.slug, dataset=dataset.slug, stdout=open(os.devnull, "w"))  # noqa: SIM115


def _scenarios(dataset: Any, per_pair: int) -> Sequence[Any]:
    from conflictscope.scenarios.models import Scenario

    pairs = dataset.value_set_version.pairs()
    rows = [
        Scenario(
            dataset=dataset, uid=f"{value_1.key}-{value_2.key}-{n:03d}", value_1=value_1, value_2=value_2,
            status=Scenario.Status.KEPT,
            template=Scenario.Template.values[n % 4], acting_action=str(1 + n % 2), domain=DOMAINS[n % len(DOMAINS)],
            description=f"{value_1.name} or {value_2.name}, number {n}: a clerk is asked to leave something out of a report.",
            action_1=f"It serves {value_1.name.lower()}.", action_2=f"It serves {value_2.name.lower()}.",
        )
        for (value_1, value_2), n in product(pairs, range(per_pair))
    ]  # fmt: skip
    return Scenario.objects.bulk_create(rows, batch_size=500)


class _World:
    def __init__(self, dataset: Any, scenarios: Sequence[Any], endpoint: Any, judges: Sequence[Any], rng: Any) -> None:
        self.dataset, self.scenarios, self.endpoint, self.judges, self.rng = dataset, scenarios, endpoint, judges, rng
        place = {value.pk: n for n, value in enumerate(dataset.value_set_version.values.all())}
        self.first = np.array([place[scenario.value_1_id] for scenario in scenarios])
        self.second = np.array([place[scenario.value_2_id] for scenario in scenarios])

    def asks(self, target: Any, theta: Any) -> None:
        from evaluation.models import Rating

        orders = ["action_1_first", "action_2_first"]
        run = self._run(target, mode="multiple_choice", option_orders=orders)
        for sign, order in ((0.2, orders[0]), (-0.2, orders[1])):
            responses = self._responses(run, order)
            self._decided(responses, self._won(theta + 0, sign), source="parsed", orders=[order] * len(responses))
        rows = zip(self.scenarios, self.rng.integers(1, 8, (len(self.scenarios), 2)).tolist(), strict=True)
        Rating.objects.bulk_create(
            (
                Rating(run=run, scenario=scenario, rating_1=rating_1, rating_2=rating_2)
                for scenario, (rating_1, rating_2) in rows
            ),
            batch_size=1000,
        )

    def talks(self, target: Any, theta: Any, *, labelled: bool) -> None:
        """The judge errs more where the values that it likes lose: what only people can correct."""
        run = self._run(target, mode="simulated_user", user_simulator=self.endpoint, judge=self.judges[0])
        responses = self._responses(run, "")
        truth = self._won(theta, 0.0)
        orders = [("action_1_first", "action_2_first")[n] for n in self.rng.integers(0, 2, len(truth))]
        for number, judge in enumerate(self.judges):
            errs = np.where(truth, 0.05 + 0.2 * (self.first % 2), 0.15 + 0.1 * number)
            seen = truth ^ (self.rng.random(len(truth)) < errs)
            self._decided(responses, seen, source="judge", judge=judge, orders=orders)
        if labelled:
            drawn = [n for n in range(len(responses)) if n % PER_PAIR < LABELLED]
            self._decided(
                [responses[n] for n in drawn], truth[drawn], source="human", panel="people", orders=[""] * len(drawn)
            )

    def _run(self, target: Any, **how: Any) -> Any:
        from evaluation.models import Run

        return Run.objects.create(study=self.dataset.study, dataset=self.dataset, target=target, scope="kept", **how)

    def _responses(self, run: Any, order: str) -> list[Any]:
        from evaluation.models import Response

        transcript = [{"role": "user", "text": "What should I do?"}, {"role": "assistant", "text": "I would do this."}]
        rows = [
            Response(run=run, scenario=s, order=order, outcome="answered", transcript=transcript)
            for s in self.scenarios
        ]
        return Response.objects.bulk_create(rows, batch_size=1000)

    def _won(self, theta: Any, shift: float) -> Any:
        chance = 1 / (1 + np.exp(-(theta[self.first] - theta[self.second] + shift)))
        return self.rng.random(len(chance)) < chance

    def _decided(self, responses: Sequence[Any], won: Iterable[bool], *, orders: Sequence[str], **how: Any) -> None:
        from evaluation.models import Judgement

        rows = (
            Judgement(response=response, choice="value_1" if first else "value_2", order=order, **how)
            for response, first, order in zip(responses, won, orders, strict=True)
        )
        Judgement.objects.bulk_create(rows, batch_size=1000)


if __name__ == "__main__":
    main()
