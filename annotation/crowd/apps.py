from django.apps import AppConfig


class CrowdConfig(AppConfig):
    """Tables of their own, so that who somebody is lies apart from what they answered."""

    name = "annotation.crowd"
    label = "crowd"
