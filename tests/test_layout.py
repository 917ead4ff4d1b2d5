"""The layout holds: who may import whom, where torch is, how long a file is, that everything public is described."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import seqcli

PACKAGE = Path(seqcli.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
LONGEST = 350

# A module imports only from its own line and the lines above it, at module level and inside functions alike. The
# longest prefix counts; a new module at the top level needs a place here. `seqcli/__init__.py` and `__main__.py`
# are doors to what lies below: they import it when it is asked for.
ORDER = [
    "errors resources graph",
    "registry ops console threads",
    "files",
    "streams precision artifact",
    "schemes words columns edit_trees ngrams",
    "records restoration",
    "nbest",
    "layers",  # layers as named arrays, and the blank generator: cells are made of them
    "cells attention",
    "layers.stack layers.crf layers.pooling layers.pairs layers.objective layers.tree layers.transformer",
    "inference",
    "characters frames front_ends",  # words from their characters; vectors in the place of words
    "tokenizers",
    "recipe",
    "datasets",
    "metrics decoding bootstrap temperature confidence",
    "selection",  # what is worth a label, and which labels are doubtful
    "report",
    "models",
    "growing",
    "forms runs",
    "reader",  # language models that read for other models
    "insight",
    "scoring",
    "predictor closing",
    "vectors",
    "former",
    "task",
    "tasks",
    "facts",
    "export",
    "api",
    "propose",
    "training",
    "page",
    "cli",
]
RANK = {prefix: rank for rank, line in enumerate(ORDER) for prefix in line.split()}
DOORS = ("", "__main__")

# Top-level names of what the wheel depends on, and of what only an extra brings: the latter is imported inside
# functions, but for torch in `training`, which `seqcli train` alone imports.
REQUIRED = {
    *("typer", "click", "rich", "yaml", "pydantic", "pydantic_core", "numpy", "safetensors", "sentencepiece"),
    *("array_api_compat", "threadpoolctl"),
}
EXTRAS = {
    "soundfile",
    "kaldi_native_fbank",
    "torch",
    "scipy",
    "matplotlib",
    "jinja2",
    "sacrebleu",
    "backports",
    "interegular",
    "onnx",
    "onnxruntime",
}


def name_of(path: Path) -> str:
    """`cells.lstm` for seqcli/cells/lstm.py, `cells` for its __init__, the empty name for seqcli itself."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in FILES}


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def imports(node: ast.AST, *, deep: bool) -> Iterator[tuple[str, int]]:
    """(absolute dotted name, line) of what is imported; `deep` looks into functions too, never into TYPE_CHECKING."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from ((alias.name, child.lineno) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, f"a relative import at line {child.lineno}"
            yield from ((f"{child.module}.{alias.name}", child.lineno) for alias in child.names)
        elif not type_checking(child) and (deep or not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)):
            yield from imports(child, deep=deep)


def own(dotted: str) -> str | None:
    """The module of seqcli that an imported name is, or is in; None for another package's."""
    if dotted.split(".")[0] != "seqcli":
        return None
    name = dotted.removeprefix("seqcli").lstrip(".")
    return name if name in MODULES else name.rpartition(".")[0]


def rank(module: str) -> int:
    prefix = module
    while prefix and prefix not in RANK:
        prefix = prefix.rpartition(".")[0]
    assert prefix, f"seqcli.{module} has no place in ORDER of tests/test_layout.py"
    return RANK[prefix]


def test_a_module_imports_only_what_stands_above_it() -> None:
    below = [
        f"seqcli.{module}, line {line}: seqcli.{target}"
        for module in MODULES
        if module not in DOORS
        for dotted, line in imports(tree(MODULES[module]), deep=True)
        if (target := own(dotted)) is not None and target not in DOORS and rank(target) > rank(module)
    ]
    assert not below, f"modules that import what stands below them: {below}"


