"""Imports inside the package form no cycle, function-level imports included.

Import-linter checks the order of the layers, but not the modules inside a layer.
"""

from __future__ import annotations

import ast
import graphlib
import pathlib
from collections.abc import Iterator

import pytest

import pytest_ckpt

ROOT = pathlib.Path(pytest_ckpt.__file__).parent


def _modules(root: pathlib.Path) -> dict[str, pathlib.Path]:
    """Return the files of a package, by the name of the module."""
    files = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root.parent).with_suffix("").parts
        files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return files


def _import_statements(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yield all imports at any depth, except those under ``if TYPE_CHECKING``."""
    if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
        for child in node.orelse:
            yield from _import_statements(child)
        return
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield node
    for child in ast.iter_child_nodes(node):
        yield from _import_statements(child)


def _imported(module: str, is_package: bool, tree: ast.AST, known: set[str]) -> set[str]:
    """Return the modules of the package that a module imports.

    ``from package import name`` imports the module ``package.name`` if it exists, and otherwise the
    package. The parent packages of an imported module do not count: Python imports them first, but
    a module never waits for a name of its parent.
    """
    found = set()
    for node in _import_statements(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
            continue
        package = module.split(".") if is_package else module.split(".")[:-1]
        base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
        source = ".".join(part for part in (base, node.module or "") if part)
        for alias in node.names:
            found.add(submodule if (submodule := f"{source}.{alias.name}") in known else source)
    return (found & known) - {module}


def import_graph(root: pathlib.Path) -> dict[str, set[str]]:
    """Return for each module of a package the modules of the package that it imports."""
    files = _modules(root)
    return {
        name: _imported(name, path.name == "__init__.py", ast.parse(path.read_text(encoding="utf-8")), set(files))
        for name, path in files.items()
    }


def find_cycle(graph: dict[str, set[str]]) -> str | None:
    """Return an import cycle as text, or None if there is no cycle."""
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return " imports ".join(reversed(error.args[1]))
    return None


def test_package_has_no_import_cycle() -> None:
    graph = import_graph(ROOT)
    assert len(graph) > 100
    assert "pytest_ckpt.specs.base" in graph["pytest_ckpt.specs.tensors"]
    assert (cycle := find_cycle(graph)) is None, cycle


@pytest.mark.parametrize(
    ("source", "cycle"),
    [
        ("from .b import y", "p.a imports p.b imports p.a"),
        ("from . import b", "p.a imports p.b imports p.a"),
        ("import p.b", "p.a imports p.b imports p.a"),
        ("def f():\n    from .b import y", "p.a imports p.b imports p.a"),
        ("if TYPE_CHECKING:\n    from .b import y", None),
        ("if TYPE_CHECKING:\n    pass\nelse:\n    from .b import y", "p.a imports p.b imports p.a"),
        ("import ast", None),
    ],
)
def test_cycle_is_found_and_named(tmp_path: pathlib.Path, source: str, cycle: str | None) -> None:
    package = tmp_path / "p"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "a.py").write_text(source)
    (package / "b.py").write_text("from p.a import x")
    found = find_cycle(import_graph(package))
    assert found in ({cycle, "p.b imports p.a imports p.b"} if cycle else {None})
