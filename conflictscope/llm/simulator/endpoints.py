"""The endpoints under which the simulator's LLMs are asked: the one module of this room that knows a table."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db import transaction

from conflictscope.errors import Conflict
from conflictscope.llm.endpoints import check_endpoint
from conflictscope.llm.models import Endpoint
from conflictscope.llm.simulator import personas

# The simulator takes any key. Its endpoints name one all the same, as those of a provider do.
KEY_NAME = "CONFLICTSCOPE_KEY_SIMULATOR"
# Both protocols are in use, so that a demo shows both.
_SPEAK_ANTHROPIC = frozenset({personas.USER, personas.CAREFUL})
# Nobody is paid. The prices are those of a small LLM, so that estimates, spend and budgets can be seen at work.
_PRICE_IN, _PRICE_OUT = Decimal("0.5"), Decimal("1.5")
_CONCURRENCY = 8


def simulated_endpoints(base_url: str) -> dict[str, Endpoint]:
    """Add the endpoints of the simulator's LLMs, each named as its LLM, or point those there are to this address.

    Args:
        base_url: where the simulator answers, without `/v1`: http://127.0.0.1:8100.

    Raises:
        InvalidInput: base_url is no address.
        Conflict: an endpoint of such a name is one of another LLM.
    """
    root = base_url.strip().rstrip("/").removesuffix("/v1")
    with transaction.atomic():
        return {llm: _endpoint(llm, root) for llm in personas.LLM_IDS}


def _endpoint(llm: str, root: str) -> Endpoint:
    anthropic = llm in _SPEAK_ANTHROPIC
    address: dict[str, Any] = {
        "provider": Endpoint.Provider.ANTHROPIC if anthropic else Endpoint.Provider.OPENAI_COMPATIBLE,
        "base_url": root if anthropic else f"{root}/v1",
        "key_name": KEY_NAME,
        "simulated": True,
    }
    prices = {"price_in": _PRICE_IN, "price_out": _PRICE_OUT, "max_concurrency": _CONCURRENCY}
    check_endpoint(Endpoint(name=llm, llm=llm, **address))
    endpoint, created = Endpoint.objects.get_or_create(name=llm, defaults={"llm": llm, **address, **prices})
    if endpoint.llm != llm:
        raise Conflict(
            f"The endpoint {llm!r} is one of the LLM {endpoint.llm!r}, not of the simulator. Give it another name first."
        )
    if not created:  # prices and limits stay as somebody may have set them
        for field, value in address.items():
            setattr(endpoint, field, value)
        endpoint.save(update_fields=list(address))
    return endpoint
