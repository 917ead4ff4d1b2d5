"""Filters and what no one would write: as many records out as in, in their order, what is not theirs byte for byte;
or what precedes a mistake, and its place. Every verb that is a filter, every format that it reads, drawn options."""

from __future__ import annotations

import csv
import io
import json
import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from support.hostile import hostile
from support.inprocess import seqcli

from seqcli import artifact, registry, runs
from seqcli.cli import app
from seqcli.records import KINDS, ROWS, Kind, cell, formats_of
from seqcli.records.word_tag import escape

MODELS = sorted((Path(__file__).parents[1] / "net" / "models").glob("*.safetensors"))
ALWAYS = {"generate": ["--max-tokens", "4"], "eval": ["--per-line"]}  # without which they are slow, or no filters
# Options that are not drawn: they make no filter of the verb, name files or columns, or are drawn elsewhere.
LEFT = {
    *("help", "model", "files", "prompt", "learn", "count", "json", "decode", "pieces", "kind", "set_", "draw"),
    *("compare", "split", "metric", "input", "text", "source", "target", "prefix", "field", "label", "header"),
    *("delimiter", "tag", "columns", "separator", "comments", "force", "lexicon", "ensemble", "device"),
    *("target_precision", "jobs", "longest", "errors", "max_tokens"),
    *("per", "pool", "similar", "words", "output"),
    *(
        "condition",
        "mix",
        "cache",
        "cache_weight",
        "cache_flatness",
        "dynamic",
        "dynamic_rate",
        "dynamic_decay",
        "dynamic_segment",
    ),
    *(
        "must",
        "must_not",
        "must_key",
        "must_not_key",
        "keep",
        "glossary",
        "grammar",
    ),  # an answer may be none, rightly
}
VALUES = {
    "unknown": ["answer"],
    "otherwise": ["?"],
    "stop": ["e", "\\n"],
    "format": formats_of(KINDS["tags"], "WRITES"),
}
VALUES |= {"tokenize": ["char"], "unknown_label": ["skip"]}
BROKEN = {  # a record that is a mistake in a format
    "jsonl": "{", "csv": 'a,b"c,"d"e', "tsv": "a\tb\tc\td\te", "conll": "a\tb\tc\td\te\n", "conllu": "1\tb\n", "trees": "(1 (2 a)",
}  # fmt: skip


class Case(NamedTuple):
    """A verb on a model, a format that it reads, and the kind of record."""

    verb: str
    model: str
    read: str
    kind: Kind


class Written(NamedTuple):
    """A record of a format as bytes have it, its text, and what of it must come back."""

    raw: str
    text: str


def cases() -> Iterator[Case]:
    """Every filter on every model that it serves, with every format that is read of such records."""
    filters = [name for name in registry.names("cli") if name != "app" and "errors" in options(name)]
    filters.remove("rescore")  # it reads lists of hypotheses: tests/cli/test_rescore.py
    for path in MODELS:
        header = artifact.read_header(path)
        if "frames" in header or header.get("tokenizer", {}).get("kind") == "bins":
            continue  # they read numbers: tests/cli/test_frames.py, test_forecast.py
        task = registry.load(f"tasks/{header['task']}", "predict")
        kind = task.Predictor.kind
        for verb in filters:
            if verb == "tokenize":
                if "tokenizer" in header:
                    yield from (Case(verb, path.name, read, KINDS["labels"]) for read in ("text", "jsonl"))
            elif verb in runs.verbs(header) and (
                verb != "eval" or "costs" in registry.constant("tasks", header["task"], "HAS")
            ):
                texts = [
                    name for name in formats_of(kind) if name not in ("long", "series", "ts")
                ]  # those are of numbers
                for name in ["conll"] if header["model"].get("features") else texts:
                    read = "text" if name == kind.plain and verb != "eval" else name
                    yield Case(verb, path.name, read, kind)


def options(verb: str) -> dict[str, Any]:
    """The options of a verb, by name."""
    return {p.name: p for p in getattr(app.load_verb(verb), "params", ())}


def drawn(verb: str, draw: random.Random) -> dict[str, list[str]]:
    """Some options of a verb with values."""
    said: dict[str, list[str]] = {}
    known = {name: o for name, o in options(verb).items() if name not in LEFT}
    for name in draw.sample(sorted(known), min(draw.choice([0, 1, 1, 2, 2, 3]), len(known))):
        option = known[name]
        value = draw.choice(
            ["0", "1", "2", "3"] if option.type_descriptor.annotation in (int, int | None) else ["0", "0.3", "0.9"]
        )
        value = draw.choice(VALUES[name]) if name in VALUES else value
        said[name] = [option.opts[-1]] if option.is_flag else [option.opts[-1], value]
    return said


# records


