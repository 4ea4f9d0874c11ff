"""Pages that belong to no single room."""

from django.urls import path

from conflictscope.overview import member_views, views
from conflictscope.overview.report import views as report

app_name = "overview"
urlpatterns = [
    path("", views.home, name="home"),
    path("password/changed/", views.password_changed, name="password_changed"),
    path("api/", views.api, name="api"),
    path("endpoints/<number:endpoint>/studies/", views.endpoint_studies, name="endpoint_studies"),
    path("studies/new/", views.create_study, name="create_study"),
    path("studies/<slug:study>/", views.study, name="study"),
    path("studies/<slug:study>/report/", report.report, name="report"),
    path("studies/<slug:study>/report/tables/<slug:table>/", report.table, name="report_table"),
    path("studies/<slug:study>/report/figures/<slug:figure>/", report.figure, name="report_figure"),
    path("studies/<slug:study>/members/", member_views.members, name="members"),
    path("studies/<slug:study>/members/invite/", member_views.invite, name="invite"),
    path("studies/<slug:study>/members/revoke/", member_views.revoke_invitation, name="revoke_invitation"),
    path("studies/<slug:study>/members/hand-over/", member_views.hand_over, name="hand_over"),
    path("account/leave/<slug:study>/", member_views.leave_study, name="leave_study"),
    path("studies/<slug:study>/members/remove/", member_views.remove_member, name="remove_member"),
]
