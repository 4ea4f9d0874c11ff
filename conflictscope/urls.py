"""Every address: pages of each room, and the API under /api/v1/."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.urls import include, path, register_converter
from drf_spectacular.views import SpectacularAPIView

from conflictscope.converters import Base36Converter, NumberConverter
from conflictscope.overview.report.api import ReportView

register_converter(Base36Converter, "base36")
register_converter(NumberConverter, "number")  # before the rooms' addresses are read

# The admin has no login of its own: the house's counts who tries, and asks for a second factor.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

urlpatterns = [
    path("", include("conflictscope.accounts.urls")),
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
