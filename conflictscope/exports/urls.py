"""Pages of exports."""

from django.urls import path

from conflictscope.exports import views

app_name = "exports"
urlpatterns = [
    path("studies/<slug:study>/exports/", views.exports, name="exports"),
    path("studies/<slug:study>/exports/download/", views.download, name="download"),
]
