"""A study's report, section by section; kept for the state of the study."""

from __future__ import annotations

from dataclasses import replace

from django.urls import reverse

from annotation.agreement.community import community_of
from annotation.agreement.measures import measure_subject
from annotation.agreement.tables import tables_of
from annotation.kinds import KINDS
from conflictscope.errors import NotFound
from conflictscope.overview.report.facts import Facts, decided_runs, state_of_study
from conflictscope.overview.report.findings import DONE, ranking, say_do, steering
from conflictscope.overview.report.methods import methods_of
from conflictscope.overview.report.parts import AxesFigure, Report, Section
from conflictscope.scenarios.filtering.pass_rates import dimension_rates, findings_of
from conflictscope.scenarios.models import Judge
from conflictscope.stats.types import Estimate
from conflictscope.studies.models import Study
from conflictscope.tables import ResultTable
from evaluation.measures.ablation import ablation_of
from evaluation.measures.datasets import measure
from evaluation.measures.kept import worked_out
from evaluation.rankings.consistency import contradicted

ARITHMETIC = "report 4"
# A judge below this agreement with people is named among the limits.
WEAK_KAPPA = 0.6
MUCH_UNDECIDED = 0.1


def report_of(study: Study, *, judge: Judge | None = None, who: str = "own", only: str = "") -> Report:
    """The report by one judge's decisions (None: each run's own), as decided (`own`), or `corrected` by people's, or by `people` alone.

    Args: only: slug of the dataset whose findings are told; those of all if it is empty.
    """
    runs = decided_runs(study)
    state = state_of_study(study, runs)
    report: Report = worked_out(
        ARITHMETIC, state, [study.pk, judge.pk if judge else 0, who, only], lambda: _gathered(study, judge, who, only)
    )
    return report


def _gathered(study: Study, judge: Judge | None, who: str, only: str) -> Report:
    facts = Facts.of(study, judge, only)
    agreement = _judge(facts)
    sections = [
        _question(facts),
        _data(facts),
        _people(facts),
        agreement,
        ranking(facts, who),
        say_do(facts, who),
        steering(facts),
        _communities(facts),
        _limits(facts, agreement, who),
    ]
    return Report(
        sections=tuple(section for section in sections if section is not None),
        methods=methods_of(facts),
        people=facts.by_people,
        simulated=any(run.simulated for run in facts.runs)
        or any(of_dataset.dataset.simulated for of_dataset in facts.datasets),
    )


def _question(facts: Facts) -> Section:
    study = facts.study
    sentences = [study.description] if study.description else []
    sentences += [
        f"{of_dataset.dataset.name}: when two of {_some(len(of_dataset.names), 'value', 'values')} conflict ({', '.join(of_dataset.names.values())}), "
        "which one does a language model support?"
        for of_dataset in facts.told
        if of_dataset.names
    ]
    return Section("question", "Question", tuple(sentences))


def _data(facts: Facts) -> Section:
    rows, links = [], []
    for of_dataset in facts.datasets:
        rates = (
            dimension_rates(findings_of(of_dataset.dataset, of_dataset.dataset.primary_judge))
            if of_dataset.dataset.primary_judge
            else None
        )
        try:
            measured = measure(of_dataset.dataset)
            agreement, divergence = measured.agreement.mean, measured.divergence.share
        except NotFound:
            agreement = divergence = Estimate.undefined("not evaluated by multiple choice")
        rows.append(
            (
                of_dataset.dataset.name,
                str(of_dataset.dataset.get_variant_display()),
                sum(of_dataset.statuses.values()),
                of_dataset.statuses.get("kept", 0),
                rates.all.rate if rates else Estimate.undefined("not filtered"),
                agreement,
                divergence,
            )
        )
        links.append(of_dataset.dataset.get_absolute_url())
    table = ResultTable(
        "data",
        "Datasets",
        ("Dataset", "Variant", "Scenarios", "Kept", "Pass all dimensions", "Observed agreement", "Likert divergence"),
        tuple(rows),
        tuple(links),
        note="Observed agreement: how often two targets choose alike by multiple choice; lower means more challenging. Likert divergence: "
        "how often a target rates the two actions differently.",
        percent=frozenset({"Pass all dimensions"}),
    )
    slug = facts.study.slug
    ablation = ablation_of(facts.study)
    several = len(ablation.rows) > 1
    points = ablation.points()
    return Section(
        "data",
        "Data",
        (ablation.sentence,) if several else (),
        (AxesFigure("difficulty", points),) if len(points) > 1 else (),
        tables=(table, ablation.table()) if several else (table,),
        links=(("Datasets compared", reverse("evaluation:compare_datasets", args=[slug])),),
    )


def _people(facts: Facts) -> Section:
    if not facts.campaigns:
        return Section("people", "People", ("No people have labelled anything in this study.",))
    rows = tuple(
        (
            row.campaign.name,
            str(row.campaign.get_kind_display()),
            str(row.campaign.get_state_display()).lower(),
            row.items,
            row.complete,
            row.submissions,
            row.people,
            "simulated" if row.simulated else "",
        )
        for row in facts.campaigns
    )
    table = ResultTable(
        "people",
        "Campaigns",
        ("Campaign", "Kind", "State", "Items", "Complete", "Labels", "People", "Remark"),
        rows,
        tuple(row.campaign.get_absolute_url() for row in facts.campaigns),
    )
    return Section("people", "People", tables=(table,))


