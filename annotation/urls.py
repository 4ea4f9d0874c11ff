"""Addresses of this room: label/… for annotators, studies/… for those who may see the study."""

from django.urls import path

from annotation.views import labelling

app_name = "annotation"
_LABEL = "label/<slug:study>/<slug:campaign>/"
urlpatterns = [
    path("queue/", labelling.queue, name="queue"),
    path(_LABEL, labelling.label, name="label"),
    path(f"{_LABEL}guideline/", labelling.guideline, name="guideline"),
    path(f"{_LABEL}start/", labelling.start, name="label_start"),
    path(f"{_LABEL}<uuid:token>/answers/", labelling.answers, name="label_answers"),
    path(f"{_LABEL}<uuid:token>/submit/", labelling.submit, name="label_submit"),
    path(f"{_LABEL}<uuid:token>/skip/", labelling.skip, name="label_skip"),
    path(f"{_LABEL}<uuid:token>/flag/", labelling.flag, name="label_flag"),
]
