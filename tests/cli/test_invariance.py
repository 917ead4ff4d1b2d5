"""What an answer must not hang on: the batch, the threads, the processes, what stands beside it (to the last byte);
and what the processor can do, but for the last digits of numbers. Every verb on a trained model of each kind."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from support.hostile import hostile
from support.inprocess import seqcli as here

from seqcli import artifact, registry, runs

ROOT = Path(__file__).resolve().parents[2]
NUMBERS = ("waves", "waves-linear", "waves-tags", "beeps", "beeps-ctc", "tides")  # of text they read none
MODELS = sorted(p for p in (ROOT / "tests/net/models").glob("*.safetensors") if p.stem not in NUMBERS)
ASKED = {  # forms of a verb's answers, the first with every number that there is
    "tag": ["--format jsonl --n-best 2", "", "--format conll --confidence"],
    "classify": ["--jsonl --top 3", ""],
    "embed": ["", "--jsonl"],
    "generate": ["--jsonl --temperature 0 --max-tokens 6", "--temperature 0 --max-tokens 6"],
    "eval": ["--per-line --jsonl", "--per-line"],
    "tokenize": ["--jsonl", ""],
}
MORE = {  # of some models
    "classify-remarks": ["--jsonl --attention"],
    "classify-trees": ["--jsonl --nodes"],
    "generate-digits": ["--jsonl --attention --alignment"],
    "generate-back": ["--jsonl --temperature 1 --top-k 3 --seed 3 --max-tokens 6 --ensemble back.safetensors"],
}
DRAWN = "--jsonl --temperature 1 --seed 3 --max-tokens 6 -n 2"  # hangs on a record's number too
WORDS = [
    "the", "cat", "sat", "on", "a", "mat", "Ada", "Bob", "saw", "visited", "Paris", "New",
    "York", ".", "good", "bad", "fine", "forty", "two", "six", "abc", "fed", "drum", "soup",
]  # fmt: skip
NUMBER = re.compile(r"-?\d+\.\d+(?:e[-+]?\d+)?")
NEAR = 2e-5  # beside a unit of the last digit: the largest that was seen is 1.1e-5, of 33 nats that are a sum


class Case(NamedTuple):
    """A verb on a model; the words of its command line that say what is read, and those that it may be given."""

    verb: str
    model: str
    reading: tuple[str, ...]
    batches: bool

    @property
    def columns(self) -> bool:
        """Whether words are read with what stands beside them."""
        return "conll" in self.reading

    def command(self, form: str, *more: object) -> list[str]:
        """A command line."""
        return ["-q", self.verb, "-m", f"{self.model}.safetensors", *form.split(), *self.reading, *map(str, more)]


def cases() -> Iterator[Case]:
    """Every filter with the models that it serves."""
    for path in MODELS:
        header = artifact.read_header(path)
        has = registry.constant("tasks", header["task"], "HAS")
        serves = {*runs.verbs(header), *(["tokenize"] if "tokenizer" in header else [])}
        for verb in (v for v in ASKED if v in serves and (v != "eval" or "costs" in has)):
            reading = "--input text" if verb == "tag" else ""
            if header["model"].get("features"):
                reading = "--input conll --columns word,pos"
            elif verb == "eval" and "field" not in has:
                reading = "--input tsv --source 1 --target 2"
            yield Case(verb, path.stem, tuple(reading.split()), "batches" in has and verb not in ("eval", "tokenize"))


def name_of(case: Case) -> str:
    """What a test of it is called."""
    return f"{case.verb}-{case.model}"


def records(case: Case, count: int, seed: int) -> list[str]:
    """Lines of known words and of hostile ones; pairs or blocks of columns where those are read."""
    draw = random.Random(seed)
    known = [" ".join(draw.choices(WORDS, k=draw.randint(1, 12))) for _ in range(count // 2)]
    lines = [*known, *(line.lstrip("\ufeff") for line in hostile(count - count // 2, seed))]
    draw.shuffle(lines)
    if case.columns:
        return ["".join(f"x{w}\tNNP\n" for w in re.findall("[^ \t\r]+", line) or ["x"]) + "\n" for line in lines]
    if "--target" in case.reading:
        return [re.sub("[\t\r]", " ", line) + "\tfed 42\n" for line in lines]
    return [line + "\n" for line in lines]


def divided(form: str, text: str, count: int) -> list[str]:
    """Output, a part a record."""
    parts = re.findall("(?:[^\n]+\n)*\n" if "conll" in form else "[^\n]*\n", text)
    assert "".join(parts) == text
    each, rest = divmod(len(parts), count)
    assert each >= 1
    assert not rest
    return ["".join(parts[i : i + each]) for i in range(0, len(parts), each)]


def answers(case: Case, form: str, given: Sequence[str], folder: Path, *more: object) -> list[str]:
    """What is written for each record."""
    done = here(*case.command(form, *more), cwd=folder, input="".join(given))
    assert done.returncode == 0, done.stderr
    return divided(form, done.text, len(given))


def check(case: Case, seed: int, count: int, folder: Path) -> None:
    """Draw a form, a batch size, threads, and some of the records in some order: the same bytes for each."""
    draw = random.Random(f"{seed} {case}")
    forms, given = [*ASKED[case.verb], *MORE.get(name_of(case), [])], records(case, count, seed)
    form = draw.choice(forms)
    if name_of(case) == "tag-forms" and not form:
        form = "--format conllu"  # as is usual where there are several targets
    if "conllu" in form:  # it has no sentence without words
        given = [record if record.strip() else "x\n" for record in given]
    plain = answers(case, form, given, folder)
    how = ["--batch-size", draw.randint(1, count)] if case.batches else []
    how += ["--threads", draw.randint(1, 3)] if case.verb not in ("eval", "tokenize") and draw.random() < 0.5 else []
    order = draw.sample(range(count), draw.randint(1, count)) if "--seed" not in form else range(count)
    found = answers(case, form, [given[i] for i in order], folder, *how)
    assert found == [plain[i] for i in order], f"seed {seed}: {case.command(form, *how)}"


def furnished(path: Path) -> Path:
    """A folder with the models of `tests/net`."""
    for model in MODELS:
        (path / model.name).symlink_to(model)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return furnished(tmp_path_factory.mktemp("invariance"))


@pytest.mark.parametrize("case", [*cases()], ids=name_of)
def test_batch_threads_and_order_change_no_byte(case, folder):
    check(case, random.randrange(10**9), 8, folder)


@pytest.mark.slow
@pytest.mark.parametrize("case", [*cases()], ids=name_of)
def test_many_batches_threads_and_orders_change_no_byte(case, folder):
    for seed in range(100):
        check(case, seed, 40, folder)


def by_processes(case: Case, form: str, folder: Path, forks, count: int, jobs: int) -> None:
    """The same bytes by several processes."""
    given = "".join(records(case, count, jobs))
    one = here(*case.command(form), cwd=folder, input=given)
    size = ["--batch-size", 7] if case.batches else []
    several = forks(*case.command(form, "--jobs", jobs, *size), cwd=folder, input=given)
    assert (several.returncode, one.returncode) == (0, 0), several.stderr
    assert several.stdout == one.text


@pytest.mark.parametrize("name", ["tag-ner", "generate-back", "generate-lm"])
def test_processes_change_no_byte(folder, forks, name):
    case = next(case for case in cases() if name_of(case) == name)
    by_processes(
        case,
        MORE[name][0] if name in MORE else (DRAWN if case.verb == "generate" else ASKED[case.verb][0]),
        folder,
        forks,
        60,
        2,
    )


@pytest.mark.slow
@pytest.mark.parametrize("case", [c for c in cases() if c.verb != "eval"], ids=name_of)
def test_processes_change_no_byte_of_any_model(folder, forks, case):
    for jobs in (2, 3):
        for form in (*ASKED[case.verb], *([DRAWN, *MORE.get(name_of(case), [])] if case.verb == "generate" else [])):
            by_processes(case, form, folder, forks, 300, jobs)


def all_answers(folder: Path, count: int) -> dict[str, list[str]]:
    """Of every verb on every model."""
    return {name_of(case): answers(case, ASKED[case.verb][0], records(case, count, 5), folder) for case in cases()}


def weaker() -> Iterator[dict[str, str]]:
    """Processors that can do less: without what NumPy looks for at its start, and with older kernels of BLAS too."""
    core = np._core._multiarray_umath  # type: ignore[attr-defined]
    names = [name for name in core.__cpu_dispatch__ if core.__cpu_features__[name]]
    for number in range(len(names)):
        yield {"NPY_DISABLE_CPU_FEATURES": ",".join(names[number:])}
    yield {"NPY_DISABLE_CPU_FEATURES": ",".join(names), "OPENBLAS_CORETYPE": "Nehalem"}


def compare(folder: Path, count: int, environments: Sequence[dict[str, str]]) -> None:
    """The same answers in each environment but for numbers, and those near; how near they were is printed."""
    known = all_answers(folder, count)
    for added in environments:
        env = {**os.environ, **added, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
        done = subprocess.run([sys.executable, __file__, str(count)], env=env, stdout=subprocess.PIPE, check=True)
        worst, numbers = 0.0, 0
        for name, parts in json.loads(done.stdout).items():
            for new, old in zip(parts, known[name], strict=True):
                assert NUMBER.sub("#", new) == NUMBER.sub("#", old), (name, added)
                for a, b in zip(NUMBER.findall(new), NUMBER.findall(old), strict=True):
                    unit = 10.0 ** -len(a.partition("e")[0].partition(".")[2])
                    apart, numbers = abs(float(a) - float(b)), numbers + 1
                    worst = max(worst, apart)
                    assert apart <= 1.01 * unit + NEAR, (name, added, a, b)
        print(f"{added}: {numbers:,} numbers, apart by {worst:.2g} at most")
        assert numbers


def test_an_older_processor_gives_the_same_answers(folder):
    compare(folder, 6, [*weaker()][:1])


@pytest.mark.slow
def test_processors_give_the_same_answers(folder):
    compare(folder, 300, [*weaker()])


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as place:
        json.dump(all_answers(furnished(Path(place)), int(sys.argv[1])), sys.stdout)
