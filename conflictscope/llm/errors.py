"""What can go wrong between us and a language model, told apart by what helps."""

from __future__ import annotations

from conflictscope.errors import ConflictScopeError
from conflictscope.llm.types import Completion


class LLMError(ConflictScopeError):
    """A call ended without a reply. `permanent`: asking again, unchanged, cannot help."""

    code = "llm_error"
    http_status = 502
    permanent = False


class TransientLLMError(LLMError):
    """Overload, a dropped connection, a server's fault: asking again later may help.

    `retry_after`: seconds until then, if the provider said so. `maybe_billed`: the provider may have done the work, and charge for
    it, although no reply has come.
    """

    code = "llm_unavailable"

    def __init__(self, sentence: str, *, retry_after: float | None = None, maybe_billed: bool = False) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after
        self.maybe_billed = maybe_billed


class RateLimited(TransientLLMError):
    """The provider asks us to slow down."""

    code = "llm_rate_limited"


class BrokenOff(TransientLLMError):
    """The provider ended a reply with an error, perhaps with a part of the text: asking again may help. `completion` is what came."""

    code = "llm_broke_off"

    def __init__(self, completion: Completion) -> None:
        super().__init__(completion.problem, maybe_billed=True)
        self.completion = completion


class PermanentLLMError(LLMError):
    """A wrong key, an unknown llm, an empty account, a request the provider will never take."""

    code = "llm_refused_request"
    permanent = True


class ContentBlocked(PermanentLLMError):
    """The provider will not have this text read by, or written with, its LLM. It is an ending of the one call, not a fault of the
    endpoint: the client hands it on as a reply that was blocked."""

    code = "llm_content_blocked"


class MissingKey(PermanentLLMError):
    """The environment variable that the endpoint names is not set."""

    code = "llm_key_missing"


class UnparsableReply(ConflictScopeError):
    """A reply that is not of the form asked for. Its owner stores `unparsable`; nobody guesses."""

    code = "llm_reply_unparsable"
    http_status = 502