def written(read: str, kind: Kind, text: str, number: int, draw: random.Random) -> Written:
    """A record of a format."""
    words = re.findall("[^ \t]+", text) or ["x"]
    more = draw.choice(['"q" ,', "é\u2028\x0b", "1e999", " x ", ""])
    first, second = kind.roles[:2] if kind.name != "tags" else ("text", "tags")
    rows = [str(number), f" {text}\nx" if read == "csv" and draw.random() < 0.2 else text, more, "y"]
    if read == "csv":
        out = io.StringIO()
        csv.writer(out, lineterminator=draw.choice(["\n", "\r\n"]), quoting=draw.choice([0, 1])).writerow(rows)
        return Written(out.getvalue(), rows[1])
    if read == "tsv":
        return Written("\t".join(re.sub("[\t\r]", " ", c) for c in rows) + "\n", "")
    if read == "jsonl":
        if draw.random() < 0.05:
            return Written(" \n", "")
        own = {"id": number, first: text, second: "y", "more": [more, 1.5, None]}
        body = json.dumps(own, ensure_ascii=draw.random() < 0.5, separators=draw.choice([(",", ":"), (" , ", " : ")]))
        return Written(re.sub("[\x7f-\x9f]", " ", body).replace("1.5", "1.50e0") + draw.choice(["\n", " \r\n"]), text)
    if read == "conll":
        return Written("".join(f"x{cell(w, blanks=True)}\tNN\n" for w in words) + "\n", "")
    if read == "conllu":
        rest = "\t".join(["_", "X", "_", "_", "0", "r", "_", "A=b"])
        return Written("".join(f"{i}\t{cell(w)}\t{rest}\n" for i, w in enumerate(words, 1)) + "\n", "")
    begin = {"fasttext": "__label__y ", "label-text": "y ", "scan": "IN: "}.get(read, "")
    line = {
        "word-tag": " ".join(f"{escape(w)}/{draw.choice(['NN', '/', ''])}" for w in words),
        "trees": tree([re.sub(r"[()\\]", "-", w) for w in words], draw),
        "scan": f"IN: {text} OUT: y",
    }.get(read, begin + text)
    return Written(line + "\n", text)


def tree(words: Sequence[str], draw: random.Random) -> str:
    """A binary tree of some shape."""
    parts = [f"({draw.randrange(3)} {w})" for w in words]
    while len(parts) > 1:
        at = draw.randrange(len(parts) - 1)
        parts[at : at + 2] = [f"({draw.randrange(3)} {parts[at]} {parts[at + 1]})"]
    return parts[0]


# what comes out


def written_as(case: Case, said: dict[str, list[str]], restores: bool) -> str:
    """The form of what comes out: blocks, objects as they were read, new ones, rows, or lines."""
    objects = "jsonl" in said
    if case.verb == "tag":
        usual = "text" if restores else "word-tag"
        if case.model.startswith("forms") and case.read != "jsonl":  # it has several targets
            usual = "conllu"
        name = "jsonl" if objects else said.get("format", ["", usual])[1]
        objects = name in ("jsonl", "spans")
        if not objects:
            return name if name in ("conll", "conllu") else "lines"
    if case.verb == "eval" and case.kind.name == "pairs" and not objects:
        return "lines"
    if case.read in ROWS and not objects:
        return "rows"
    return "again" if case.read == "jsonl" else "objects" if objects else "lines"


def check(case: Case, said: dict[str, list[str]], form: str, records: Sequence[Written], out: str, head: str) -> None:
    """Whether there is an answer for each record, in their order, with all that is not the answer's."""
    samples = int(said.get("samples", ["", "1"])[1]) if case.kind.name == "labels" else 1
    if form in ("conll", "conllu"):
        blocks = out.split("\n").count("") - 1
        if form == "conllu" and case.read in ("text", "word-tag", "tokens"):  # it has no sentence without words
            assert blocks <= len(records) <= blocks + sum(not record.raw.split() for record in records)
        else:
            assert blocks == len(records)
        if case.read == form:  # all but the column that is written
            rows = [row.split("\t") for record in records for row in record.raw.split("\n")[:-1]]
            found = [row.split("\t") for row in out.split("\n")[:-1]]
            if form == "conllu":
                rows, found = ([r[:3] + r[4:] for r in side] for side in (rows, found))
            if case.model.startswith("forms"):  # most columns are written
                rows, found = ([r[:2] for r in side] for side in (rows, found))
            kept = 1 if "replace" in said else 10
            assert [r[: min(len(o), kept)] for r, o in zip(found, rows, strict=True)] == [r[:kept] for r in rows]
    elif form == "rows":
        at, between = 0, "\t" if case.read == "tsv" else ","
        for body in [head, *(record.raw for record in records)] if records else []:
            line = body.removesuffix("\n").removesuffix("\r")
            assert out.startswith(line + between, at), (out[at : at + 200], line)
            at = out.index("\n", at + len(line)) + 1
        assert at == len(out)
    else:
        times = samples * int(said["next_"][1] if form == "lines" and "next_" in said else 1)
        times = times if form != "objects" or "next_" not in said else 1
        lines = out.split("\n")
        assert lines.pop() == ""
        expected = [
            record for record in records for _ in range(times if record.raw.strip() or form != "again" else 1)
        ]
        assert len(lines) == len(expected)
        for line, record in zip(lines, expected if form in ("again", "objects") else (), strict=False):
            if form == "again" and record.raw.strip():
                assert line.startswith(record.raw.rstrip("\r\n ")[:-1])
                assert line.endswith("\r") == record.raw.endswith("\r\n")
            elif form == "again":
                assert line + "\n" == record.raw
            elif case.read == "text" and not case.model.startswith("spaces"):
                assert next(iter(json.loads(line).values())) == record.text.removesuffix("\r")