def test_what_is_private_to_a_folder_is_imported_there_alone() -> None:
    def private(dotted: str) -> str | None:
        """The folder that a name belongs to alone."""
        parts = dotted.split(".")
        at = next((i for i, part in enumerate(parts) if part.startswith("_") and not part.startswith("__")), None)
        return None if at is None else ".".join(parts[:at])

    strangers = [
        f"seqcli.{module}, line {line}: {dotted}"
        for module, path in MODULES.items()
        for dotted, line in imports(tree(path), deep=True)
        if own(dotted) is not None
        and (folder := private(dotted)) is not None
        and not f"{'.'.join(('seqcli', *path.relative_to(PACKAGE).parts))}".startswith(f"{folder}.")
    ]
    assert not strangers, f"private names of other folders: {strangers}"


def test_no_circle_of_imports() -> None:
    """Neither at module level nor inside functions; the doors are no part of it."""
    graph = {
        module: {
            target
            for dotted, _ in imports(tree(path), deep=True)
            if (target := own(dotted)) not in (None, module, *DOORS)
        }
        for module, path in MODULES.items()
        if module not in DOORS
    }
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, f"a circle of imports: {' -> '.join((*path, module))}"
        if module not in done:
            for target in sorted(graph[module]):
                visit(target, (*path, module))
            done.add(module)

    for module in graph:
        visit(module, ())


def test_only_declared_packages_are_imported_and_extras_not_at_module_level() -> None:
    for module, path in MODULES.items():
        for dotted, line in imports(tree(path), deep=True):
            package = dotted.split(".")[0]
            known = package in REQUIRED | EXTRAS | {"seqcli"} or package in sys.stdlib_module_names
            assert known, f"seqcli.{module}, line {line}: {package} is not among the dependencies"
        at_once = {dotted.split(".")[0] for dotted, _ in imports(tree(path), deep=False)}
        allowed = {"torch"} if module.split(".")[0] == "training" else set()
        assert not at_once & EXTRAS - allowed, f"seqcli.{module} imports {at_once & EXTRAS} when it is imported"


def test_the_seam_alone_looks_torch_up() -> None:
    """Equations are written in `ops`: elsewhere torch is imported for a fused kernel, for training, for a device."""
    users = {
        module
        for module, path in MODULES.items()
        if any(dotted.split(".")[0] == "torch" for dotted, _ in imports(tree(path), deep=True))
    }
    assert {m.split(".")[0] for m in users} <= {
        "ops",
        "cells",
        "attention",
        "layers",
        "training",
        "insight",
        "cli",
    }, users
    assert not users & {"cells", "layers", "layers.stack", "inference", "layers.blank", "models"}


def test_files_stay_short() -> None:
    lines = {module: len(path.read_text(encoding="utf-8").splitlines()) for module, path in MODULES.items()}
    assert not {module: count for module, count in lines.items() if count >= LONGEST}, "divide them"


def public(node: ast.Module | ast.ClassDef, path: str) -> Iterator[tuple[str, ast.AST]]:
    for child in node.body:
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not child.name.startswith(
            "_"
        ):
            yield f"{path}{child.name}", child
            if isinstance(child, ast.ClassDef):
                yield from public(child, f"{path}{child.name}.")


def test_everything_public_is_described() -> None:
    """Modules, functions and classes; a method that overrides a described one, or is a property, may be silent."""
    silent = [module for module, path in MODULES.items() if not ast.get_docstring(tree(path))]
    for module, path in MODULES.items():
        silent += [
            f"{module}.{name}"
            for name, node in public(tree(path), "")
            if "." not in name
            and not ast.get_docstring(node)  # type: ignore[arg-type]
            and not (path.parent.name == "cli" and name == "command")  # described by its file: Typer's help
        ]
    assert not silent, f"no docstring: {', '.join(silent)}"


def test_nothing_is_left_half_done() -> None:
    marks = ("TO" + "DO", "FIX" + "ME", "NotImplemented" + "Error")
    for path in [*FILES, *sorted(Path(__file__).parent.rglob("*.py"))]:
        text = path.read_text(encoding="utf-8")
        assert not [mark for mark in marks if mark in text], path.name
