"""The Celery application: the engine that runs jobs on as many machines as there are."""

import os

from celery import Celery

from conflictscope import broker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "conflictscope.settings")

broker.install()
app = Celery("conflictscope")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
