"""Pages of value sets, datasets and scenarios."""

from django.urls import path

from conflictscope.scenarios import views

app_name = "scenarios"
urlpatterns = [
    path("value-sets/", views.value_sets, name="value_sets"),
    path("value-sets/import/", views.import_value_set, name="import_value_set"),
    path("value-sets/<slug:value_set>/", views.value_set, name="value_set"),
    path("studies/<slug:study>/datasets/", views.datasets, name="datasets"),
    path("studies/<slug:study>/datasets/new/", views.new_dataset, name="new_dataset"),
    path("studies/<slug:study>/datasets/import/", views.import_dataset, name="import_dataset"),
    path("studies/<slug:study>/datasets/<slug:dataset>/", views.dataset, name="dataset"),
    path("studies/<slug:study>/datasets/<slug:dataset>/live/", views.dataset_live, name="dataset_live"),
    path("studies/<slug:study>/datasets/<slug:dataset>/generate/", views.generate, name="generate"),
    path("studies/<slug:study>/datasets/<slug:dataset>/filter/", views.filter_dataset, name="filter"),
    path("studies/<slug:study>/datasets/<slug:dataset>/scenarios/<str:uid>/", views.scenario, name="scenario"),
]
