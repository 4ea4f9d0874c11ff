"""How much one account may ask of the labelling API: far more than a person does, and not so much that others notice."""

from __future__ import annotations

import time

from django.conf import settings
from django.core.cache import caches
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

_MINUTE = 60


class LabellingThrottle(BaseThrottle):
    """`settings.LABELLING_REQUESTS_PER_MINUTE` of each account, counted by the clock's minutes in each server process."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        most = settings.LABELLING_REQUESTS_PER_MINUTE
        if not most or not request.user.is_authenticated:
            return True
        cache = caches["process"]
        key = f"labelling:{request.user.pk}:{int(time.time() // _MINUTE)}"
        if cache.add(key, 1, timeout=_MINUTE):
            return True
        return bool(cache.incr(key) <= most)

    def wait(self) -> float:
        return _MINUTE - time.time() % _MINUTE
