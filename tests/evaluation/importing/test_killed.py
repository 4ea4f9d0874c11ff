"""An import of evaluations that is killed by SIGKILL half-way: what it has left is whole trials, and the same command adds the rest."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from evaluation.models import Judgement, Response, Run
from tests import processes
from tests.factories.scenarios import DatasetFactory, ScenarioFactory
from tests.jobs.test_queue import wait_until

pytestmark = [pytest.mark.backends, pytest.mark.django_db(transaction=True)]

SCENARIOS, SAMPLES = 40, 150
ROWS = SCENARIOS * SAMPLES


def test_a_killed_import_loses_and_doubles_nothing(tmp_path: Path) -> None:
    dataset = DatasetFactory()
    uids = [scenario.uid for scenario in ScenarioFactory.create_batch(SCENARIOS, dataset=dataset)]
    rows = [(uid, "alpha", "AB"[(number + sample) % 2]) for sample in range(SAMPLES) for number, uid in enumerate(uids)]
    path = tmp_path / "trials.csv"
    path.write_text("scenario,model,choice\n" + "".join(",".join(row) + "\n" for row in rows))
    command = ["manage.py", "import_evaluations", str(path), "--study", dataset.study.slug, "--dataset", dataset.slug]
    with processes.running(*command) as first:
        wait_until(lambda: Response.objects.exists(), seconds=60)
        processes.kill(first)
    part = Response.objects.count()
    assert 0 < part < ROWS, "it was killed half-way"
    assert Judgement.objects.count() == part, "no trial is there by half"
    assert Run.objects.get().import_unfinished

    with processes.running(*command) as second:
        assert second.wait(60) == 0
    run = Run.objects.get()
    assert (run.import_unfinished, run.samples) == (False, SAMPLES)
    stored = list(Response.objects.order_by("pk").values_list("scenario__uid", "sample", "judgements__choice"))
    assert len(stored) == ROWS
    assert [row[0] for row in stored] == [row[0] for row in rows], "the order of the file"
    chosen = Counter((uid, "AB".index(letter)) for uid, _, letter in rows)
    assert Counter((uid, int(choice == "value_2")) for uid, _, choice in stored) == chosen
