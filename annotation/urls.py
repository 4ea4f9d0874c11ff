"""Addresses of this room: label/… for annotators, studies/… for those who may see the study."""

from django.urls import path

from annotation.views import (
    agreement,
    alongside,
    asked_again,
    campaigns,
    community,
    creating,
    labelling,
    mine,
    monitoring,
    more_labels,
    passports,
    people,
    tuning,
    width,
)

app_name = "annotation"
_LABEL = "label/<slug:study>/<slug:campaign>/"
_CAMPAIGN = "studies/<slug:study>/campaigns/<slug:campaign>/"
_PEOPLE = "studies/<slug:study>/people/<slug:people>/order/"
_AGREEMENT = "studies/<slug:study>/agreement/"
_PASSPORT = "studies/<slug:study>/judges/<slug:campaign>/<slug:judge>/"
urlpatterns = [
    path("label/", mine.my_work, name="my_work"),
    path(f"{_LABEL}hand-back/", mine.hand_back, name="label_hand_back"),
    path(_LABEL, labelling.label, name="label"),
    path(f"{_LABEL}guideline/", labelling.guideline, name="guideline"),
    path(f"{_LABEL}start/", labelling.start, name="label_start"),
    path(f"{_LABEL}peek/", labelling.peek, name="label_peek"),
    path(f"{_LABEL}latest/", alongside.latest, name="label_latest"),
    path(f"{_LABEL}<uuid:token>/heartbeat/", alongside.heartbeat, name="label_heartbeat"),
    path(f"{_LABEL}<uuid:token>/", labelling.submitted, name="label_submitted"),
    path(f"{_LABEL}<uuid:token>/edit/", labelling.edit, name="label_edit"),
    path(f"{_LABEL}<uuid:token>/answers/", labelling.answers, name="label_answers"),
    path(f"{_LABEL}<uuid:token>/submit/", labelling.submit, name="label_submit"),
    path(f"{_LABEL}<uuid:token>/skip/", labelling.skip, name="label_skip"),
    path(f"{_LABEL}<uuid:token>/skip/undo/", labelling.undo_skip, name="label_undo_skip"),
    path(f"{_LABEL}<uuid:token>/flag/", labelling.flag, name="label_flag"),
    path("studies/<slug:study>/runs/<number:run>/more-labels/", more_labels.more_labels, name="more_labels"),
    path("studies/<slug:study>/runs/<number:run>/more-labels/add/", more_labels.add_labels, name="add_labels"),
    path("studies/<slug:study>/campaigns/", campaigns.campaigns, name="campaigns"),
    # Not below campaigns/: a campaign may be called "new".
    path("studies/<slug:study>/new-campaign/", creating.create_campaign, name="create_campaign"),
    path("studies/<slug:study>/new-campaign/precision/", creating.precision, name="precision"),
    path("studies/<slug:study>/new-campaign/guideline/", creating.preview_guideline, name="preview_guideline"),
    path(_CAMPAIGN, campaigns.campaign, name="campaign"),
    path(f"{_CAMPAIGN}so-far/", monitoring.agreement_so_far, name="so_far"),
    path(f"{_CAMPAIGN}ties/", monitoring.ties, name="ties"),
    path(f"{_CAMPAIGN}items/<number:item>/", monitoring.item, name="item"),
    path(f"{_CAMPAIGN}items/<number:item>/settle/", monitoring.settle_item, name="settle_item"),
    path(f"{_CAMPAIGN}people/", people.people, name="people"),
    path(f"{_CAMPAIGN}people/<str:pseudonym>/", people.person, name="person"),
    path(f"{_CAMPAIGN}people/<str:pseudonym>/exclude/", people.exclude_person, name="exclude_person"),
    path(f"{_CAMPAIGN}people/<str:pseudonym>/include/", people.include_person, name="include_person"),
    path(f"{_CAMPAIGN}preview/", creating.preview, name="preview"),
    path(f"{_CAMPAIGN}preview/<number:place>/", creating.preview_item, name="preview_item"),
    path(f"{_CAMPAIGN}open/", campaigns.open_campaign, name="open_campaign"),
    path(f"{_CAMPAIGN}pause/", campaigns.pause_campaign, name="pause_campaign"),
    path(f"{_CAMPAIGN}extend/", creating.extend_campaign, name="extend_campaign"),
    path(f"{_CAMPAIGN}split/", campaigns.split_campaign, name="split_campaign"),
    path(f"{_CAMPAIGN}close/", campaigns.close_campaign, name="close_campaign"),
    path(f"{_CAMPAIGN}guideline/", campaigns.add_guideline, name="add_guideline"),
    path(f"{_CAMPAIGN}decide/", campaigns.decide_campaign, name="decide_campaign"),
    path(_AGREEMENT, agreement.agreement, name="agreement"),
    path("studies/<slug:study>/judges/", passports.passports, name="passports"),
    path(_PASSPORT, passports.passport, name="passport"),
    path(f"{_PASSPORT}tune/", tuning.tune, name="tune"),
    path(f"{_CAMPAIGN}width/", width.width, name="width"),
    path(f"{_PASSPORT}again/", asked_again.ask_again, name="ask_again"),
    path(f"{_PASSPORT}open/", passports.open_sealed, name="open_sealed"),
    path(_PEOPLE, community.community, name="community"),
    path(f"{_PEOPLE}chart/", community.community_chart, name="community_chart"),
    path(f"{_PEOPLE}tables/<slug:distances>/", community.community_table, name="community_table"),
    path(f"{_PASSPORT}chart/", passports.passport_chart, name="passport_chart"),
    path(f"{_AGREEMENT}<slug:campaign>/chart/", agreement.agreement_chart, name="agreement_chart"),
    path(f"{_AGREEMENT}<slug:campaign>/items/<slug:dimension>/", agreement.agreement_items, name="agreement_items"),
    path(
        "studies/<slug:study>/datasets/<slug:dataset>/scenarios/<str:uid>/labels/",
        campaigns.scenario_labels,
        name="scenario_labels",
    ),
]
