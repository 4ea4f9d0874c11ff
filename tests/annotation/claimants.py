"""Sixteen annotators as sixteen processes, for the race test: `python -m tests.annotation.claimants CAMPAIGN COUNT`.

Django is loaded once, then each annotator is forked before any connection is open. Their clock runs six hundred times as
fast as ours, so that leases run out in the midst of the work. Each line of output is what one process was told.
"""

from __future__ import annotations

import json
import multiprocessing
import random
import sys
import time
from datetime import timedelta
from typing import Any

SPEED = 600


def annotate(participant_id: int, seed: int, started: float, barrier: Any, told: Any) -> None:
    from django.utils import timezone

    from annotation.errors import SkipsUsedUp
    from annotation.labelling import routing, serving
    from annotation.models import Participant

    chance = random.Random(seed)
    participant = Participant.objects.select_related("campaign").get(pk=participant_id)

    def now() -> Any:
        elapsed = time.time() - started
        return timezone.now() + timedelta(seconds=elapsed * (SPEED - 1))

    barrier.wait(timeout=120)
    patience = time.time() + 120
    while time.time() < patience:
        assignment = routing.claim(participant, now=now())
        if assignment is None:
            reason = serving.why_nothing(participant)
            if reason is not serving.Nothing.WAITING:
                told.put({"participant": participant_id, "end": reason.value})
                return
            time.sleep(0.02)
            continue
        fate = chance.random()
        if fate < 0.05:
            close_the_laptop()
            told.put({"participant": participant_id, "left": str(assignment.token)})
            continue
        if fate < 0.10:
            close_the_laptop()
            fresh = routing.submit(assignment, now=now())
            told.put({"participant": participant_id, "submitted": str(assignment.token), "late": True, "fresh": fresh})
        elif fate < 0.16:
            try:
                routing.skip(assignment)
            except SkipsUsedUp:
                routing.submit(assignment, now=now())
                told.put({"participant": participant_id, "submitted": str(assignment.token), "fresh": True})
                continue
            told.put({"participant": participant_id, "skipped": str(assignment.token)})
        else:
            fresh = routing.submit(assignment, now=now())
            told.put({"participant": participant_id, "submitted": str(assignment.token), "fresh": fresh})
            if fate > 0.9:  # the same request once more, as after a lost reply
                assert routing.submit(assignment, now=now()) is False
    told.put({"participant": participant_id, "end": "patience"})


def close_the_laptop() -> None:
    """For longer than a lease of one minute."""
    time.sleep(90 / SPEED)


def main(campaign_id: int, count: int) -> None:
    import django

    django.setup()
    from django.db import connections

    from annotation.models import Participant

    participants = list(
        Participant.objects.filter(campaign=campaign_id).order_by("pk").values_list("pk", flat=True)[:count]
    )
    connections.close_all()
    context = multiprocessing.get_context("fork")
    barrier, told, started = context.Barrier(count), context.Queue(), time.time()
    processes = [
        context.Process(target=annotate, args=(pk, seed, started, barrier, told))
        for seed, pk in enumerate(participants)
    ]
    for process in processes:
        process.start()
    ended = 0
    while ended < count and any(process.is_alive() for process in processes):
        while not told.empty():
            line = told.get()
            ended += "end" in line
            sys.stdout.write(json.dumps(line) + "\n")
        time.sleep(0.05)
    while not told.empty():
        sys.stdout.write(json.dumps(told.get()) + "\n")
    for process in processes:
        process.join(timeout=30)
    sys.exit(max(abs(process.exitcode or 0) for process in processes))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
