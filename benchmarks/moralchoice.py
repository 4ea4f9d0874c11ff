"""Fourteen targets in both option orders on MoralChoice, killed and resumed: is every count exact?

The dilemmas come from the authors' file (680 of high ambiguity), the answers from simulated LLMs in a process of their own. The
command `evaluate_targets` does the work in its own process; at moments drawn by seed it is killed with SIGKILL, and the same
command started again, until it ends by itself. Then it is started once more, which should ask nothing.

One line:
    targets, scenarios
                 whose product is asked twice (both orders), and rated twice (each action alone)
    choices, ratings
                 rows that stand at the end; `expected_choices`, `expected_ratings`: as many as there must be
    lost         choices, orders or ratings that some target lacks, and replies given in full of which nothing is known
    duplicated   rows beyond one for each, and questions of which a second good reply was fetched although the first was recorded
    unknown      calls in flight at a kill: sent, perhaps answered unseen, and asked again; at most kills × at_once
    rerun_calls  requests that the simulator got when the command was started after the end
    per_s        calls a second, kills and new starts included
Exit code 1 if lost, duplicated or rerun_calls is not 0, or unknown is more than it may be.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import installation
from installation import Group, Unavailable

FILE = installation.ROOT.parent / "shared" / "data" / "moralchoice" / "moralchoice_high_ambiguity.csv"
STUDY, DATASET = "baselines", "moral"
AT_ONCE = 16  # calls of a target at a time; the command works on one target after the other


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--targets", type=int, default=14, help="simulated LLMs (14)")
    parser.add_argument("--scenarios", type=int, default=680, help="dilemmas of the file (680: all)")
    parser.add_argument("--kills", type=int, default=4, help="SIGKILLs (4)")
    parser.add_argument("--backend", choices=installation.BACKENDS, default="sqlite", help="database (sqlite)")
    parser.add_argument("--seed", type=int, default=7, help="of answers and kills (7)")
    parser.add_argument("--file", type=Path, default=FILE, help="MoralChoice's CSV")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)  # in the scratch installation already
    options = parser.parse_args()
    if options.inside:
        return measure(options)
    if not options.file.exists():
        say(f"There is no {options.file}: name MoralChoice's file by --file.")
        return 1
    try:
        with installation.scratch(options.backend) as environment:
            command = [sys.executable, __file__, "--inside", *sys.argv[1:]]
            return subprocess.run(command, env=environment).returncode
    except Unavailable as exc:
        say(str(exc))
        return 1


def say(sentence: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {sentence}", file=sys.stderr, flush=True)


def measure(options: argparse.Namespace) -> int:
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    with installation.simulator("--seed", str(options.seed)) as address:
        targets = seed(options, address)
        began = time.monotonic()
        kills = work(options, targets)
        seconds = time.monotonic() - began
        before = ledger(address)
        Group(*command_for(targets), log=log()).stop(seconds=120)
        line = counts(options, before) | {
            "kills": kills,
            "at_once": AT_ONCE,
            "rerun_calls": ledger(address)["requests"] - before["requests"],
            "seconds": round(seconds, 1),
            "per_s": round(before["requests"] / seconds, 1),
        }
    print(json.dumps(line), flush=True)
    wrong = [name for name in ("lost", "duplicated", "rerun_calls") if line[name]]
    wrong += ["unknown"] if line["unknown"] > kills * AT_ONCE else []
    wrong += ["kills"] if kills < options.kills else []
    if wrong:
        say(f"not as it should be: {', '.join(f'{name} {line[name]}' for name in wrong)}")
    return int(bool(wrong))


def seed(options: argparse.Namespace, address: str) -> list[str]:
    """The dataset and the targets' endpoints; their names."""
    from django.contrib.auth.models import User

    from conflictscope.llm.models import Endpoint
    from conflictscope.scenarios.importing import ImportSettings, import_scenarios
    from conflictscope.scenarios.models import Scenario
    from conflictscope.studies.endpoints import allow
    from conflictscope.studies.membership import create_study, let_create_studies

    owner = User.objects.create_user("benchmark")
    let_create_studies(owner)
    study = create_study(name=STUDY.capitalize(), created_by=User.objects.get(pk=owner.pk))
    names = [f"sim-target-{number:02d}" for number in range(options.targets)]
    for name in names:
        Endpoint.objects.create(
            name=name,
            provider=Endpoint.Provider.OPENAI_COMPATIBLE,
            llm=name,
            base_url=f"{address}/v1",
            key_name="CONFLICTSCOPE_KEY_SIMULATOR",
            max_concurrency=AT_ONCE,
            simulated=True,
        )
    allow(study, Endpoint.objects.all())
    import_scenarios(study, DATASET, settings=ImportSettings(format_name="moralchoice"), paths=[options.file])
    asked = list(Scenario.objects.order_by("pk").values_list("pk", flat=True)[: options.scenarios])
    Scenario.objects.filter(pk__in=asked).update(status=Scenario.Status.KEPT)
    return names


