"""Pages of value sets."""

from django.urls import path

from conflictscope.values.views import browsing, drafting, owning, proposing

app_name = "values"
_SET = "value-sets/<slug:value_set>/"
_VERSION = f"{_SET}versions/<number:number>/"
_PROPOSAL = f"{_SET}proposals/<number:proposal>/"
urlpatterns = [
    path("value-sets/", browsing.value_sets, name="value_sets"),
    path("value-sets/new/", drafting.new_value_set, name="new_value_set"),
    path("value-sets/import/", browsing.import_value_set, name="import_value_set"),
    path(_SET, browsing.value_set, name="value_set"),
    path(f"{_SET}compare/", browsing.compare, name="compare"),
    path(f"{_SET}history/", browsing.history, name="history"),
    path(f"{_SET}draft/", drafting.draft, name="draft"),
    path(f"{_SET}draft/start/", drafting.start_version, name="start_version"),
    path(f"{_SET}draft/paste/", drafting.paste, name="paste"),
    path(f"{_SET}draft/publish/", drafting.publish, name="publish"),
    path(f"{_SET}draft/discard/", drafting.discard, name="discard"),
    path(f"{_SET}proposals/", proposing.proposals, name="proposals"),
    path(f"{_PROPOSAL}speak/", proposing.speak, name="speak"),
    path(f"{_PROPOSAL}accept/", proposing.accept, name="accept"),
    path(f"{_PROPOSAL}decline/", proposing.decline, name="decline"),
    path(f"{_PROPOSAL}withdraw/", proposing.withdraw, name="withdraw"),
    path(f"{_SET}members/", owning.members, name="members"),
    path(f"{_SET}members/remove/", owning.remove_member, name="remove_member"),
    path(f"{_SET}members/answer/", owning.answer, name="answer"),
    path(_VERSION, browsing.version, name="version"),
    path(f"{_VERSION}fork/", drafting.fork, name="fork"),
    path(f"{_VERSION}retire/", drafting.retire, name="retire"),
    path(f"{_VERSION}order/", owning.new_order, name="new_order"),
    path(f"{_VERSION}<str:file>", browsing.version_file, name="version_file"),
]
