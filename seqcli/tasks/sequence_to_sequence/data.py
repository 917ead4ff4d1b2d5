"""Read pairs of texts, a source and its target: two files line by line, TSV, CSV, JSON lines, SCAN's lines."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, model_validator

from seqcli import console
from seqcli.datasets import catalog, corpus, sources
from seqcli.datasets.corpus import Records, known_format, stated
from seqcli.datasets.entry import Encoding
from seqcli.datasets.reading import Reading, source_columns, trained_roles
from seqcli.datasets.replay import ReplaySpec
from seqcli.errors import SeqcliError, UsageError, did_you_mean
from seqcli.frames import content
from seqcli.records import NAMED, PAIRED, Options, Pair, detect, formats_of
from seqcli.records.lines import target_name
from seqcli.tasks.sequence_to_sequence.columns import Columns, check_columns, columns_of

FORMATS = list(formats_of(PAIRED, "GOLD"))  # the formats of pairs
Format = Annotated[str | None, known_format(FORMATS, "of pairs")]
TOKENIZED = True  # a recipe names a tokenizer
TWO_SIDED = True  # and may name another for the targets


class Config(BaseModel, extra="forbid"):
    """Recipe keys of `data` for pairs."""

    train: (
        sources.Files
    )  # a name, a path, a glob, `-`, or a list of paths and globs; for `lines` the files of the source
    valid: sources.Held = None  # a share of the pairs, or files; default: the named data set's split, else none
    test: sources.Held = None
    format: Format = None  # lines, tsv, csv, jsonl, scan; default: from the data set or the file
    source: str | int | Columns | None = None  # its column, by name or number, its key (jsonl), or a list of several,
    # as [lemma, {column: 3, tokenizer: {kind: word, split: ";"}}]: each read by `tokenizer`, or by one of its own
    target: str | int | None = None  # its column or key; lines: the parts of file names that differ, as en and de
    header: bool | None = None  # tsv, csv: whether the first row names the columns; default: detected
    delimiter: str | None = None  # tsv, csv: what separates columns; default: tab, comma
    quoting: bool | None = None  # whether cells may be in double quotes; default: csv yes, tsv no
    longest: Annotated[int, Field(gt=0)] = 500  # tokens of a side: a longer pair is left out of training
    ratio: Annotated[float, Field(ge=1)] | None = None  # at most how many times longer one side may be, in tokens
    replay: ReplaySpec = None  # with --init-from: this share of an epoch comes from the model's earlier training data
    bleu_tokenize: str = "13a"  # sacrebleu's name of the way BLEU splits answers into words; none: they are split
    encoding: Encoding = "utf-8"

    @model_validator(mode="after")
    def _sides_apart(self) -> Config:
        check_columns(self.source, self.target)
        return self


class Corpus(corpus.Corpus[Pair]):
    """The pairs of each split."""

    KEPT = ("longest", "ratio", "bleu_tokenize")
    UNIT = "pairs"

    @staticmethod
    def row(record: Pair) -> list[Any]:
        further = [list(record.references)] if record.references else []
        return [record.text, record.target, *content(record), *further]


def fingerprint(pairs: Iterable[Pair]) -> str:
    """Return the hexadecimal sha256 of sources, targets and files that sources name; the same in every format."""
    return corpus.digest(map(Corpus.row, pairs))


def open_corpus(config: Config, base: Path, *, numbers: bool = False) -> Corpus:
    """Find, read and check the splits; `numbers`: sources hold frames or name files of them. Raises SeqcliError with
    file:line:column for what cannot be read."""
    plan = sources.Plan.of(config, base)
    if config.train in ("-", ["-"]) and not plan.files["train"][0].stat().st_size:
        raise SeqcliError("the corpus is empty: <stdin>", hint="data.train is -, but standard input was empty")
    with _standard_input_by_name():
        return _opened(config, plan, numbers)


@contextmanager
def _standard_input_by_name() -> Iterator[None]:
    """Put `<stdin>` in errors instead of the cache file in which standard input is stored to be read again."""
    try:
        yield
    except SeqcliError as error:
        kept = re.escape(str(catalog.cache_folder() / "stdin")) + r"[/\\][0-9a-f]+\.txt"
        error.message, error.hint = (re.sub(kept, "<stdin>", text) for text in (error.message, error.hint))
        raise


def _opened(config: Config, plan: sources.Plan, numbers: bool) -> Corpus:
    own = {**plan.settings, **stated(config, PAIRED), "encoding": plan.encoding}
    if columns := columns_of(config.source):
        own["source"], *own["parts"] = (str(c.column) for c in columns)
    options = Options(PAIRED, **own, numbers=numbers)
    format_name = plan.format(config.format, functools.partial(guess, options=options))
    if format_name not in FORMATS:
        raise UsageError(f"the data set {config.train!r} is {format_name}: it has no pairs")
    if columns and format_name not in NAMED:
        raise UsageError(
            f"data.source names columns, but the pairs are {format_name}", hint=f"columns need {', '.join(NAMED)}"
        )
    if format_name == "lines" and config.train in ("-", ["-"]):
        raise UsageError(
            "data.train is -, but standard input has no file beside it with the targets",
            hint="name the file; or give both sides in one, as tsv or jsonl",
        )
    records = Records(format_name, options, plan.encoding)
    splits = {split: list(read_pairs(records, paths, f"reading {split}")) for split, paths in plan.files.items()}
    if plan.shares:
        train = splits["train"]
        parts = corpus.drawn([range(len(train))], plan.shares)
        splits |= {split: [train[i] for i in members] for split, members in parts.items()}
    return Corpus.made(config, plan, format_name, options, splits, roles=records.found)


def read_pairs(records: Records, paths: Sequence[Path | str], what: str = "") -> Iterator[Pair]:
    """Yield the records with a text on both sides, in order; warns how many have a blank side."""
    blank = 0
    for pair in records.read(paths, what):
        if pair.text.strip() and pair.target and pair.target.strip():
            yield pair
        else:
            blank += 1
    if blank:
        one = blank == 1
        console.warn(f"{blank:,} pair{'' if one else 's'} with a blank side {'is' if one else 'are'} left out")


def guess(path: Path, options: Options | None = None) -> str:
    """Detect the format of a file by its name or its beginning; `lines` if there is a file beside it as the options
    name it. Raises UsageError if nothing shows the format."""
    found = detect(PAIRED, str(path), corpus.beginning(path))
    if found is None and options is not None and _has_targets_beside(path, options):
        return "lines"
    if found is None:
        raise UsageError(
            f"{path}: cannot tell the format of this file",
            hint=f"set data.format: {', '.join(FORMATS)}; with lines, data.target names the file of the targets:"
            " with target: de, train.en goes with train.de",
        )
    return found


def _has_targets_beside(path: Path, options: Options) -> bool:
    try:
        return path.with_name(target_name(path.name, options)).is_file()
    except UsageError:
        return False


# files that are scored


def read_scored(header: Mapping[str, Any], paths: Sequence[str | Path], said: Reading) -> list[Pair]:
    """Read the pairs of files. Raises SeqcliError."""
    return list(read_pairs(scored_files(header, paths, said), paths, "reading"))


def scored_files(header: Mapping[str, Any], paths: Sequence[str | Path], said: Reading) -> Records:
    """Return how to read files: by flags, else by the detected format, else as the training data was read."""
    data = header["data"]
    own = {k: v for k, v in data["options"].items() if k not in ("gold", "encoding", "prefix")}
    given = said.said("target", "delimiter") | source_columns(said.source, header)
    read = said.input
    if read is None:
        try:
            read = data["format"] if "-" in paths else guess(Path(paths[0]), Options(PAIRED, **{**own, **given}))
        except UsageError:
            read = data["format"]
    if read not in NAMED and "parts" in given:  # lines separate the parts of a source by tabs
        given = said.said("source", "target", "delimiter")
    if read not in FORMATS:
        raise UsageError(f"--input {read}: not a format of pairs", hint=did_you_mean(read, FORMATS))
    if read == "lines" and "-" in paths:
        raise UsageError(
            "standard input has no file beside it with the targets of its lines",
            hint="name the file; or give both sides in one: --input tsv, csv, jsonl or scan",
        )
    if said.reference and read == "scan":
        raise UsageError("--reference: a line of scan has one target", hint="tsv, csv, jsonl and lines allow several")
    options = Options(
        PAIRED,
        references=tuple(said.reference or ()),
        **{**(own if read == data["format"] else {}), **given},
        encoding=data["encoding"],
        numbers="frames" in header,
    )
    return Records(read, options, data["encoding"], trained_roles(header))
