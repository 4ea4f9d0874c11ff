"""What the statistics return: numbers that carry their interval, their count, and words where there is no number."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np


def plain(value: Any) -> Any:
    """Turn a result into what JSON can hold.

    Args: value: a dataclass, array, mapping, sequence or scalar, nested as deep as you like.
    Returns: dicts, lists, str, int, float, bool and None only; nan and infinities become None, keys of several parts
        are joined by "|".
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {"|".join(key) if isinstance(key, tuple) else str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


class Result:
    """Base of the result dataclasses: `as_dict` is the same result as JSON can hold it."""

    def as_dict(self) -> dict[str, Any]:
        """The fields by name, nested results included; undefined numbers are None."""
        fields: dict[str, Any] = plain(self)
        return fields


@dataclass(frozen=True)
class Estimate(Result):
    """One reported number.

    Attributes:
        value: the point estimate; None where it is undefined, and then `reason` says why.
        low, high: limits of the interval of the given level; None where there is no interval (`warning` says why).
        n: how many independent units stand behind it (items, scenarios), as the function that made it says.
        reason: why there is no value; empty where there is one.
        warning: why the interval should not be trusted to its level; empty where it may.
        level: nominal coverage of the interval.
        conservative: whether the interval covers at least its level, and may cover more (exact or one-sided limits).
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    reason: str = ""
    warning: str = ""
    level: float = 0.95
    conservative: bool = False

    def __post_init__(self) -> None:
        if self.value is None and not self.reason:
            raise ValueError("an estimate without a value must say why")

    @classmethod
    def undefined(cls, reason: str, n: int = 0, *, level: float = 0.95) -> Self:
        """There is no number, and this is why."""
        return cls(value=None, n=n, reason=reason, level=level)

    @property
    def defined(self) -> bool:
        """Whether there is a number to show."""
        return self.value is not None
