"""Pages of value sets."""

from django.urls import path

from conflictscope.values import views

app_name = "values"
urlpatterns = [
    path("value-sets/", views.value_sets, name="value_sets"),
    path("value-sets/import/", views.import_value_set, name="import_value_set"),
    path("value-sets/<slug:value_set>/", views.value_set, name="value_set"),
]