def _judge(facts: Facts) -> Section:
    rows, links = [], []
    for row in facts.campaigns:
        if not row.submissions:
            continue
        tables = tables_of(row.campaign)
        if tables.judge is None:
            continue
        measured = measure_subject(tables, tables.main)
        rows.append(
            (
                row.campaign.name,
                str(tables.judge),
                measured.label,
                measured.judge_people.raw,
                measured.judge_people.kappa,
                measured.judge_people.ac1,
                measured.alpha,
            )
        )
        links.append(f"{reverse('annotation:agreement', args=[facts.study.slug])}?campaign={row.campaign.slug}")
    if not rows:
        return Section(
            "judge",
            "Judge",
            ("Nobody knows yet how far a judge can be trusted here: no campaign has labels beside a judge's.",),
        )
    table = ResultTable(
        "judge",
        "Judge against people",
        ("Campaign", "Judge", "About", "Raw agreement", "Cohen's κ", "Gwet's AC1", "Between people: α"),
        tuple(rows),
        tuple(links),
        note="The judge against the majority of people; α (Krippendorff) is people's agreement with each other.",
    )
    return Section("judge", "Judge", tables=(table,))


def _communities(facts: Facts) -> Section | None:
    """What people themselves would have done, and how far targets stand from it; None where nobody was asked."""
    told = {of_dataset.dataset.pk for of_dataset in facts.told}
    sentences, tables, links = [], [], []
    for row in facts.campaigns:
        campaign = row.campaign
        if not row.submissions or not KINDS[campaign.kind].orders_values or campaign.dataset_id not in told:
            continue
        found = community_of(campaign)
        sentences.append(f"{campaign.name}: {found.sentence}")
        tables += [
            replace(table, name=f"{table.name}-{campaign.slug}") for table in found.tables() if table.rows
        ]  # fmt: skip
        links.append((campaign.name, reverse("annotation:community", args=[facts.study.slug, campaign.slug])))
    if not tables:
        return None
    return Section("community", "Community", tuple(sentences), tables=tuple(tables), links=tuple(links))


def _limits(facts: Facts, agreement: Section, who: str) -> Section:
    sentences = []
    if any(run.simulated for run in facts.runs):
        sentences.append(
            "Some answers, judgements or scenarios come from simulated language models: they show how things work, and are no findings."
        )
    for table in agreement.tables:
        for row in table.rows:
            kappa = row[4]
            if isinstance(kappa, Estimate) and (kappa.value is None or (kappa.low or 0) < WEAK_KAPPA):
                sentences.append(
                    f"{row[0]}: the judge's agreement with people is not surely above κ = {WEAK_KAPPA:.1f}."
                )
    talked = [fitted_run for fitted_run in facts.fitted if fitted_run.run.mode == DONE]
    alone = [
        fitted_run for fitted_run in talked if fitted_run.corrected is None or fitted_run.corrected.results["reason"]
    ]
    if alone:
        sentences.append(
            f"Of {len(talked)} rankings of conversations {len(alone)} stand by the judge's word alone: people have decided too few of their "
            "scenarios, or none, to correct it."
        )
    if who == "own" and facts.by_people:
        sentences.append(
            "What is shown is as the judge decided; where people decided some, the corrected ranking is the one to cite."
        )
    sentences += [
        f"{fitted_run.run.target}, {of_dataset.dataset.name}: the judge alone is contradicted by people on {', '.join(values)}."
        for of_dataset in facts.told
        for fitted_run in of_dataset.fitted
        if (values := contradicted(fitted_run, of_dataset.names))
    ]
    penalised = sum(fitted_run.penalised is not None for fitted_run in facts.fitted)
    if penalised:
        sentences.append(
            f"{_some(penalised, 'ranking has', 'rankings have')} no finite fit and {'is' if penalised == 1 else 'are'} shown by the penalised one, without limits."
        )
    borrowing = sum(
        bool(fitted_run.corrected and fitted_run.corrected.results["borrowing"]) for fitted_run in facts.fitted
    )
    if borrowing:
        sentences.append(
            f"{_some(borrowing, 'corrected ranking borrows', 'corrected rankings borrow')} from other pairs where fewer than five scenarios were labelled."
        )
    undecided = sum(
        (fitted_run.shown.results["counts"]["undecided"]["value"] or 0) > MUCH_UNDECIDED for fitted_run in facts.fitted
    )
    if undecided:
        sentences.append(
            f"In {_some(undecided, 'run', 'runs')} more than {MUCH_UNDECIDED:.0%} of the trials were left undecided."
        )
    misfit = sum((fitted_run.ranking.results["fit"]["p_value"] or 1) < 0.05 for fitted_run in facts.fitted)
    tested = sum(fitted_run.ranking.results["fit"]["p_value"] is not None for fitted_run in facts.fitted)
    if tested:
        sentences.append(
            f"One order of values does not describe the choices well in {misfit} of {tested} runs in which that can be tested (p < 0.05)."
        )
    if facts.stale:
        sentences.append(
            f"{_some(len(facts.stale), 'ranking is', 'rankings are')} out of date: something was judged since."
        )
    unranked = [
        run
        for of_dataset in facts.datasets
        if of_dataset.names
        for run in of_dataset.runs
        if run.pk not in {each.run.pk for each in of_dataset.fitted}
    ]
    if unranked:
        sentences.append(
            f"{_some(len(unranked), 'run has', 'runs have')} not been ranked yet{' by this judge' if facts.judge else ''}."
        )
    return Section("limits", "Limits", tuple(sentences))


def _some(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
