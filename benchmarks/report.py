"""How long the report of a large study takes: 14 targets, three value sets, both modes.

The rankings are fitted before, as snapshots (`fit_s`). `cold_s` is the first request for the page by a process that has the project
loaded, with nothing worked out before; `warm_s` the median of the same requests after that. With figures: until all that the page shows
are there, too, in the cold case drawn for the first time. `…_cpu_s`: of the processor of the web process alone, which hangs less on what else the
machine does.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import installation
import large_rankings

ADDRESS = "/studies/large/report/"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backend", choices=installation.BACKENDS, default="postgresql")
    parser.add_argument("--targets", type=int, default=large_rankings.TARGETS)
    parser.add_argument("--per-pair", type=int, default=large_rankings.PER_PAIR)
    parser.add_argument("--times", type=int, default=7, help="how often the warm page is asked for (%(default)s)")
    options = parser.parse_args()
    os.environ.setdefault("LOG_LEVEL", "CRITICAL")
    with installation.scratch(options.backend) as environment:
        os.environ.update(environment)
        import django
        from django.core.management import call_command
        from django.db import connection, connections

        django.setup()
        call_command("migrate", verbosity=0)
        print("A study is made ...", file=sys.stderr)
        study = large_rankings.made(targets=options.targets, per_pair=options.per_pair)
        began = time.monotonic()
        print("Its rankings are fitted ...", file=sys.stderr)
        large_rankings.fit(study)
        fitted = time.monotonic() - began
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        print(json.dumps(measured(study, options.times) | {"fit_s": round(fitted, 1)}), flush=True)
        connections.close_all()


def measured(study: Any, times: int) -> dict[str, Any]:
    from django.conf import settings
    from django.contrib.auth.models import User
    from django.test import Client

    from evaluation.models import Response

    client = Client(headers={"host": "localhost"})
    client.force_login(User.objects.get(username="reader"))
    client.get("/studies/large/")  # the project is loaded
    for alias in ("charts", "figures"):
        shutil.rmtree(Path(settings.CACHES[alias]["LOCATION"]), ignore_errors=True)
    page_s, page_cpu_s, cold_s, size = asked(client)
    warm = [asked(client) for _ in range(times)]
    return {
        "trials": Response.objects.filter(run__study=study).count(),
        "runs": study.runs.count(),
        "cold_s": round(page_s, 3),
        "warm_s": round(statistics.median(page for page, _, _, _ in warm), 3),
        "cold_cpu_s": round(page_cpu_s, 3),
        "warm_cpu_s": round(statistics.median(cpu for _, cpu, _, _ in warm), 3),
        "cold_with_figures_s": round(cold_s, 3),
        "warm_with_figures_s": round(statistics.median(whole for _, _, whole, _ in warm), 3),
        "bytes": size,
    }


def asked(client: Any) -> tuple[float, float, float, int]:
    """Seconds until the page is there, of the web process's processor for it, and until its figures are there; bytes of the page."""
    began, cpu = time.perf_counter(), time.process_time()
    response = client.get(ADDRESS)
    page, cpu = time.perf_counter() - began, time.process_time() - cpu
    assert response.status_code == 200, response.status_code  # noqa: S101
    text = response.content.decode()
    for source in re.findall(r'<img src="([^"]+)"', text):
        figure = client.get(source.replace("&amp;", "&"))
        assert figure.status_code == 200, source  # noqa: S101
    return page, cpu, time.perf_counter() - began, len(response.content)


if __name__ == "__main__":
    main()
