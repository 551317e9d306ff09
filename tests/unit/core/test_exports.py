"""Every module of the package publishes its names, sorted and complete."""

import ast
import re
from pathlib import Path

import pytest

import unisafebench

_ROOT = Path(unisafebench.__file__).parent
_MODULES = sorted(str(path.relative_to(_ROOT)) for path in _ROOT.rglob("*.py"))


def _assigned(node: ast.stmt) -> list[str]:
    """Return the names that a statement at the top of a module defines; no type variables."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.AnnAssign):
        return [node.target.id] if isinstance(node.target, ast.Name) else []
    if not isinstance(node, ast.Assign):
        return []
    makes = node.value.func if isinstance(node.value, ast.Call) else None
    if isinstance(makes, ast.Name) and makes.id == "TypeVar":
        return []
    return [target.id for target in node.targets if isinstance(target, ast.Name)]


def _imported(tree: ast.Module) -> set[str]:
    return {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }


def _order(name: str) -> tuple[int, str]:
    """Constants, then classes, then functions, as ruff's RUF022 sorts them."""
    kind = 0 if name.isupper() else 1 if re.match(r"_*[A-Z]", name) else 2
    return kind, name


@pytest.mark.parametrize("module", _MODULES)
def test_all_is_sorted_and_complete(module: str) -> None:
    """What is public by its name is in `__all__`, and what is in `__all__` exists."""
    tree = ast.parse((_ROOT / module).read_text("utf-8"))
    defined = {name for node in tree.body for name in _assigned(node)}
    public = {name for name in defined if not name.startswith("_")}
    lists = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and _assigned(node) == ["__all__"]
    ]
    if not lists:
        assert Path(module).name in ("__init__.py", "__main__.py")
        assert not public, "a module with public names needs an __all__"
        return
    (listed,) = lists
    assert listed == sorted(set(listed), key=_order)
    assert public <= set(listed)
    assert set(listed) <= defined | _imported(tree)


@pytest.mark.parametrize("module", _MODULES)
def test_every_module_says_what_it_is_for(module: str) -> None:
    """Each begins with a docstring."""
    assert ast.get_docstring(ast.parse((_ROOT / module).read_text("utf-8")))
