"""The house's order: imports go one way, nothing goes round in circles, and the engine knows no destination by name."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest

ROOT: Final = Path(__file__).parents[2] / "src" / "tockwork"
ORDER: Final = "model rules destinations store delivery ingest configuration operations doctor api console app".split()
ALLOWED: Final = {
    **{package: set(ORDER[: place + 1]) for place, package in enumerate(ORDER)},
    "sandbox": {"model", "sandbox"},  # written a second time from TikTok's documents, so that no mistake is shared
    "app": {*ORDER, "sandbox"},
}
ROOT_MODULES: Final = {"__init__", "__main__"}  # the lazy public API and `python -m`: they may import anything
ENGINE: Final = ("model", "rules", "store", "delivery", "ingest", "operations", "api", "console")
CONSOLE: Final = ("console", "model", "ingest.assets")
"""What pages may know: anything else they are told by the management API, as every other program is."""
VAGUE: Final = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}


class Import(NamedTuple):
    """`module` imports `target` (both below the package); `at_load` says whether that happens when it is loaded."""

    module: str
    target: str
    line: int
    at_load: bool


def _name(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def modules(root: Path) -> dict[str, ast.Module]:
    return {_name(path, root): ast.parse(path.read_text(), str(path)) for path in sorted(root.rglob("*.py"))}


def imports(trees: dict[str, ast.Module]) -> Iterator[Import]:
    """Every import of our own code, those inside functions and under TYPE_CHECKING too."""
    for module, tree in trees.items():
        later = {id(child) for node in ast.walk(tree) if _is_later(node) for child in ast.walk(node)}
        for node in ast.walk(tree):
            for target in _targets(node, trees):
                yield Import(module, target, node.lineno, id(node) not in later)  # type: ignore[attr-defined]


def _is_later(node: ast.AST) -> bool:
    if isinstance(node, ast.If):
        return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    return isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))


def _targets(node: ast.AST, trees: dict[str, ast.Module]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (_below(alias.name) for alias in node.names if _is_ours(alias.name))
    elif isinstance(node, ast.ImportFrom) and node.level:
        yield "."
    elif isinstance(node, ast.ImportFrom) and _is_ours(node.module or ""):
        base = _below(node.module or "")
        for alias in node.names:
            member = f"{base}.{alias.name}".lstrip(".")
            yield member if member in trees else base


def _is_ours(name: str) -> bool:
    return name == "tockwork" or name.startswith("tockwork.")


def _below(name: str) -> str:
    return name.removeprefix("tockwork").lstrip(".")


TREES: Final = modules(ROOT)
IMPORTS: Final = tuple(found for found in imports(TREES) if found.module not in ROOT_MODULES)


def violations(found: Iterator[Import] | tuple[Import, ...]) -> list[str]:
    """What breaks the order, one line each."""
    wrong = []
    for module, target, line, _ in found:
        if target == ".":
            wrong.append(f"{module}:{line} imports relatively: write the whole name")
        elif not target:
            wrong.append(f"{module}:{line} imports tockwork itself, which is for users")
        elif target.split(".")[0] not in ALLOWED.get(module.split(".")[0], set()):
            wrong.append(f"{module}:{line} imports {target}")
    return wrong


def cycles(found: Iterator[Import] | tuple[Import, ...]) -> list[str]:
    """Modules that wait for one another while they are loaded."""
    edges: dict[str, set[str]] = {}
    for module, target, _, at_load in found:
        if at_load and target:
            edges.setdefault(module, set()).add(target)
    done: set[str] = set()
    circles: list[str] = []

    def visit(module: str, trail: tuple[str, ...]) -> None:
        if module in trail:
            circles.append(" > ".join((*trail[trail.index(module) :], module)))
        elif module not in done:
            for target in sorted(edges.get(module, ())):
                visit(target, (*trail, module))
            done.add(module)

    for module in sorted(edges):
        visit(module, ())
    return circles


def asks_for_tiktok(trees: dict[str, ast.Module]) -> list[str]:
    """Comparisons and matches of an engine module with a text that names a destination."""
    engine = (module for module in trees if module.split(".")[0] in ENGINE)
    return [
        f"{module}:{node.lineno}"
        for module in engine
        for node in ast.walk(trees[module])
        if isinstance(node, (ast.Compare, ast.MatchValue)) and any(map(_names_tiktok, ast.walk(node)))
    ]


def private_doors(found: Iterator[Import] | tuple[Import, ...]) -> list[str]:
    """Imports with which a page would get at data past the management API."""
    return [
        f"{module}:{line} imports {target}"
        for module, target, line, _ in found
        if module.split(".")[0] == "console"
        and not any(target == allowed or target.startswith(f"{allowed}.") for allowed in CONSOLE)
    ]


def _names_tiktok(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and "tiktok" in node.value.lower()


def test_every_package_has_its_place() -> None:
    packages = {module.split(".")[0] for module in TREES} - ROOT_MODULES
    assert packages <= set(ALLOWED)
    assert {"model", "rules", "destinations", "store", "delivery", "ingest", "app", "sandbox"} <= packages


def test_imports_go_one_way() -> None:
    assert len(IMPORTS) > 100  # the test sees them
    assert violations(IMPORTS) == []


def test_no_module_waits_for_itself() -> None:
    assert cycles(IMPORTS) == []


def test_no_own_import_hides_in_a_function() -> None:
    assert [
        f"{i.module}:{i.line}" for i in IMPORTS if not i.at_load and i.target and i.line not in _checking(i.module)
    ] == []


def _checking(module: str) -> set[int]:
    """The lines under TYPE_CHECKING, where an import only serves types."""
    blocks = [node for node in ast.walk(TREES[module]) if isinstance(node, ast.If) and _is_later(node)]
    return {child.lineno for block in blocks for child in ast.walk(block) if isinstance(child, ast.stmt)}


def test_modules_are_named_after_a_noun_of_their_own() -> None:
    assert [module for module in TREES if module.split(".")[-1] in VAGUE] == []


def test_the_engine_asks_for_no_destination_by_name() -> None:
    assert asks_for_tiktok(TREES) == []


def test_the_console_has_no_private_door() -> None:
    assert private_doors(IMPORTS) == []


def test_a_private_door_is_seen() -> None:
    tree = ast.parse("from tockwork.store.ledger import x\nfrom tockwork.ingest.assets import y")
    assert private_doors(tuple(imports({"console.pages.a": tree, "api.b": tree}))) == [
        "console.pages.a:1 imports store.ledger"
    ]


@pytest.mark.parametrize(
    ("module", "text", "expected"),
    [
        ("rules.a", "from tockwork.destinations.b import c", "rules.a:1 imports destinations.b"),
        ("rules.a", "def f():\n  import tockwork.app.b", "rules.a:2 imports app.b"),
        ("model.a", "if TYPE_CHECKING:\n  from tockwork.rules import b", "model.a:2 imports rules"),
        ("sandbox.a", "from tockwork.rules.b import c", "sandbox.a:1 imports rules.b"),
        ("app.a", "import tockwork", "app.a:1 imports tockwork itself, which is for users"),
        ("app.a", "from tockwork import connect", "app.a:1 imports tockwork itself, which is for users"),
        ("app.a", "from . import b", "app.a:1 imports relatively: write the whole name"),
    ],
)
def test_what_breaks_the_order_is_seen(module: str, text: str, expected: str) -> None:
    assert violations(tuple(imports({module: ast.parse(text)}))) == [expected]


def test_a_circle_is_seen_and_a_late_import_makes_none() -> None:
    there = ast.parse("from tockwork.rules.b import x")
    back = "from tockwork.rules.a import y"
    assert cycles(tuple(imports({"rules.a": there, "rules.b": ast.parse(back)}))) == ["rules.a > rules.b > rules.a"]
    late = ast.parse(f"if TYPE_CHECKING:\n  {back}")
    assert cycles(tuple(imports({"rules.a": there, "rules.b": late}))) == []


def test_asking_for_a_destination_is_seen() -> None:
    tree = ast.parse('if kind == "tiktok-pixel":\n  pass')
    assert asks_for_tiktok({"delivery.a": tree}) == ["delivery.a:1"]
    assert asks_for_tiktok({"destinations.a": tree}) == []
