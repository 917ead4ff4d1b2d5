"""Every reader of what users give, with a coverage-guided fuzzer: `PYTHONPATH=.:tests python -m fuzz.readers NAME`.

NAME is a format of records, or `models`, `recipes`, `entries` (a data.yaml), `vectors`. It begins with inputs of the
tests; what follows NAME is libFuzzer's, as in `csv FOLDER -max_total_time=300`, where FOLDER keeps what reaches new
lines. What a reader must do with any bytes: records, or SeqcliError in one line (a mistake a line, of YAML) in which
no character steers a terminal; within seconds and 1 GB; what is read can be written and read again.

Needs atheris, which is no part of the extra `dev`: it has no wheels for every Python (`pip install atheris==3.0.0`,
on Linux, for 3.11 to 3.13).
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import random
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    import atheris

    watched: Any = atheris.instrument_imports(include=["seqcli"])
else:
    watched = contextlib.nullcontext()
with watched:
    import net.cases
    import net.make_models
    from safetensors.numpy import load

    import seqcli
    from seqcli import artifact, console, registry, streams
    from seqcli.datasets.entry import read_entry
    from seqcli.datasets.vectors import read_vectors
    from seqcli.errors import SeqcliError
    from seqcli.files import plain
    from seqcli.recipe.dump import dump_yaml
    from seqcli.recipe.load import load_recipe
    from seqcli.records import KINDS, TAGGED, Answer, Options, as_read, cell, detect, joined

    for _folder in ("records", "models", "tokenizers", "cells", "attention", "characters", "restoration"):
        for _name in registry.names(_folder):
            registry.load(_folder, _name)
    for _task in registry.names("tasks"):
        for _name in ("data", "predict", "show"):
            registry.load(f"tasks/{_task}", _name)

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 5  # that an input may take
HEAD = 2  # bytes of an input that say with which options records are read
SAID: dict[str, tuple[Any, ...]] = {  # of a format's options, the default first
    "gold": (False, True), "text": (None, "1", "text"), "label": (None, "2", "label"), "source": (None, "1", "en"),
    "target": (None, "2", "de"), "prefix": (None, "3", "k"), "field": (None, "say"),
    "tag": (None, "xpos", "feats.Number", "NER", "tags"), "header": (None, True, False),
    "delimiter": (None, ";", " ", "::"), "quoting": (None, True, False), "label_until": (None, ":"),
    "label_separator": (None, ","), "multi_label": (False, True), "columns": ((), ("word", "tag"), ("word", "_", "tag")),
    "separator": ("auto", "tab", "space", "|"), "comments": (None, "#"), "encoding": ("utf-8", "latin-1"),
}  # fmt: skip
VECTORS = [
    b"the 0.5 -1e-2 3\n. . . 1 2 3\n\xc3\xa9lan 4 5 6\nthe 7 8 9\n",
    b"2 2\na\t1 2\r\nb 3 4 \n",
    b"\xef\xbb\xbfa 1\n",
]


def records(name: str, data: bytes, folder: Path) -> None:
    """Read records of a format, in parts and at once, and write them again."""
    draw = random.Random(data[:HEAD])
    module, kind = registry.load("records", name), KINDS[draw.choice(registry.constant("records", name, "READS"))]
    said = {k: draw.choice(v if k == "gold" or draw.random() < 0.2 else v[:1]) for k, v in SAID.items()}
    options, source = Options(kind, **said, replace=True), str(folder / "f.en")
    if options.target == "de" and name == "lines":
        for side in ("f.en", "f.de"):
            (folder / side).write_bytes(data[HEAD:])

    def read(parts: list[streams.Chunk]) -> tuple[list[Any], Any]:
        reader = module.Reader(options)
        return [record for part in parts for record in reader.feed(part)] + [*reader.close()], reader

    encoding = "latin-1" if draw.random() < 0.2 else None
    parts = list(streams.read_chunks(plain(io.BytesIO(data[HEAD:]), source), source, encoding=encoding))
    text = "".join(part.text for part in parts)
    detect(kind, "f", text)
    found, reader = read(parts)
    lines = [streams.Chunk(line, source, n) for n, line in enumerate(re.findall(r"[^\n]*\n|[^\n]+", text), 1)]
    assert [*map(said_by, read(lines)[0])] == [*map(said_by, found)]
    if kind is TAGGED and hasattr(module, "Writer"):
        writer = module.Writer(options)
        tags = [r.tags if r.tags is not None else ["X"] * len(r.words) for r in found]
        written = "".join(writer.write(r, Answer(t, spans=[])) for r, t in zip(found, tags, strict=True))
        again, _ = read([streams.Chunk(written, source, 1)])
        empty = options.empty_tag
        for new, old in zip(again, found, strict=True):
            assert (new.words, new.record) == (old.words, old.record)
            pairs = zip(new.tags or (), old.tags or (), strict=False)
            assert all(a in (b, cell(b or empty), cell(b or empty, blanks=True)) for a, b in pairs)
            assert old.tags is None or len(new.tags) == len(old.tags)
    elif (
        name not in ("long", "ts") and not options.gold and getattr(reader, "head", None) is None
    ):  # rows in one, a head
        assert "".join("".join(as_read(r)) for r in found) == text
    for record in found:
        assert not record.raw or name != "jsonl" or not record.raw.body.strip(" \t\r") or (
            json.loads(joined(record.raw.body, {"x": 1})) == {**json.loads(record.raw.body), "seqcli": {"x": 1}}
        )  # fmt: skip
        if tree := getattr(record, "tree", None):
            trees = registry.load("records", "trees")
            assert str(trees.parse(str(tree))) == str(tree)


def said_by(record: Any) -> dict[str, Any]:
    """What a record says, to be compared."""
    own = {f.name: getattr(record, f.name) for f in fields(record) if f.name not in ("raw", "keys")}
    own |= {name: [*own[name]] for name in ("places", "tag_places") if name in own}
    return {
        **own,
        "tree": str(own.get("tree")),
        "place": record.place(0),
        "raw": as_read(record) if "words" not in own else "",
    }


def models(data: bytes, folder: Path) -> None:
    """Open a model's file as it is; then, where it can be taken apart, signed again, and use it."""
    path = folder / "model.safetensors"
    path.write_bytes(data)
    try:
        use(path)
    except SeqcliError as error:
        check(error)
    try:
        size = int.from_bytes(data[:8], "little")
        header = json.loads(json.loads(data[8 : 8 + size])["__metadata__"]["seqcli"])
        artifact.write(path, header, load(data))
    except Exception:
        return  # nothing that could be signed
    use(path)


