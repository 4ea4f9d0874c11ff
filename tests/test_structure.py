"""The house keeps its shape: no circle of files, one meaning for a name, few arguments, files and tags of a readable size."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("conflictscope", "evaluation", "annotation")

LINES = 450  # a module becomes a package past about 400; this is where about ends
ARGUMENTS = 8
TAG = 200

# Formulas with their options, each of which the literature names: they are called by their names, and most are left out.
FORMULAS = "conflictscope/stats/"
CHARTS = "conflictscope/charts/"

# Names that a framework gives.
FRAMEWORK = {"Command"}


@cache
def sources() -> dict[str, ast.Module]:
    """Every file of the product but migrations, read once."""
    files = (path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py")))
    return {
        path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for path in files
        if "migrations" not in path.parts
    }


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))


def arguments(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    its = function.args
    names = [argument.arg for argument in (*its.posonlyargs, *its.args, *its.kwonlyargs)]
    return len(names) - (names[:1] in (["self"], ["cls"]))


def circles(graph: grimp.ImportGraph) -> list[list[str]]:
    """The strongly connected parts of more than one file (Tarjan, 1972)."""
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    path: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        order[module] = lowest[module] = len(order)
        path.append(module)
        for imported in sorted(graph.find_modules_directly_imported_by(module)):
            if imported not in order:
                visit(imported)
            if imported in path:
                lowest[module] = min(lowest[module], lowest[imported])
        if lowest[module] == order[module]:
            start = path.index(module)
            if len(path) - start > 1:
                found.append(sorted(path[start:]))
            del path[start:]

    for module in sorted(graph.modules):
        if module not in order:
            visit(module)
    return found


def test_no_files_import_each_other_in_a_circle() -> None:
    assert circles(grimp.build_graph(*PACKAGES, cache_dir=None)) == []


def test_a_circle_would_be_found() -> None:
    graph = grimp.ImportGraph()
    for module in ("a", "b", "c", "d"):
        graph.add_module(module)
    for importer, imported in (("a", "b"), ("b", "c"), ("c", "b"), ("c", "d")):
        graph.add_import(importer=importer, imported=imported)
    assert circles(graph) == [["b", "c"]]


def test_a_public_class_has_a_name_of_its_own() -> None:
    where: defaultdict[str, list[str]] = defaultdict(list)
    for path, tree in sources().items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                where[node.name].append(path)
    twice = {name: paths for name, paths in where.items() if len(paths) > 1 and name not in FRAMEWORK}
    assert twice == {}


def test_no_function_takes_more_arguments_than_one_can_read() -> None:
    """Beyond eight they belong together: a frozen dataclass."""
    over = [
        f"{path}:{function.lineno} {function.name} takes {arguments(function)}"
        for path, tree in sources().items()
        if not path.startswith((FORMULAS, CHARTS))
        for function in functions(tree)
        if arguments(function) > ARGUMENTS
    ]
    assert over == []


def test_no_file_is_too_long_to_read_at_one_sitting() -> None:
    lengths = {path: len((ROOT / path).read_text(encoding="utf-8").splitlines()) for path in sources()}
    assert {path: length for path, length in lengths.items() if length > LINES} == {}


def test_no_template_holds_a_tag_of_hundreds_of_characters() -> None:
    """Long words stand in a block of their own, long logic in a view or a tag."""
    long = [
        f"{path.relative_to(ROOT)}: {tag[:80]}"
        for path in sorted((ROOT / "templates").rglob("*.html"))
        for tag in re.findall(r"\{%[^%]*%\}|\{\{[^}]*\}\}", path.read_text(encoding="utf-8"))
        if len(tag) > TAG
    ]
    assert long == []
