"""The work of `seqcli embed`: texts in, vectors or similar texts out, in order, by one process or several."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seqcli import console, forms, predictor, registry, runs, streams, threads
from seqcli.artifact import Artifact
from seqcli.cli import _filter
from seqcli.cli._generating.language_model import Paragraphs
from seqcli.cli._options import Columns, Filtering, Given
from seqcli.cli._reading import SOURCES, TEXTS, Reads, named_format, sentences_format
from seqcli.datasets.reading import Reading as Said
from seqcli.datasets.vectors import written
from seqcli.errors import SeqcliError, UsageError
from seqcli.files import sources
from seqcli.layers.pooling import Pooling
from seqcli.predictor import BasePredictor
from seqcli.records import KINDS, ROWS, TAGGED, Sentence
from seqcli.tasks.tagging.data import options_for
from seqcli.vectors import Candidates, Embedder, Found, Neighbours, Writer, array_file

if TYPE_CHECKING:
    from seqcli.cli.embed import Making, Reading, Writing

SPECIAL = ("<unknown>", "<unk>", "<eos>")  # rows of a table that stand for no word
BATCH = 512  # default number of records answered together
MORE = "further columns"
READ: dict[str, Reads] = {"classification": replace(TEXTS, more=MORE), "language-model": replace(TEXTS, more=MORE)}
READ["sequence-to-sequence"] = replace(SOURCES, role="text", more=MORE)
ENDING = {False: ".npy", True: ".npz"}  # suffix of a file of arrays; True: one vector a word


class Asked(NamedTuple):
    """The options of the command line."""

    reading: Reading
    columns: Columns
    making: Making
    writing: Writing
    how: Filtering


def run(files: Sequence[str], model: str | None, asked: Asked, given: Given) -> None:
    """Make vectors of the records of FILES, or write the table of words. Raises SeqcliError."""
    making, writing, how = asked.making, asked.writing, asked.how
    pooling = _check(files, making, writing, given)
    stored = runs.open_model(model, "embed")
    given.check_model(stored)
    limit = threads.limit(how.threads or 1)  # noqa: F841  in force while it is referenced
    if making.words:
        _write_words(predictor.load(stored))
        return
    files = files or ["-"]
    read = _chosen(files, asked, stored, given)
    if pooling.each and read in ROWS and writing.output is None:
        raise UsageError(f"--per word: {read} rows get one vector each", hint="read lines or jsonl, or give -o")
    own = predictor.load(stored)
    size, reader = own.width(pooling), _reader(read, asked, own)  # the first raises for a model without vectors
    loop: dict[str, Any] = {"batch_size": how.batch_size or BATCH, "how": how, "what": "embedding"}
    if writing.output is not None:
        with array_file(writing.output, size, each=pooling.each) as write:
            _filter.run(files, reader, Embedder(own), pooling, _of_records(write), **loop)
        return
    embedder, writer = Embedder(own), Writer(each=pooling.each)
    if making.similar is not None:
        embedder, writer = _with_candidates(making, embedder, pooling, asked)
    form = forms.form(read, writing.jsonl, reader, writer)
    _filter.run(files, reader, embedder, pooling, _of_records(form), **loop)
    forms.finish(form)


def _check(files: Sequence[str], making: Making, writing: Writing, given: Given) -> Pooling:
    """Return which vectors are wanted. Raises UsageError for options that exclude each other."""
    if making.per not in ("text", "word"):
        raise UsageError(f"--per {making.per}: expected text or word")
    pooling = Pooling.of(making.pool, each=making.per == "word")
    if making.words and (odd := [*files, *given.flags(n for n in given if n not in ("words", "model", "threads"))]):
        raise UsageError(f"--words writes the model's table and reads nothing: {odd[0]} cannot be combined with it")
    if making.similar is not None and (odd := given.flags(("output", "per") if pooling.each else ("output",))):
        raise UsageError(f"--similar writes texts for each record: {odd[0]} cannot be combined with it")
    if making.similar == "-" and "-" in (files or ["-"]):
        raise UsageError(
            "--similar -: standard input already holds the records", hint="name a file for one of the two"
        )
    if (output := writing.output) is not None:
        if writing.jsonl:
            raise UsageError("-o writes an array instead of lines: --jsonl cannot be combined with it")
        if not output.endswith(ending := ENDING[pooling.each]):
            said = f"-o {output}: vectors for each {making.per} are written as {ending}"
            raise UsageError(said, hint=f"name the file FILE{ending}")
    return pooling


# what is read


def _chosen(files: Sequence[str], asked: Asked, stored: Artifact, given: Given) -> str:
    """Return the input format. Raises UsageError for options that exclude each other."""
    reading, header, jsonl = asked.reading, stored.header, asked.writing.jsonl
    if header["task"] != "tagging":
        if odd := given.flags(("columns", "separator", "comments")):
            raise UsageError(f"{odd[0]} does not apply to {stored.path}: only taggers read columns of words")
        trained = header["data"].get("format")
        return READ[header["task"]].chosen(files, reading.input, reading.field, jsonl, given, trained)
    read = sentences_format(files, reading.input, reading.field)
    given.check_format(read)
    if asked.columns.separator and read != "conll":
        raise UsageError(f"--separator is for conll, but {read} is read")
    return read


def _reader(read: str, asked: Asked, own: BasePredictor) -> Any:
    """Return the reader of a format."""
    reading, columns = asked.reading, asked.columns
    if own.task != "tagging":
        if read == "text" and getattr(getattr(own, "tokenizer", None), "ends", "") == "blank":
            return Paragraphs()  # one value a line: a series ends with a blank line
        return READ[own.task].reader(read, reading, own.header)
    said = Said(field=reading.field, columns=columns.names, separator=columns.separator, comments=columns.comments)
    kept = list(own.header["vocabulary"]["features"])
    return registry.load("records", read).Reader(options_for(own.header, read, said, kept=kept))


def _of_records(write: Callable[[Any, Any], str]) -> Callable[[Any, Any], str]:
    """Return a form that writes nothing for what a tagged source holds after its last record."""

    def form(record: Any, answer: Found) -> str:
        return "" if isinstance(record, Sentence) and not record.record else write(record, answer)

    return form


# similar texts


def _with_candidates(
    making: Making, embedder: Embedder, pooling: Pooling, asked: Asked
) -> tuple[Embedder, Neighbours]:
    """Return the embedder and the writer for the most similar texts of a file. The file is read in the format that
    its name tells, else in that of --input, else as lines; blank texts are left out. Raises SeqcliError."""
    own, path = embedder.predictor, str(making.similar)
    kind = TAGGED if own.task == "tagging" else KINDS[READ[own.task].kind]
    read = named_format([path], kind) or asked.reading.input or "text"
    reader = _reader(read, asked, own)
    replaced = streams.Replaced() if asked.how.errors == "replace" else None
    texts: list[str] = []
    lines: list[int] = []
    parts = [np.zeros((0, own.width(pooling)), np.float32)]
    with console.progress(f"embedding {path}", None, " texts") as advance:
        for records in _batches(path, reader, replaced):
            prepared = [embedder.prepare(record, pooling) for record in records]
            ready = [_known(embedder, record, asked.how) for record in prepared]
            found = np.stack(own.encoded(ready, pooling))
            kept = np.flatnonzero(found.any(axis=1)).tolist()
            parts.append(found[kept])
            texts += [prepared[i].text or " ".join(getattr(prepared[i], "words", None) or ()) for i in kept]
            lines += [prepared[i].line for i in kept]
            advance(len(records))
    if not texts:
        raise SeqcliError(f"{path}: contains no text to compare with")
    candidates = Candidates.of(np.concatenate(parts), making.top)
    return replace(embedder, candidates=candidates), Neighbours(texts, lines, making.top)


def _known(embedder: Embedder, record: Any, how: Filtering) -> Any:
    """Make a record ready. With `--unknown strict`, raises SeqcliError for text that the model has no symbol for."""
    ready = embedder.made_ready(record)
    found = embedder.lacking(ready) if how.unknown == "strict" and not embedder.complete else ()
    if found:
        stop = _filter.stopped(found[0][1], 0)
        raise SeqcliError(f"{record.place(embedder.where(ready, found[0][0]))}: {stop.message}", hint=stop.hint)
    return ready


def _batches(path: str, reader: Any, replaced: streams.Replaced | None) -> Iterator[list[Any]]:
    """Yield the records of a file in batches."""
    held: list[Any] = []
    for chunk in streams.read_text(sources([path]), end_lines=True, replaced=replaced):
        for record in reader.feed(chunk):
            held.append(record)
            if len(held) == BATCH:
                yield held
                held = []
    if held := [*held, *reader.close()]:
        yield held


# the table


def _write_words(own: BasePredictor) -> None:
    """Write the words that a model knows with the rows of its table, in word2vec's text format."""
    words, matrix = registry.load(f"tasks/{own.task}", "look").table(own)
    own_words = [i for i, word in enumerate(words) if word not in SPECIAL]
    out = streams.Output()
    for line in written([words[i] for i in own_words], matrix[own_words]):
        out.write(line)
    out.flush()
