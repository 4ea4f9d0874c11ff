"""ConflictScope: validate how language models rank values under conflict."""

from conflictscope.celery import app as celery_app

__all__ = ["celery_app"]
