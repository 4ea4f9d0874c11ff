"""Pages of endpoints, for administrators."""

from django.urls import path

from conflictscope.llm import views

app_name = "llm"
urlpatterns = [
    path("endpoints/", views.endpoints, name="endpoints"),
    path("endpoints/new/", views.create_endpoint, name="create_endpoint"),
    path("endpoints/<number:endpoint>/", views.endpoint, name="endpoint"),
    path("endpoints/<number:endpoint>/edit/", views.edit_endpoint, name="edit_endpoint"),
    path("endpoints/<number:endpoint>/try/", views.try_endpoint, name="try_endpoint"),
]
