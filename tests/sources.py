"""The project's own sources, for tests that read them: modules, imports, texts. Lists are computed, never kept."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
SRC = ROOT / "src" / "aprende"
ROOMS = tuple(sorted(p.parent.name for p in SRC.glob("*/__init__.py")))


@cache
def modules() -> dict[str, Path]:
    """Return every module's dotted name and file."""
    return {_dotted(p): p for p in sorted(SRC.rglob("*.py"))}


def _dotted(path: Path) -> str:
    parts = path.relative_to(SRC.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def tree(path: Path) -> ast.Module:
    """Return a file's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"))


def room(module: str) -> str:
    """Return the room of a module ("" for the package itself)."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in ROOMS else ""


def imports(module: str, everywhere: bool = True) -> Iterator[str]:
    """Yield our modules that this one imports; not everywhere: only those that importing it imports too."""
    for node in ast.walk(tree(modules()[module])) if everywhere else at_import(tree(modules()[module])):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.split(".")[0] == "aprende")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "aprende":
            for name in node.names:
                inner = f"{node.module}.{name.name}"
                yield inner if inner in modules() else str(node.module)


def at_import(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes that run when a module is imported: no function bodies, no TYPE_CHECKING blocks."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from at_import(child)


def text(node: ast.AST | None) -> str | None:
    """Return the value of a string literal, else None."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def calls(path: Path, function: str) -> Iterator[ast.Call]:
    """Yield the calls of a function by its bare name."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == function:
            yield node
