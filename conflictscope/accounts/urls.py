"""Addresses of accounts: our own, and those pages of django-allauth that are open here."""

from allauth.account import views as allauth
from django.conf import settings
from django.contrib.auth import views as auth
from django.urls import include, path, reverse_lazy

from conflictscope.accounts import views

_ours = (
    [
        path("account/", views.account, name="account"),
        path("account/mail/", views.wish, name="wish"),
        path("invitation/<slug:key>/", views.invitation, name="invitation"),
        path("invitation/<slug:key>/accept/", views.accept, name="accept"),
    ],
    "accounts",
)
_logout = auth.LogoutView.as_view()
_password = auth.PasswordChangeView.as_view(
    template_name="password.html", success_url=reverse_lazy("overview:password_changed")
)
# A page that the library and we call by different names stands here twice, at one address.
urlpatterns = [
    path("login/", allauth.login, name="login"),
    path("login/", allauth.login, name="account_login"),
    path("logout/", _logout, name="logout"),
    path("logout/", _logout, name="account_logout"),
    path("password/", _password, name="password_change"),
    path("password/", _password, name="account_change_password"),
    path("", include(_ours)),
    path("account/new/", allauth.signup, name="account_signup"),
    path("account/inactive/", allauth.account_inactive, name="account_inactive"),
    path("account/email/", allauth.email, name="account_email"),
    path("account/email/confirm/", allauth.email_verification_sent, name="account_email_verification_sent"),
    path("account/email/confirm/<str:key>/", allauth.confirm_email, name="account_confirm_email"),
    path("password/forgotten/", allauth.password_reset, name="account_reset_password"),
    path("password/forgotten/sent/", allauth.password_reset_done, name="account_reset_password_done"),
    path(
        "password/forgotten/<base36:uidb36>-<str:key>/",
        allauth.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path("password/forgotten/done/", allauth.password_reset_from_key_done, name="account_reset_password_from_key_done"),
]
if settings.MFA or settings.OIDC:
    urlpatterns += [
        path("account/reauthenticate/", allauth.reauthenticate, name="account_reauthenticate"),
        path("password/set/", allauth.password_set, name="account_set_password"),
    ]
if settings.MFA:
    urlpatterns.append(path("account/two-factors/", include("allauth.mfa.urls")))
if settings.OIDC:
    urlpatterns += [
        path("account/elsewhere/", include("allauth.socialaccount.urls")),
        path("account/", include("allauth.socialaccount.providers.openid_connect.urls")),
    ]