def attempt(case: Case, seed: int, count: int, folder: Path, plain: bool = False) -> dict[str, list[str]] | None:
    """Give a filter so many hostile records, and in a third of the cases a mistake among them. The options that were
    drawn, or None where they were refused."""
    draw = random.Random(f"{seed} {case}")
    said = {} if plain else drawn(case.verb, draw)
    if case.verb == "tag" and case.read in ("conll", "conllu") and draw.random() < 0.5:
        said["format"] = ["--format", case.read]
    restores = case.model.startswith("spaces")
    lines = [line.lstrip("\ufeff") for line in hostile(count, seed)]
    records = [written(case.read, case.kind, line, n, draw) for n, line in enumerate(lines)]
    first, second = case.kind.roles[:2] if case.kind.name != "tags" else ("text", "tags")
    head = {"csv": f"id,{first},more,{second}\n", "tsv": f"id\t{first}\tmore\t{second}\n"}.get(case.read, "")
    named = case.read in (*ROWS, "jsonl")
    field = case.verb in ("tag", "tokenize") or (case.verb == "embed" and case.kind.name == "tags")
    option = "field" if field else {"generate": "source", "embed": "text"}.get(case.verb, first)
    flags = [f"--{option}", first] if named else []
    if case.verb != "tokenize" and (case.verb != "eval" or case.read != "text"):
        flags += ["--input", case.read]
    flags += ["--columns", "word,pos"] if case.read == "conll" and case.model.startswith("ner") else []
    flags += ["--target", second] if named and case.verb == "eval" and case.kind.name == "pairs" else []
    path, wrong = folder / "in.en", draw.choice([None, None, "bytes", "form"])
    body = [record.raw.encode() for record in records]
    at = draw.randrange(count)
    if wrong == "form" and case.read == "conll":  # the first line of words says how many columns there are
        at = count - 1
    if case.read == "lines":
        (folder / "in.de").write_bytes(b"".join(body))
        flags += ["--source", "en", "--target", "de"]
        wrong = None
    if wrong == "bytes" or (wrong == "form" and case.read not in BROKEN):
        body[at] = b"\xff" + body[at]
    elif wrong:
        body[at] = BROKEN[case.read].encode() + b"\n"
    path.write_bytes(head.encode() + b"".join(body))
    args = [
        case.verb,
        "-m",
        case.model,
        *ALWAYS.get(case.verb, []),
        *flags,
        *(v for o in said.values() for v in o),
        path,
    ]
    done = seqcli(*args, cwd=folder)
    what = f"seed {seed}: {' '.join(map(str, args))}: {done.stderr}"
    if done.returncode == 2:
        assert done.stdout == b"", what
        assert re.match(r"(seed \d+\n)?error: .*\n(  hint: .*\n)*\Z", done.stderr), what
        return None
    assert done.returncode == (1 if wrong else 0), what
    if wrong:
        line = head.count("\n") + b"".join(body[:at]).count(b"\n") + 1
        assert re.search(rf"error: {re.escape(str(path))}:{line}:[1-9]\d*: ", done.stderr), (what, line)
    try:
        check(case, said, written_as(case, said, restores), records[:at] if wrong else records, done.text, head)
    except AssertionError as error:
        raise AssertionError(what) from error
    return said


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The models of `tests/net`."""
    path = tmp_path_factory.mktemp("hostile")
    for model in MODELS:
        (path / model.name).symlink_to(model)
    return path


def test_each_filter_on_each_format(folder):
    """A model for each, other records and options each time: the seed is in the message."""
    first = random.randrange(10**9)
    by_format: dict[tuple[str, str, str], list[Case]] = {}
    for case in cases():
        by_format.setdefault((case.verb, case.read, case.kind.name), []).append(case)
    for seed, several in enumerate(by_format.values(), first):
        case = several[seed % len(several)]
        if attempt(case, seed, 8, folder) is None:
            assert attempt(case, seed, 8, folder, plain=True) is not None


@pytest.mark.slow
def test_a_hundred_thousand_records(folder):
    """Every option of a filter must have been taken at least once."""
    every, given, records, refused = list(cases()), set(), 0, 0
    for seed in range(10**6):
        case = every[seed % len(every)]
        said = attempt(case, seed, 40, folder)
        records += 40 * (said is not None)
        refused += said is None
        given |= {(case.verb, name) for name in said or ()}
        if records >= 100_000:
            break
    lacking = {(v, o) for v in {c.verb for c in every} - {"eval"} for o in options(v) if o not in LEFT} - given
    print(f"{records:,} records in {seed + 1 - refused:,} commands; {refused:,} refused; never taken: {lacking}")
    assert not lacking
