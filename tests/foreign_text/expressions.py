"""Every regular expression of the product: compiled ones from its modules, others from its source."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

PACKAGES = ("conflictscope", "evaluation", "annotation")
CALLS = {"compile", "search", "match", "fullmatch", "sub", "subn", "split", "findall", "finditer"}


def modules() -> Iterator[ModuleType]:
    importlib.import_module("conflictscope.urls")  # in the order in which the product imports them
    for package in PACKAGES:
        for found in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
            if ".migrations" not in found.name and not found.name.endswith((".wsgi", ".asgi")):
                yield importlib.import_module(found.name)


def of_module(module: ModuleType) -> Iterator[tuple[str, re.Pattern[Any], set[str]]]:
    """Each with where it stands and what is done with it. Those that are put together from a function's own names are left out: see
    `put_together`."""
    tree = _tree(module)
    names = {
        id(node.value): target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for call, pattern in _calls(module):
        if pattern is not None:
            method = call.func.attr if isinstance(call.func, ast.Attribute) else "fullmatch"
            methods = _done_with(names.get(id(call)), module) if method == "compile" else {method}
            yield f"{module.__name__}:{call.lineno}", pattern, methods


def put_together(module: ModuleType) -> Iterator[str]:
    """Where an expression is made of what only a function knows."""
    for call, pattern in _calls(module):
        if pattern is None:
            yield f"{module.__name__}: {ast.unparse(call.args[0])}"


def _done_with(name: str | None, module: ModuleType) -> set[str]:
    """What is done with a compiled expression in its module, and where else its name is known; where that cannot be seen: anything."""
    private = (name or "").startswith("_")
    found = {
        node.attr
        for tree in ([_tree(module)] if private else [_tree(each) for each in modules()])
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == name
    }
    return found & CALLS or CALLS - {"compile"}


@cache
def _tree(module: ModuleType) -> ast.Module:
    return ast.parse(Path(module.__file__ or "").read_text(encoding="utf-8"))


def _calls(module: ModuleType) -> Iterator[tuple[ast.Call, re.Pattern[Any] | None]]:
    for call in ast.walk(_tree(module)):
        match call:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="re"), attr=method)) if method in CALLS:
                yield call, _pattern(call, module)
            case ast.Call(func=ast.Attribute(attr="RegexField") | ast.Name(id="RegexField" | "RegexValidator")):
                yield call, _pattern(call, module)


def _pattern(call: ast.Call, module: ModuleType) -> re.Pattern[Any] | None:
    flags = next((each.value for each in call.keywords if each.arg == "flags"), None)
    if flags is None and len(call.args) > 1 and getattr(call.func, "attr", "") == "compile":
        flags = call.args[1]
    try:
        said = _value(call.args[0], module) if call.args else _value(call.keywords[0].value, module)
        return said if isinstance(said, re.Pattern) else re.compile(said, _value(flags, module) if flags else 0)
    except NameError:
        return None


def _value(node: ast.AST, module: ModuleType) -> Any:
    code = compile(ast.Expression(node), module.__name__, "eval")  # type: ignore[arg-type]
    return eval(code, dict(vars(module)))  # noqa: S307  # our own source
