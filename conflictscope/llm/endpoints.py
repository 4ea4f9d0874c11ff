"""Adding and changing endpoints, and what an endpoint may be: checked here for commands, pages and calls alike."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from conflictscope.errors import Conflict, InvalidInput, NotFound
from conflictscope.llm.addresses import check_address
from conflictscope.llm.models import Endpoint

OWN_ADDRESSES = {
    Endpoint.Provider.OPENAI.value: "https://api.openai.com/v1",
    Endpoint.Provider.ANTHROPIC.value: "https://api.anthropic.com",
}
# What a call is made to: fixed once there are calls, or the log would name an LLM that never said it.
IDENTITY = ("provider", "llm", "base_url")

# What the request itself is made of, or what would make of one answer several: no parameter may replace it.
_RESERVED = frozenset(
    {
        "functions",
        "messages",
        "model",
        "n",
        "response_format",
        "stream",
        "stream_options",
        "system",
        "tool_choice",
        "tools",
    }
)


class EndpointChanged(Conflict):
    """Somebody else has changed the endpoint since it was read: nothing is overwritten unseen.

    `edition`: the one that there is now; who sends it back has seen it.
    """

    code = "changed_meanwhile"

    def __init__(self, sentence: str, *, edition: int) -> None:
        super().__init__(sentence, edition=edition)
        self.edition = edition

    @classmethod
    def since(cls, now: Endpoint, wanted: Mapping[str, Any]) -> EndpointChanged:
        differ = [
            f"{field} is {_said(getattr(now, field))} now"
            for field, value in wanted.items()
            if getattr(now, field) != value
        ]
        return cls(
            f"Somebody else has changed endpoint {now.name} since you opened it: nothing of yours is stored. Where yours differs: "
            f"{', '.join(differ) or 'nowhere'}. Store it again to have it as you have it here.",
            edition=now.edition,
        )


def _said(value: Any) -> str:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return json.dumps(value, ensure_ascii=False)


def add_endpoint(endpoint: Endpoint) -> Endpoint:
    """Store a new endpoint, without the blanks around its texts. A price may be told as text.

    Raises:
        InvalidInput: a field is not of its form.
        Conflict: the name is taken.
    """
    for field in ("llm", "base_url", "key_name"):
        setattr(endpoint, field, getattr(endpoint, field).strip())
    for field in ("price_in", "price_out"):
        setattr(endpoint, field, _price(getattr(endpoint, field), field))
    _check_every_field(endpoint)
    with _named_once(endpoint), transaction.atomic():
        endpoint.save(force_insert=True)
    return endpoint


def change_endpoint(endpoint: Endpoint) -> None:
    """Store what was changed of an endpoint, of which `endpoint.edition` is what whoever changed it had read. Whether it is simulated
    is no field that one changes.

    Raises:
        InvalidInput: a field is not of its form.
        Conflict: the name is taken; or provider, llm or base_url differ and the endpoint keeps them (`keeps_identity`).
        ChangedMeanwhile: somebody else has changed it since; the sentence says what.
    """
    _check_every_field(endpoint)
    with _named_once(endpoint), transaction.atomic():
        # Locked, so that no first call is noted between the look and the change.
        before = Endpoint.objects.select_for_update().get(pk=endpoint.pk)
        changed = [field for field in IDENTITY if getattr(before, field) != getattr(endpoint, field)]
        if changed and keeps_identity(before):
            raise Conflict(
                f"{', '.join(changed)} of endpoint {before.name} cannot change any more: what was asked and answered there "
                "would be said of another LLM. Add another endpoint instead."
            )
        kept = {"id", "simulated", "created_at", "edition"}
        new = {field.name: getattr(endpoint, field.name) for field in Endpoint._meta.fields if field.name not in kept}
        mine = Endpoint.objects.filter(pk=endpoint.pk, edition=endpoint.edition)
        if not mine.update(**new, edition=endpoint.edition + 1):
            raise EndpointChanged.since(before, new)
    endpoint.edition += 1


def keeps_identity(endpoint: Endpoint) -> bool:
    """Whether provider, llm and base_url are fixed: there are calls, or a simulator has marked the endpoint for good."""
    return endpoint.simulated or endpoint.calls.exists()


def endpoint_named(name: str) -> Endpoint:
    """
    Raises:
        NotFound: there is none; the sentence lists those there are.
    """
    try:
        return Endpoint.objects.get(name=name)
    except Endpoint.DoesNotExist as exc:
        known = ", ".join(Endpoint.objects.values_list("name", flat=True)[:20])
        raise NotFound(
            f"There is no endpoint {name!r}. "
            + (f"Endpoints: {known}." if known else "Add one with manage.py create_endpoint.")
        ) from exc


def check_endpoint(endpoint: Endpoint) -> None:
    """
    Raises:
        InvalidInput: provider, base_url, key_name or parameters are not what an endpoint may have.
    """
    if endpoint.provider not in Endpoint.Provider.values:
        raise InvalidInput(f"No provider {endpoint.provider!r}; providers: {', '.join(Endpoint.Provider.values)}.")
    if not endpoint.llm:
        raise InvalidInput("An endpoint needs the id of its language model, as its provider spells it.")
    check_base_url(endpoint.base_url, provider=endpoint.provider)
    check_key_name(endpoint.key_name, provider=endpoint.provider, base_url=endpoint.base_url)
    check_parameters(endpoint.parameters)
    check_price(endpoint.price_in, "price_in")
    check_price(endpoint.price_out, "price_out")


def check_base_url(base_url: str, *, provider: str) -> None:
    """
    Raises:
        InvalidInput: no http(s) address, one that carries a secret or may not be reached, or none where one is needed.
    """
    if not base_url:
        if provider == Endpoint.Provider.OPENAI_COMPATIBLE:
            raise InvalidInput("An openai_compatible endpoint needs a base_url, such as http://127.0.0.1:8100/v1.")
        return
    try:
        parts = urlsplit(base_url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable or any(character.isspace() for character in base_url):
        raise InvalidInput(f"base_url {base_url!r} is no address; write it as http://127.0.0.1:8100/v1.")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise InvalidInput(
            "A base_url may hold no user, password, query or fragment: it is shown to people. "
            "Put the key into an environment variable and name that."
        )
    check_address(base_url)


def check_key_name(key_name: str, *, provider: str, base_url: str) -> None:
    """A key goes only where LLM_KEY_HOSTS lets it: OPENAI_API_KEY to openai.com, ANTHROPIC_API_KEY to anthropic.com, unless it
    says otherwise.

    Raises:
        InvalidInput: the name is not on the allow-list, or the address is a stranger's.
    """
    if not key_name:
        return
    prefix = settings.LLM_KEY_PREFIX
    if not is_key_name(key_name):
        raise InvalidInput(
            f"This key_name is not allowed. A key is read from {', '.join(settings.LLM_KEY_NAMES)} or from a variable "
            f"whose name begins with {prefix}; give the variable's name, never the key itself."
        )
    host = (urlsplit(base_url or OWN_ADDRESSES.get(provider, "")).hostname or "").rstrip(".")
    hosts = settings.LLM_KEY_HOSTS.get(key_name)
    if hosts is None and settings.LLM_UNLISTED_KEYS_ANYWHERE:
        return
    if any(host == each or host.endswith(f".{each}") for each in hosts or ()):
        return
    if hosts is None:
        raise InvalidInput(
            f"{key_name} may be sent nowhere yet. Whoever starts the server says where: "
            f'LLM_KEY_HOSTS="{key_name}={host or "host"}" for this process and every worker.'
        )
    raise InvalidInput(
        f"{key_name} may be sent to {' and '.join(hosts)} only, not to {host or 'this server'}. Put that server's key into a variable "
        f"whose name begins with {prefix}, name that here, and in LLM_KEY_HOSTS, where the server is started, say its host."
    )


def is_key_name(text: str) -> bool:
    """Whether the text is a name that the allow-list knows; a key that somebody pasted in its place is not."""
    prefix = settings.LLM_KEY_PREFIX
    own = text.startswith(prefix) and len(text) > len(prefix) and text.replace("_", "").isalnum()
    return own or text in settings.LLM_KEY_NAMES


def check_parameters(parameters: Mapping[str, Any]) -> None:
    """
    Raises:
        InvalidInput: no mapping of JSON values, or a parameter that is a part of the request itself.
    """
    if not isinstance(parameters, Mapping):
        raise InvalidInput('Parameters are a JSON object, such as {"temperature": 0}.')
    reserved = sorted(_RESERVED & parameters.keys())
    if reserved:
        raise InvalidInput(f"{', '.join(reserved)} cannot be set as a parameter: the request itself is made of it.")
    try:
        json.dumps(dict(parameters), allow_nan=False)
    except (TypeError, ValueError) as exc:
        raise InvalidInput(f"Parameters are JSON values; these are not: {exc}.") from exc
    unsupported = parameters.get("unsupported", [])
    if not (isinstance(unsupported, list | tuple) and all(isinstance(name, str) for name in unsupported)):
        raise InvalidInput('"unsupported" lists names of parameters, such as ["temperature"].')


def check_price(price: Decimal | None, field: str) -> None:
    """
    Raises:
        InvalidInput: a price below 0, or none that can be paid.
    """
    if price is not None and not (Decimal(price).is_finite() and price >= 0):
        raise InvalidInput(f"{field} is US dollars per million tokens, 0 or more, not {price}.")


def _price(value: Decimal | str | None, field: str) -> Decimal | None:
    if value is None or value == "":
        return None
    try:
        return Decimal(value)
    except InvalidOperation as exc:
        raise InvalidInput(f"{field} is US dollars per million tokens, such as 0.15, not {value!r}.") from exc


def _check_every_field(endpoint: Endpoint) -> None:
    check_endpoint(endpoint)
    try:
        endpoint.full_clean(validate_unique=False, validate_constraints=False)
    except ValidationError as exc:
        faults = [f"{field}: {' '.join(messages)}" for field, messages in exc.message_dict.items()]
        raise InvalidInput(f"This is no endpoint. {' '.join(faults)}") from exc


@contextmanager
def _named_once(endpoint: Endpoint) -> Iterator[None]:
    try:
        yield
    except IntegrityError as exc:
        if not Endpoint.objects.filter(name=endpoint.name).exclude(pk=endpoint.pk).exists():
            raise
        raise Conflict(f"There is an endpoint named {endpoint.name!r} already. Choose another name.") from exc
