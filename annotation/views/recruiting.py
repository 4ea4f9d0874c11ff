"""The researcher's page of a campaign that recruits by a link: who may come, what they agree to, what they are owed."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from annotation.crowd import paying, recruiting
from annotation.crowd.groups import group_tables
from annotation.crowd.models import ConsentText, Recruitment
from annotation.guidelines import as_html
from annotation.models import Assignment, Campaign
from annotation.views.crowd_forms import AccessForm, ConsentForm, GroupsForm, TermsForm, WaysOutForm
from conflictscope.errors import ConflictScopeError
from conflictscope.http import Request
from conflictscope.studies.access import study_for
from conflictscope.studies.permissions import Action

_DONE = {
    "access": "Who may label is stored.",
    "consent": "What people agree to is stored.",
    "terms": "How the campaign recruits is stored.",
    "ways": "What people take back to the platform is stored.",
    "groups": "What people are asked about themselves is stored.",
}


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def recruit(request: Request, study: str, campaign: str) -> HttpResponse:
    may = Action.RUN_PIPELINE if request.method == "POST" else Action.SEE
    one = _campaign(request, study, campaign, may=may)
    forms_shown = _forms(one)
    if request.method == "POST" and (do := request.POST.get("do", "")) in forms_shown:
        form = forms_shown[do] = type(forms_shown[do])(request.POST)
        if form.is_valid():
            try:
                _store(do, one, form, by=request.user)
            except ConflictScopeError as exc:
                form.add_error(None, exc.sentence)
            else:
                messages.success(request, _DONE[do])
                return redirect("annotation:recruit", study, campaign)
    failed = any(form.errors for form in forms_shown.values())
    return _page(request, one, forms_shown, status=400 if failed else 200)


@never_cache
@require_safe
def payments(request: Request, study: str, campaign: str) -> HttpResponse:
    """What guests are owed, as a CSV file; with their ids only where somebody asks for them."""
    one = _campaign(request, study, campaign, may=Action.RUN_PIPELINE)
    recruitment = recruiting.recruitment_now(one)
    with_ids = request.GET.get("ids") == "1"
    rows = paying.payments_of(one, with_identities=with_ids)
    reply = HttpResponse(
        paying.as_csv(rows, currency=recruitment.currency if recruitment.pay_per_hour is not None else ""),
        content_type="text/csv; charset=utf-8",
    )
    reply["Content-Disposition"] = f'attachment; filename="{one.slug}-payments{"-with-ids" if with_ids else ""}.csv"'
    return reply


def link_of(request: HttpRequest, recruitment: Recruitment) -> str:
    """The link to give to people, with the placeholders that a platform fills in."""
    address = request.build_absolute_uri(recruitment.get_absolute_url())
    if recruitment.campaign.access != Campaign.Access.CROWD:
        return address
    names = (recruitment.person_parameter, recruitment.study_parameter, recruitment.session_parameter)
    filled = urlencode({name: f"{{{{%{name}%}}}}" for name in names if name})
    return f"{address}?{filled.replace('%7B', '{').replace('%7D', '}').replace('%25', '%')}"


def _campaign(request: Request, study: str, slug: str, *, may: Action) -> Campaign:
    this_study = study_for(request.user, study, may=may)
    campaign: Campaign = get_object_or_404(Campaign.objects.select_related("study"), study=this_study, slug=slug)
    return campaign


def _page(request: Request, one: Campaign, shown: dict[str, forms.Form], *, status: int) -> HttpResponse:
    recruitment = recruiting.recruitment_now(one)
    consent: ConsentText | None = one.consents.last()
    rows = paying.payments_of(one)
    context: dict[str, Any] = {
        "study": one.study,
        "section": "campaigns",
        "campaign": one,
        "recruitment": recruitment,
        "link": link_of(request, recruitment) if one.access in recruiting.BY_LINK and recruitment.key else "",
        "consent": consent,
        "consent_html": as_html(consent.markdown) if consent else "",
        "forms": shown,
        "payments": rows,
        "total": paying.total(rows),
        "groups": group_tables(one),
        "spared": Assignment.objects.filter(item__campaign=one, distressing=True).count(),
    }
    return render(request, "annotation/recruiting.html", context, status=status)


def _forms(one: Campaign) -> dict[str, forms.Form]:
    """A form a subject, filled with what stands."""
    recruitment = recruiting.recruitment_now(one)
    consent = one.consents.last()
    said = {"seen": 0}
    if consent is not None:
        said = {name: getattr(consent, name) for name in ("warning", "markdown", "ethics", "labels_go")}
        said["seen"] = consent.version
    ways: dict[str, str] = {}
    for way in one.ways_out.all():
        ways |= {f"code_{way.ending}": way.code, f"url_{way.ending}": way.url}
    return {
        "access": AccessForm(initial={"access": one.access}),
        "consent": ConsentForm(initial=said),
        "terms": TermsForm(initial={name: getattr(recruitment, name) for name in TermsForm.base_fields}),
        "ways": WaysOutForm(initial=ways),
        "groups": GroupsForm(initial={"questions": recruiting.in_lines(recruiting.asked_of_groups(one))}),
    }


def _store(do: str, one: Campaign, form: Any, *, by: User) -> None:
    """What the form of that name asks for."""
    if do == "access":
        recruiting.let_in(one, form.cleaned_data["access"])
    elif do == "consent":
        recruiting.write_consent(one, by=by, **form.cleaned_data)
    elif do == "terms":
        recruiting.set_terms(one, form.terms)
    elif do == "ways":
        recruiting.set_ways_out(one, form.ways)
    else:
        recruiting.set_group_questions(one, recruiting.read_group_questions(form.cleaned_data["questions"]))
