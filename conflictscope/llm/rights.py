"""What an asker may do at the door: which endpoints it may ask, and whose answers in the call log are its to use.

A call carries a scope, which this room does not read: rooms above say for whom a call was made (a study), and, of whoever asks,
which scopes are open to them. Somebody who labels what a judge has judged shall not have the judge's words from the log, nor
have it say them again.
"""

from __future__ import annotations

from dataclasses import dataclass

from conflictscope.llm.errors import PermanentLLMError
from conflictscope.llm.models import Endpoint


class EndpointNotAllowed(PermanentLLMError):
    """The asker may not ask this endpoint."""

    code = "endpoint_not_allowed"
    http_status = 403


class Blinded(PermanentLLMError):
    """The very question was asked where the asker must not see the answer."""

    code = "blinded"
    http_status = 403


@dataclass(frozen=True, slots=True)
class Rights:
    """
    Args:
        scope: what the calls made with these rights carry.
        reuse: the scopes whose answers may be used; None: those of every scope.
        barred: the scopes whose questions may not even be asked again: at temperature 0 the answer would be the same.
        endpoints: the ids of those that may be asked; None: any.
        whose: who has these rights, as an error names them.
    """

    scope: str = ""
    reuse: frozenset[str] | None = frozenset({""})
    barred: frozenset[str] = frozenset()
    endpoints: frozenset[int] | None = None
    whose: str = "Whoever asks here"

    def check(self, endpoint: Endpoint) -> None:
        """
        Raises:
            EndpointNotAllowed: it is none of theirs.
        """
        if self.endpoints is not None and endpoint.pk not in self.endpoints:
            raise EndpointNotAllowed(
                f"{self.whose} may not use endpoint {endpoint.name}: an administrator can allow it. Nothing was sent."
            )


# Calls that are made for nobody in particular, such as an administrator's trial: they use each other's answers alone.
FOR_NOBODY = Rights()
