"""Every address: pages of each room, and the API under /api/v1/."""

from django.contrib import admin
from django.contrib.auth import views as auth
from django.contrib.auth.decorators import login_not_required
from django.urls import include, path, register_converter, reverse_lazy
from drf_spectacular.views import SpectacularAPIView

from conflictscope.converters import NumberConverter
from conflictscope.overview.report.api import ReportView

register_converter(NumberConverter, "number")  # before the rooms' addresses are read

urlpatterns = [
    path("login/", auth.LoginView.as_view(template_name="login.html", redirect_authenticated_user=True), name="login"),
    path("logout/", auth.LogoutView.as_view(), name="logout"),
    path(
        "password/",
        auth.PasswordChangeView.as_view(
            template_name="password.html", success_url=reverse_lazy("overview:password_changed")
        ),
        name="password_change",
    ),
    path("admin/", admin.site.urls),
    path("api/v1/schema/", login_not_required(SpectacularAPIView.as_view()), name="schema"),
    path("", include("conflictscope.overview.urls")),
    path("api/v1/studies/<slug:study>/report/", ReportView.as_view(), name="api-report"),
    path("", include("conflictscope.llm.urls")),
    path("", include("conflictscope.jobs.urls")),
    path("", include("conflictscope.values.urls")),
    path("api/v1/", include("conflictscope.values.api.urls")),
    path("", include("conflictscope.scenarios.urls")),
    path("api/v1/", include("conflictscope.scenarios.api.urls")),
    path("", include("evaluation.urls")),
    path("api/v1/", include("evaluation.api.urls")),
    path("", include("annotation.urls")),
    path("api/v1/", include("annotation.api.urls")),
    path("", include("conflictscope.exports.urls")),
]

handler400 = "conflictscope.overview.error_pages.bad_request"
handler403 = "conflictscope.overview.error_pages.forbidden"
handler404 = "conflictscope.overview.error_pages.not_found"
handler500 = "conflictscope.overview.error_pages.server_error"
