"""Forms of accounts, in the house's words."""

from __future__ import annotations

from typing import Any

from allauth.account.forms import LoginForm as AllauthLoginForm
from allauth.account.forms import SignupForm as AllauthSignupForm
from django import forms

from conflictscope.accounts.inviting import MOST_DAYS, MOST_USES
from conflictscope.studies.forms import ROLES
from conflictscope.studies.permissions import Role


class NameLoginForm(AllauthLoginForm):  # type: ignore[misc]  # it publishes no types
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].label = "Username or e-mail address"
        self.fields["password"].help_text = ""
        for field in self.fields.values():
            field.widget.attrs.pop("placeholder", None)
        self.fields["login"].widget.attrs["autocapitalize"] = "none"


class NewAccountForm(AllauthSignupForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs.pop("placeholder", None)
        self.fields["username"].help_text = "Owners of your studies see it; who reads your labels sees a pseudonym."
        self.fields["email"].label = "E-mail address"
        self.fields[
            "email"
        ].help_text = "For a new password when you have forgotten yours. Without it an administrator has to help."
        self.fields["password2"].label = "Password, once more"


class InviteForm(forms.Form):
    role = forms.ChoiceField(
        choices=[(role, words) for role, words in ROLES if role != Role.OWNER], initial=Role.ANNOTATOR
    )
    email = forms.EmailField(
        label="E-mail address",
        required=False,
        help_text="The invitation is sent there, for one person. Empty: you get a link to pass on.",
    )
    most_uses = forms.IntegerField(label="For how many people", initial=1, min_value=1, max_value=MOST_USES)
    days = forms.IntegerField(label="For how many days", initial=14, min_value=1, max_value=MOST_DAYS)
