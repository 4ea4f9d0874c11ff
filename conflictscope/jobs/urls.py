"""Pages of a study's jobs."""

from django.urls import path

from conflictscope.jobs.views import pages as views

app_name = "jobs"
urlpatterns = [
    path("studies/<slug:study>/jobs/", views.jobs, name="jobs"),
    path("studies/<slug:study>/jobs/spending/", views.spending, name="spending"),
    path("studies/<slug:study>/jobs/workers/", views.workers, name="workers"),
    path("studies/<slug:study>/jobs/<number:job>/row/", views.row, name="row"),
    path("studies/<slug:study>/jobs/<number:job>/usage/", views.usage, name="usage"),
    path("studies/<slug:study>/jobs/<number:job>/", views.job, name="job"),
    path("studies/<slug:study>/jobs/<number:job>/pause/", views.pause, name="pause"),
    path("studies/<slug:study>/jobs/<number:job>/resume/", views.resume, name="resume"),
    path("studies/<slug:study>/jobs/<number:job>/budget/", views.budget, name="budget"),
    path("studies/<slug:study>/jobs/<number:job>/cancel/", views.cancel, name="cancel"),
    path("studies/<slug:study>/jobs/<number:job>/retry/", views.retry, name="retry"),
]