def command_for(targets: list[str]) -> list[str]:
    where = ["--study", STUDY, "--dataset", DATASET, "--targets", *targets, "--modes", "multiple_choice"]
    return ["manage.py", "evaluate_targets", *where, "--verbosity", "0"]


def log() -> Path:
    return Path(os.environ["CONFLICTSCOPE_VAR"]) / "evaluate.log"


def work(options: argparse.Namespace, targets: list[str]) -> int:
    """Start the command, kill it and start it again, until it ends by itself. Returns how often it was killed.

    Raises:
        Unavailable: it ended with an error.
    """
    from evaluation.models import Response

    rng = random.Random(options.seed)
    expected = options.targets * options.scenarios * 2
    moments = sorted(rng.uniform(0.05, 0.9) for _ in range(options.kills))
    kills = 0
    process = Group(*command_for(targets), log=log())
    told = time.monotonic()
    while not process.ended:
        time.sleep(0.1)
        stand = Response.objects.count()
        if kills < len(moments) and stand >= moments[kills] * expected:
            process.kill()
            kills += 1
            say(f"{stand} of {expected} choices stand; killed {kills} of {len(moments)} times")
            process = Group(*command_for(targets), log=log())
        elif time.monotonic() - told > 20:
            told = time.monotonic()
            say(f"{stand} of {expected} choices stand")
    if expected > Response.objects.count():
        say(log().read_text()[-2000:])
        raise Unavailable("The command ended before everything was asked; what it said stands above.")
    return kills


def counts(options: argparse.Namespace, ledger: dict[str, Any]) -> dict[str, int]:
    from django.db.models import Count

    from conflictscope.llm.models import Call
    from evaluation.models import Rating, Response

    targets, scenarios = options.targets, options.scenarios
    choices = Response.objects.values("run__target", "scenario", "order").annotate(
        n=Count("pk", distinct=True), read=Count("judgements", distinct=True)
    )
    ratings = Rating.objects.values("run__target", "scenario").annotate(n=Count("pk"))
    expected = {"expected_choices": targets * scenarios * 2, "expected_ratings": targets * scenarios}
    undecided = sum(max(row["n"] - row["read"], 0) for row in choices)
    good = Call.objects.filter(outcome=Call.Outcome.OK)
    unseen = Call.objects.filter(outcome__in=[Call.Outcome.SENT, Call.Outcome.UNKNOWN])
    answered = set(good.values_list("request_digest", "sample"))
    never_seen = len(set(unseen.values_list("request_digest", "sample")) - answered)
    return {
        "targets": targets,
        "scenarios": scenarios,
        "choices": Response.objects.count(),
        "ratings": Rating.objects.count(),
        **expected,
        "lost": max(expected["expected_choices"] - len(choices), 0)
        + max(expected["expected_ratings"] - len(ratings), 0)
        + undecided
        + max(ledger["good_distinct"] - len(answered) - never_seen, 0),
        "duplicated": sum(row["n"] - 1 for row in (*choices, *ratings))
        + sum(max(row["read"] - row["n"], 0) for row in choices)
        + good.count()
        - len(answered)
        + max(ledger["good"] - ledger["good_distinct"] - unseen.count(), 0),
        "unknown": unseen.count(),
        "requests": ledger["requests"],
    }


def ledger(address: str) -> dict[str, Any]:
    with urlopen(f"{address}/ledger?records=0", timeout=30) as answer:  # noqa: S310  # our own simulator
        told: dict[str, Any] = json.load(answer)
    return told


if __name__ == "__main__":
    sys.exit(main())
