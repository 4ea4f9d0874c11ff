from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "conflictscope.accounts"
    label = "accounts"
