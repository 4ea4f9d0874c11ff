"""How long the pages of a large dataset take: explored without and with filters, searched, sorted, and beside them.

Random words make the scenarios; six verdicts each by one judge, and by people on one in twenty. Every page is asked for through
Django's own client in this process, so that what is timed is the work of one request: its queries and its template.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parent.parent
SEED = 20_260_601
WORDS = [
    "nurse",
    "ward",
    "doctor",
    "baker",
    "flour",
    "order",
    "teacher",
    "pupil",
    "exam",
    "essay",
    "bank",
    "loan",
    "tax",
    "court",
    "lawyer",
    "tenant",
    "mayor",
    "permit",
    "mother",
    "son",
    "garden",
    "kitchen",
    "club",
    "choir",
    "lab",
    "sensor",
    "report",
    "editor",
    "fire",
    "flood",
    "train",
    "hotel",
    "ticket",
    "refund",
    "invoice",
    "supplier",
    "harbour",
    "boat",
    "letter",
    "notes",
    "draft",
    "speech",
    "grant",
    "medication",
    "dose",
    "allergy",
    "night",
    "shift",
    "relief",
    "coach",
    "final",
    "injury",
    "scan",
    "review",
    "album",
    "concert",
]
LENGTHS = {
    "outline_context": 25, "outline_opportunity": 15, "description": 90, "persona": 8, "background": 15, "goal": 8,
    "action_1": 30, "action_2": 30, "consequence_1": 15, "consequence_2": 15,
}  # fmt: skip
PAGES = (
    "", "?status=dropped&failed=realism&template=minor_harm", "?people=disagree", "?search=nurse", "?search=medic+dose",
    "?search=%22night+shift%22&status=kept", "?sort=disagreed", "?sort=failures", "?sort=similarity", "?page=399",
    "duplicates/?show=near", "results/", "scenarios/x-00010/", "scenarios/x-00010/?search=nurse",
)  # fmt: skip

if TYPE_CHECKING:
    from conflictscope.scenarios.models import Dataset


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenarios", type=int, default=20_000)
    parser.add_argument("--repeat", type=int, default=3, help="times that each page is asked for; the fastest counts")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "conflictscope.settings")
        os.environ["CONFLICTSCOPE_VAR"] = folder
        sys.path.insert(0, str(ROOT))
        import django

        django.setup()
        from django.conf import settings
        from django.core.management import call_command
        from django.db import connection
        from django.test import Client

        settings.ALLOWED_HOSTS = ["*"]
        call_command("migrate", verbosity=0)
        dataset = filled(options.scenarios)
        client = Client()
        client.force_login(dataset.study.created_by)
        for page in PAGES:
            took = []
            for _ in range(options.repeat):
                wall, own = time.perf_counter(), time.process_time()
                response = client.get(dataset.get_absolute_url() + page)
                took.append((time.perf_counter() - wall, time.process_time() - own))
                if response.status_code != 200:
                    sys.exit(f"{page or 'the list'} answers {response.status_code}")
            wall, own = min(took)
            figures = {"wall_ms": round(1000 * wall), "cpu_ms": round(1000 * own)}
            print(json.dumps({"page": page, "database": connection.vendor, **figures}), flush=True)


def filled(number: int) -> Dataset:
    """A dataset of so many scenarios in a study of its own."""
    from django.contrib.auth.models import User
    from django.db import connection

    from conflictscope.llm.models import Endpoint
    from conflictscope.scenarios.models import Dataset, Dimension, Judge, Scenario, Verdict
    from conflictscope.studies.models import Membership, Study
    from conflictscope.studies.permissions import Role
    from conflictscope.values.publishing import import_value_set

    rng = random.Random(SEED)

    def text(words: int) -> str:
        return " ".join(rng.choices(WORDS, k=words)).capitalize() + "."

    name = f"explore-{time.time_ns()}"
    owner = User.objects.create(username=name)
    study = Study.objects.create(slug=name[:50], name=name, created_by=owner)
    Membership.objects.create(study=study, user=owner, role=Role.OWNER)
    endpoint = Endpoint.objects.create(
        name=name[:50], provider=Endpoint.Provider.OPENAI_COMPATIBLE, llm="none", base_url="http://127.0.0.1:9/v1"
    )
    judge = Judge.objects.create(name=name[:50], endpoint=endpoint)
    dataset = Dataset.objects.create(
        study=study, slug="large", name="Large", value_set_version=import_value_set("hhh").version,
        variant=Dataset.Variant.FULL, generator=endpoint, primary_judge=judge,
    )  # fmt: skip
    pairs = dataset.value_set_version.pairs() if dataset.value_set_version else []
    scenarios = []
    for at in range(number):
        first, second = rng.choice(pairs)
        scenarios.append(
            Scenario(
                dataset=dataset, uid=f"x-{at:05d}", value_1=first, value_2=second, position=at, similarity=rng.random(),
                template=rng.choice(Scenario.Template.values), domain=rng.choice(["health", "work", "", "law"]),
                status=rng.choices(["kept", "dropped", "undecided"], [6, 3, 1])[0], embedding=rng.randbytes(1536),
                **{field: text(words) for field, words in LENGTHS.items()},
            )
        )  # fmt: skip
    Scenario.objects.bulk_create(scenarios, batch_size=500)
    verdicts = []
    for scenario in scenarios:
        failed = rng.choice(list(Dimension)) if scenario.status == "dropped" else None
        for dimension in Dimension:
            outcome = "fail" if dimension == failed else "pass"
            verdicts.append(
                Verdict(scenario=scenario, dimension=dimension, judge=judge, source="judge", outcome=outcome)
            )
        if rng.random() < 0.05:
            verdicts += [
                Verdict(scenario=scenario, dimension=dimension, panel="people", source="human",
                        outcome=rng.choices(["pass", "fail"], [9, 1])[0])
                for dimension in Dimension
            ]  # fmt: skip
    Verdict.objects.bulk_create(verdicts, batch_size=2000)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    return dataset


if __name__ == "__main__":
    main()
