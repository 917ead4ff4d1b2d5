"""Mutation testing: small faults put into a package, and whether its own tests notice them.

    pip install mutmut
    python tests/benchmarks/mutants.py --count 100 --seed 0 --out FOLDER ops crf
    python tests/benchmarks/mutants.py --out AGAIN FOLDER/crf-*.diff

The mutations are mutmut's; added are a condition turned round and a call left out. Places are drawn, none twice, then
what stands there instead; docstrings, annotations, decorators and the texts of messages are left alone. The tests run
in a process forked from one that has all libraries loaded but not seqcli, in a copy of the repository. A test that
takes ten times as long as without the mutant, and five seconds, has noticed it. Survivors are kept as patches.
"""

import argparse
import compileall
import contextlib
import difflib
import importlib
import os
import py_compile
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import libcst as cst
import libcst.matchers as m
import pytest
from hypothesis import Phase, settings
from mutmut.mutation.mutators import mutation_operators

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {  # what is mutated, and its tests
    "ops": ("seqcli/ops/*.py", "tests/test_ops*.py"),
    "decoding": ("seqcli/decoding/*.py", "tests/decoding"),
    "crf": ("seqcli/layers/crf.py", "tests/layers/test_crf*.py"),
    "artifact": ("seqcli/artifact.py", "tests/test_artifact*.py"),
    "streams": ("seqcli/streams.py", "tests/test_streams*.py"),
    "records": ("seqcli/records/*.py", "tests/records"),
}
LIBRARIES = "numpy torch scipy.sparse pydantic yaml typer rich safetensors.numpy sentencepiece array_api_compat.torch"
MESSAGE = m.Raise() | m.Call(m.Name(m.MatchRegex("_foreign|_wrong|.*Error")) | m.Attribute(attr=m.Name("warn")))
ALIAS = m.Assign([m.AssignTarget(m.Name("__all__"))]) | m.Assign(
    value=m.Subscript(m.Name(m.MatchRegex("tuple|Callable")))
)


def turned(node: cst.If | cst.While | cst.CompIf) -> Iterator[cst.CSTNode]:
    """A condition turned round."""
    test = node.test.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    yield node.with_changes(test=cst.UnaryOperation(cst.Not(), test))


def left_out(node: cst.Expr) -> Iterator[cst.CSTNode]:
    """A call left out, or a yield."""
    if isinstance(node.value, cst.Call | cst.Yield):
        yield cst.Pass()


OPERATORS = [*mutation_operators, *((kind, turned) for kind in (cst.If, cst.While, cst.CompIf)), (cst.Expr, left_out)]


def places(node: cst.CSTNode, telling: bool = False) -> Iterator[tuple[cst.CSTNode, list[cst.CSTNode]]]:
    """The places below a node, each with what may stand there instead; `telling`: in a message."""
    if isinstance(node, cst.Annotation | cst.Decorator | cst.ImportFrom) or m.matches(node, ALIAS):
        return
    message = m.matches(node, MESSAGE)
    if not message and not (telling and isinstance(node, cst.BaseString)):
        for kind, operator in OPERATORS:
            if isinstance(node, kind) and (made := list(operator(node))):
                yield node, made
    for child in node.children:
        yield from places(child, telling or message)


def draw(name: str, count: int, seed: int) -> list[str]:
    """Mutants of a package, as patches."""
    rng, found, patches = random.Random(f"{name} {seed}"), [], []
    for path in sorted(ROOT.glob(PACKAGES[name][0])):
        module = cst.parse_module(path.read_text(encoding="utf-8"))
        found += [(path.relative_to(ROOT), module, *place) for place in places(module)]
    for path, module, node, made in rng.sample(found, min(count, len(found))):
        lines = [code.splitlines(True) for code in (module.code, module.deep_replace(node, rng.choice(made)).code)]
        patches.append("".join(difflib.unified_diff(*lines, f"a/{path}", f"b/{path}", n=3)))
    return patches


class Plugin:
    """Hypothesis draws the same each time and does not shrink; tests have a limit; the file's own and quick ones come
    first."""

    def __init__(self, stem: str, times: Counter[str]):
        self.stem, self.limits, self.times = stem, times, Counter[str]()

    def pytest_collection(self) -> None:
        phases = Phase.explicit, Phase.generate
        settings.register_profile("mutants", settings(), phases=phases, database=None, derandomize=True)
        settings.load_profile("mutants")

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        total = Counter[Path]()
        for item in items:
            total[item.path] += self.limits[item.nodeid]
        items.sort(key=lambda item: (self.stem not in item.path.stem, total[item.path]))

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        signal.setitimer(signal.ITIMER_REAL, 10 * self.limits.get(nodeid, 30) + 5)  # ends the process

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.times[report.nodeid] += report.duration


def run(tree: Path, tests: list[str], plugin: Plugin) -> int:
    """The exit status of tests in a process of their own; what they say is in `log`, their times in `times`."""
    if not (pid := os.fork()):
        os.setsid()
        os.chdir(tree)
        os.dup2(os.open("log", os.O_CREAT | os.O_TRUNC | os.O_WRONLY), 1)
        os.dup2(1, 2)
        signal.setitimer(signal.ITIMER_REAL, 120)
        status = pytest.main(["-q", "-x", "-n", "0", "-p", "no:cacheprovider", *tests], [plugin])
        Path("times").write_text(repr(dict(plugin.times)))
        os._exit(status)
    status = os.waitpid(pid, 0)[1]
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    return status


def try_all(tree: Path, name: str, patches: list[str], out: Path) -> str:
    """Try a package's mutants, write survivors' patches; a line of the table."""
    tests = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob(PACKAGES[name][1]))
    sys.dont_write_bytecode = False
    if run(tree, tests, Plugin("", Counter())):
        sys.exit((tree / "log").read_text()[-3000:] + "\nthe tests fail without any mutant")
    sys.dont_write_bytecode = True
    times, left = Counter(eval((tree / "times").read_text())), 0
    for number, patch in enumerate(patches):
        path = tree / patch.split()[1][2:]
        before = path.read_bytes()
        subprocess.run(["patch", "-sp1", "--no-backup-if-mismatch"], input=patch.encode(), cwd=tree, check=True)
        status = run(tree, tests, Plugin(path.stem.strip("_"), times))
        path.write_bytes(before)
        if not status:
            left += 1
            (out / f"{name}-{number:03}.diff").write_text(patch)
        print(name, number, "killed" if status else "SURVIVED\n" + patch, flush=True)
    return f"| {name} | {len(patches)} | {len(patches) - left} | {left} |"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", default=list(PACKAGES), help="packages, or patches to try again")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    drawn = {name: draw(name, args.count, args.seed) for name in args.what if name in PACKAGES}
    for patch in (Path(what).read_text() for what in args.what if what not in PACKAGES):
        own = next(name for name, (where, _) in PACKAGES.items() if Path(patch.split()[1][2:]).match(where))
        drawn.setdefault(own, []).append(patch)
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder, "tree")
        shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(".git", "__pycache__", "runs"))
        compileall.compile_dir(
            tree / "seqcli", quiet=1, invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH
        )
        sys.path.insert(0, str(tree))
        os.environ.pop("PYTHONUNBUFFERED", None)
        os.environ |= {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
        for library in LIBRARIES.split():
            importlib.import_module(library)
        rows = [try_all(tree, name, patches, args.out) for name, patches in drawn.items()]
    print("\n".join(["| package | mutants | killed | survived |", "|---|---:|---:|---:|", *rows]))


if __name__ == "__main__":
    main()