def use(path: Path) -> None:
    """Read all that a model's file says, and answer lines with it."""
    artifact.read_header(path)
    artifact.read_shapes(path)
    lines = ["a cat", "", "The dog ran ."]
    assert len(list(seqcli.load(path).filter(lines))) == len(lines)


def recipes(data: bytes, folder: Path) -> None:
    """Read a recipe; one that is good reads back the same."""
    path, again = folder / "r.yaml", folder / "again" / "r.yaml"
    path.write_bytes(data)
    recipe = load_recipe(path)
    again.parent.mkdir(exist_ok=True)
    again.write_text(dump_yaml(recipe), encoding="utf-8")
    assert load_recipe(again).to_dict() == recipe.to_dict()


def entries(data: bytes, folder: Path) -> None:
    """Read what a data.yaml says."""
    path = folder / "data.yaml"
    path.write_bytes(data)
    assert read_entry(path)


def vectors(data: bytes, folder: Path) -> None:
    """Read word vectors, all and those of a word."""
    path = folder / "v.txt"
    path.write_bytes(data)
    found = read_vectors(path, (), keep_all=True)
    assert found.matrix.shape == (len(found.words), found.dimension)
    wanted = read_vectors(path, found.words[-1:])
    assert (wanted.matrix == found.matrix[-1:]).all()


NAMED: dict[str, Callable[[bytes, Path], None]] = {
    "models": models, "recipes": recipes, "entries": entries, "vectors": vectors,
}  # fmt: skip
READERS = [*NAMED, *(n for n in registry.names("records") if registry.constant("records", n, "READS"))]


def seeds(name: str) -> Iterator[bytes]:
    """What the fuzzer begins with: inputs of the tests."""
    if name == "models":
        yield from (path.read_bytes() for path in sorted((ROOT / "tests/net/models").glob("*.safetensors")))
    elif name == "recipes":
        yield from (path.read_bytes() for path in sorted((ROOT / "recipes").glob("*.yaml")))
        yield from (recipe.encode() for recipe in net.make_models.RECIPES.values())
    elif name == "entries":
        yield from (path.read_bytes() for path in sorted((ROOT / "seqcli/datasets/catalog").glob("*.yaml")))
    elif name == "vectors":
        yield from (*VECTORS, gzip.compress(VECTORS[0], mtime=0))
    else:
        for number, text in enumerate(net.cases.INPUTS.values()):
            for said in range(4):
                yield bytes([number, said]) + text


def check(error: SeqcliError, lines: int | None = 1) -> None:
    """What an error must look like."""
    found = error.message.split("\n")
    assert all(line and "\t" not in line and console.visible(line) == line for line in found), error.message
    assert lines in (None, len(found)), error.message


def try_input(name: str, data: bytes, folder: Path) -> bool:
    """Give an input to a reader; whether it was good. Raises AssertionError, or what else it should not have."""
    began = time.monotonic()
    try:
        NAMED[name](data, folder) if name in NAMED else records(name, data, folder)
        return True
    except SeqcliError as error:
        check(error, None if name in ("recipes", "entries") else 1)
        return False
    finally:
        assert time.monotonic() - began < SECONDS


def mutated(data: bytes, most: int, seed: int) -> bytes:
    """A model's file with another header of the right length, or bytes changed anywhere."""
    size = int.from_bytes(data[:8], "little")
    if seed % 4 == 0 or not 0 < size <= len(data) - 8:
        return atheris.Mutate(data, most)
    try:
        whole = json.loads(data[8 : 8 + size])
        inner = whole["__metadata__"]["seqcli"].encode()
        whole["__metadata__"]["seqcli"] = atheris.Mutate(inner, len(inner) + 64).decode(errors="replace")
    except (ValueError, LookupError, TypeError, AttributeError):
        return atheris.Mutate(data, most)
    header = json.dumps(whole).encode()
    return (len(header).to_bytes(8, "little") + header + data[8 + size :])[:most]


def main() -> None:
    """Fuzz one reader."""
    name, *further = sys.argv[1:]
    console.verbosity, console.warn = -1, lambda text: None
    with tempfile.TemporaryDirectory() as place:
        folder, corpus = Path(place), Path(place, "seeds")
        corpus.mkdir()
        for number, data in enumerate(seeds(name)):
            (corpus / f"{number:04}").write_bytes(data)
        given = [a for a in further if not a.startswith("-")] or [str(folder / "new")]
        Path(given[0]).mkdir(exist_ok=True)
        limits = ["-rss_limit_mb=1024", "-timeout=20", f"-max_len={1 << 16 if name == 'models' else 1 << 13}"]
        how = {"custom_mutator": mutated} if name == "models" else {}
        options = [a for a in further if a.startswith("-")]
        atheris.Setup(
            ["x", *given, str(corpus), *limits, *options], lambda data: try_input(name, data, folder), **how
        )
        atheris.Fuzz()


if __name__ == "__main__":
    main()
