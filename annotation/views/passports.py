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
    found = study_for(request.user, study)
    every = list(campaigns_of(found))
    labelled = begun(every)
    campaigns = [one for one in every if one.pk in labelled]
    held = [Held(one, judge) for one in campaigns for judge in judges_in(one)]
    page = Paginator(held, SHOWN).get_page(request.GET.get("page"))
    # A campaign's labels are read once for all its judges, and only where a passport is not known yet.
    labels = {each.campaign.pk: cache(partial(labels_of, each.campaign)) for each in page}
    rows = [(each, passport_of(each.campaign, each.judge, labels=labels[each.campaign.pk])) for each in page]
    context = {"study": found, "section": "agreement", "page": page, "rows": rows, "campaigns": campaigns}
    context["simulated"] = any(passport.simulated for _, passport in rows)
    return render(request, "annotation/passports.html", context)


@require_safe
def passport(request: Request, study: str, campaign: str, judge: str) -> HttpResponse:
    one, found = held_against(request, study, campaign, judge)
    shown = passport_of(one, found)
    context = {
        "study": one.study,
        "section": "agreement",
        "campaign": one,
        "judge": found,
        "passport": shown,
        "prompts": sorted(found.prompt_versions.items()),
        "parameters": sorted(found.parameters.items()),
        "others": [each for each in judges_in(one) if each.pk != found.pk],
        "kind_has_prompts": KINDS[one.kind].by_dimension,
        "openings": list(openings_of(one)),
        "opening": openings_of(one).filter(judge=found).first(),
        "chart": ceiling_chart(shown, one) if shown.items else None,
        "chart_src": reverse("annotation:passport_chart", args=[one.study.slug, one.slug, found.name]),
    }
    return render(request, "annotation/passport.html", context)


@require_POST
def open_sealed(request: Request, study: str, campaign: str, judge: str) -> HttpResponse:
    one, found = held_against(request, study, campaign, judge, may=Action.RUN_PIPELINE)
    opening = open_test(one, found, by=request.user, reason=request.POST.get("reason", ""))
    messages.success(
        request,
        f"The test is open for {found}, on {opening.items} labelled items. From now on its passport rests on them.",
    )
    return redirect("annotation:passport", study, campaign, judge)


@require_safe
def passport_chart(request: Request, study: str, campaign: str, judge: str) -> HttpResponse:
    one, found = held_against(request, study, campaign, judge)
    shown: Passport = passport_of(one, found)
    if not shown.items:
        raise Http404("Nobody has labelled anything in this campaign yet, so there is nothing to draw.")
    return chart_response(request, ceiling_chart(shown, one), name=f"passport-{one.slug}-{found.name}")


def held_against(
    request: Request, study: str, campaign: str, name: str, *, may: Action = Action.SEE
) -> tuple[Campaign, Judge]:
    """
    Raises:
        Http404: no such campaign of the study, or a judge that has said nothing of what it asks about.
    """
    one = get_object_or_404(campaigns_of(study_for(request.user, study, may=may)), slug=campaign)
    judge = next((each for each in judges_in(one) if each.name == name), None)
    if judge is None:
        raise Http404("No judge of that name has said anything of what this campaign asks about.")
    return one, judge
