"""Can this judge be believed? All judges of a study in one table, and a page with the passport of each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from annotation.agreement.defensible import chosen_otherwise, takes_two
from annotation.agreement.passport import Passport, judges_in, passport_of
from annotation.agreement.passport_charts import ceiling_chart
from annotation.agreement.sealed import open_test, openings_of
from annotation.agreement.tables import labels_of
from annotation.kinds import KINDS
from annotation.models import Campaign
from annotation.monitoring.progress import begun, campaigns_of
from conflictscope.charts.downloads import chart_response
from conflictscope.http import Request
from conflictscope.scenarios.models import Judge
from conflictscope.studies.access import study_for
from conflictscope.studies.permissions import Action

# Passports worked out for one page: each reads what a judge said of every labelled item.
SHOWN = 12


@dataclass(frozen=True, slots=True)
class Held:
    """A campaign with a judge that it can be held against."""

    campaign: Campaign
    judge: Judge

    @property
    def address(self) -> str:
        return reverse("annotation:passport", args=[self.campaign.study.slug, self.campaign.slug, self.judge.name])


@require_safe
def passports(request: Request, study: str) -> HttpResponse:
    this_study = study_for(request.user, study)
    every = list(campaigns_of(this_study))
    labelled = begun(every)
    campaigns = [campaign for campaign in every if campaign.pk in labelled]
    held = [Held(campaign, judge) for campaign in campaigns for judge in judges_in(campaign)]
    page = Paginator(held, SHOWN).get_page(request.GET.get("page"))
    # A campaign's labels are read once for all its judges, and only where a passport is not known yet.
    labels = {each.campaign.pk: cache(partial(labels_of, each.campaign)) for each in page}
    rows = [(each, passport_of(each.campaign, each.judge, labels=labels[each.campaign.pk])) for each in page]
    context = {"study": this_study, "section": "agreement", "page": page, "rows": rows, "campaigns": campaigns}
    context["sets"] = any(takes_two(each.campaign) for each, _ in rows)
    context["undecided"] = any(row.undecided for _, passport in rows for row in passport.rows)
    context["simulated"] = any(passport.simulated for _, passport in rows)
    return render(request, "annotation/passports.html", context)


@require_safe
def passport(request: Request, study: str, campaign: str, judge: str) -> HttpResponse:
    this_campaign, this_judge = held_against(request, study, campaign, judge)
    shown = passport_of(this_campaign, this_judge)
    others = [each for each in judges_in(this_campaign) if each.pk != this_judge.pk]
    context = {
        "study": this_campaign.study,
        "section": "agreement",
        "campaign": this_campaign,
        "judge": this_judge,
        "passport": shown,
        "prompts": sorted(this_judge.prompt_versions.items()),
        "parameters": sorted(this_judge.parameters.items()),
        "others": others,
        "sets": takes_two(this_campaign),
        "undecided": any(row.undecided for row in shown.rows),
        "warnings": _warnings(shown),
        "otherwise": chosen_otherwise(this_campaign, this_judge, others),
        "kind_has_prompts": KINDS[this_campaign.kind].judged,
        "openings": list(openings_of(this_campaign)),
        "opening": openings_of(this_campaign).filter(judge=this_judge).first(),
        "chart": ceiling_chart(shown, this_campaign) if shown.items else None,
        "chart_src": reverse(
            "annotation:passport_chart", args=[this_campaign.study.slug, this_campaign.slug, this_judge.name]
        ),
    }
    return render(request, "annotation/passport.html", context)


def _warnings(shown: Passport) -> list[tuple[str, list[str]]]:
    """Each warning once, with the subjects that it is about."""
    subjects: dict[str, list[str]] = {}
    for row in shown.rows:
        for warning in dict.fromkeys((*row.majority.warnings, row.footing.kappa.judge.warning)):
            if warning:
                subjects.setdefault(warning, []).append(row.subject.label)
    return list(subjects.items())


@require_POST
def open_sealed(request: Request, study: str, campaign: str, judge: str) -> HttpResponse:
    this_campaign, this_judge = held_against(request, study, campaign, judge, may=Action.RUN_PIPELINE)
    opening = open_test(this_campaign, this_judge, by=request.user, reason=request.POST.get("reason", ""))
    messages.success(
        request,
        f"The test is open for {this_judge}, on {opening.items} labelled items. From now on its passport rests on them.",
    )
    return redirect("annotation:passport", study, campaign, judge)


@require_safe
def passport_chart(request: Request, study: str, campaign: str, judge: str) -> HttpResponse:
    this_campaign, this_judge = held_against(request, study, campaign, judge)
    shown: Passport = passport_of(this_campaign, this_judge)
    if not shown.items:
        raise Http404("Nobody has labelled anything in this campaign yet, so there is nothing to draw.")
    return chart_response(
        request, ceiling_chart(shown, this_campaign), name=f"passport-{this_campaign.slug}-{this_judge.name}"
    )


def held_against(
    request: Request, study: str, campaign: str, name: str, *, may: Action = Action.SEE
) -> tuple[Campaign, Judge]:
    """
    Raises:
        Http404: no such campaign of the study, or a judge that has said nothing of what it asks about.
    """
    this_campaign = get_object_or_404(campaigns_of(study_for(request.user, study, may=may)), slug=campaign)
    judge = next((each for each in judges_in(this_campaign) if each.name == name), None)
    if judge is None:
        raise Http404("No judge of that name has said anything of what this campaign asks about.")
    return this_campaign, judge
