import json
from argparse import ArgumentParser
from typing import Any

from conflictscope.commands import ConflictScopeCommand
from conflictscope.errors import InvalidInput, NotFound
from conflictscope.scenarios.datasets import dataset_named
from conflictscope.scenarios.filtering import judge_comparison, pass_rates
from conflictscope.scenarios.models import Dataset, Judge
from conflictscope.stats.types import Estimate, plain
from conflictscope.studies.access import study_named


class Command(ConflictScopeCommand):
    help = "Say what a dataset's filter let pass: the funnel, pass rates by dimension, pair, template and side, and judges compared."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--study", required=True, help="The study's slug.")
        parser.add_argument("--dataset", required=True, help="The dataset's slug.")
        parser.add_argument("--judge", help="The judge's name; the primary judge unless said.")
        parser.add_argument("--against", help="Another judge: list the scenarios that the two decide differently.")
        parser.add_argument("--json", action="store_true", help="The same as one JSON object.")

    def handle(self, *args: Any, **options: Any) -> None:
        dataset = dataset_named(study_named(options["study"]), options["dataset"])
        judge = self._judge(dataset, options["judge"])
        against = self._judge(dataset, options["against"]) if options["against"] else None
        if against == judge:
            raise InvalidInput("A judge agrees with itself: name another with --against.")
        findings = pass_rates.findings_of(dataset, judge)
        report = {
            "dataset": dataset.slug,
            "judge": judge.name,
            "funnel": pass_rates.funnel(dataset),
            "dimensions": pass_rates.dimension_rates(findings),
            "drops": pass_rates.drops(findings),
            "groups": {by: pass_rates.rates_by(findings, by=by) for by in ("pair", "template", "acting")},
            "judges": [
                {"first": pair.first.name, "second": pair.second.name, "rows": pair.rows}
                for pair in judge_comparison.compare_all(dataset)
            ],
            "differing": []
            if against is None
            else list(judge_comparison.differing(dataset, judge, against).values_list("uid", flat=True)),
        }
        if options["json"]:
            self.stdout.write(json.dumps(plain(report), ensure_ascii=False))
            return
        for line in _lines(report):
            self.stdout.write(line)

    def _judge(self, dataset: Dataset, name: str | None) -> Judge:
        there = judge_comparison.judges_of(dataset)
        judges = [judge for judge in there if judge.name == name] if name else there[:1]
        if not judges:
            known = ", ".join(judge.name for judge in there) or "none yet: filter it first"
            raise NotFound(f"Dataset {dataset.slug!r} has no verdicts of judge {name or '?'!r}. Judges: {known}.")
        return judges[0]


def _lines(report: dict[str, Any]) -> list[str]:
    lines = [f"{report['dataset']}, judged by {report['judge']}", ""]
    lines += [f"{stage.label:<16} {stage.count:>6}" for stage in report["funnel"]]
    lines += ["", "Pass rates"]
    rates = report["dimensions"]
    for name, rate in [*rates.dimensions.items(), ("all together", rates.all)]:
        lines.append(f"  {str(name).replace('_', ' '):<16} {_share(rate.rate)}, {rate.unparsable} unparsable")
    lines += ["", "What drops scenarios, of those dropped"]
    for drop in report["drops"]:
        label = str(drop.dimension.label)
        lines.append(f"  {label:<16} {_share(drop.share)}; {drop.alone} of them for this alone")
    for by, groups in report["groups"].items():
        lines += ["", f"Kept by {by}"]
        lines += [f"  {group.label:<30} {_share(group.rates.all.rate)}" for group in groups]
    for pair in report["judges"]:
        lines += ["", f"{pair['first']} and {pair['second']}"]
        for row in pair["rows"]:
            agreement = row.agreement
            raw, kappa = _share(agreement.raw), _number(agreement.kappa)
            lines.append(f"  {row.label:<16} raw {raw}; kappa {kappa}; {agreement.left_out} left out")
    if report["differing"]:
        lines += ["", "Decided differently:", *(f"  {uid}" for uid in report["differing"])]
    return lines


def _share(estimate: Estimate) -> str:
    if estimate.value is None:
        return f"undefined ({estimate.reason})"
    interval = "" if estimate.low is None or estimate.high is None else f" [{estimate.low:.0%}, {estimate.high:.0%}]"
    return f"{estimate.value:.0%}{interval}, n = {estimate.n}"


def _number(estimate: Estimate) -> str:
    if estimate.value is None:
        return f"undefined ({estimate.reason})"
    interval = "" if estimate.low is None or estimate.high is None else f" [{estimate.low:.2f}, {estimate.high:.2f}]"
    return f"{estimate.value:.2f}{interval}"
