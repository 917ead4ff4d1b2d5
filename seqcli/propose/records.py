"""Look at records: find the task that a sample is for, and the recipe keys that read it."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from seqcli import registry
from seqcli.errors import DATA, SeqcliError, UsageError, did_you_mean
from seqcli.propose import columns, frames, objects, pairs, series, texts
from seqcli.propose.look import MANY, PAIRS, Files, Found, Look, first_chunks, read, records_of
from seqcli.propose.series import Seen
from seqcli.propose.tags import tag_format, tagging
from seqcli.records import LABELLED, PAIRED, Example, Options, detect, open_format

TASKS = registry.names("tasks")
BEGINNING = 1 << 16  # characters from which a format is guessed
SPREAD = 400  # lines spread over the sample to guess from, as files may be sorted by label


@dataclass(frozen=True)
class Said:
    """The columns or keys that the user names; `source` and `target` may be parts of file names."""

    text: str | None = None
    label: str | None = None
    source: str | None = None
    target: str | None = None

    def task(self, task: str | None) -> str | None:
        """Return the task that the options imply. Raises UsageError if they contradict each other."""
        pairs, labels = bool(self.source or self.target), bool(self.text or self.label)
        if pairs and labels:
            raise UsageError(
                "a recipe is for labels (--text, --label) or for pairs (--source, --target), not for both"
            )
        if pairs and task not in (None, PAIRS):
            raise UsageError(f"--source and --target are for pairs of texts, not for the task {task}")
        return PAIRS if pairs else task


def recognise(files: Files, look: Look, task: str | None, said: Said) -> Found:
    """Return what the training files hold, by `task` and `said` or by their content. Raises SeqcliError if that
    fails."""
    if task not in (None, *TASKS):
        raise UsageError(f"unknown task {task!r}", hint=did_you_mean(str(task), TASKS))
    task, text, label = said.task(task), said.text, said.label
    if not look.chunks:
        return _of_files_of_frames(files, look, task)
    if files.label_from == "record":
        seen = frames.see(files, look, task, text, label, (said.source, said.target))
        if seen is not None:
            return _of_frames(look, seen, said)
    if task == PAIRS or (task is None and files.label_from == "record" and not (text or label)):
        found = pairs.recognise(files, look, task, said.source, said.target)
        if found:
            return found
    if task == "language-model":
        return Found(task, notes=_many(files))
    if files.label_from != "record" and task in (None, "classification"):
        if task is None and files.label_from == "file" and len(look.paths) > MANY:
            note = f"{len(look.paths):,} files are read as plain text: --task classification takes each for a label"
            return Found("language-model", notes=[note])
        return _of_files(files, look)
    path, beginning = str(look.paths[0]), _beginning(look)
    name = tag_format(path if task == "tagging" else "", look, beginning)
    if name and task in (None, "tagging"):
        return tagging(name, look)
    if task == "tagging":
        raise SeqcliError(
            f"{path}: no tags were found",
            hint="known are words and tags in columns, CoNLL-U, word/TAG or JSON lines; the recipe char-tagger makes"
            " its labels from plain text itself: seqcli recipes copy char-tagger",
        )
    name = detect(LABELLED, path, beginning) or detect(LABELLED, "", _spread(look))
    if name == "ts" and not series.is_archive(beginning):
        name = None  # TypeScript source
    if task is None and not (text or label) and series.only_numbers(path, beginning):
        note = "only numbers, read as a series to forecast: for labels give --task classification --label COLUMN"
        return Found("language-model", notes=[note])
    if name is None and task is None and not (text or label):
        beginning = detect(PAIRED, "", _beginning(look))
        found = pairs.recognise(files, look, None, None, None, beginning) if beginning else None
        return found or Found("language-model", notes=_many(files), doubts=series.odd_values(look.text, path))
    if name in pairs.TABLES and task is None and not (text or label):
        try:
            return _classification(name, look, None, None)
        except NoLabels as error:
            found = pairs.recognise(files, look, None, None, None, name) if error.status == DATA else None
            if found is None:
                raise
            return found
    return _classification(name or _forced(look), look, text, label)


def _of_frames(look: Look, seen: Seen, said: Said) -> Found:
    """Return what records of vectors hold: labels, or texts such as transcripts."""
    if seen.task == PAIRS:
        found = pairs.table(seen.format, look, seen.text, seen.target, asked=True, guess=True)
    else:
        try:
            found = _classification(seen.format, look, seen.text, seen.label or (seen.text and said.label))
        except NoLabels as error:
            if seen.text is None or said.label or error.status != DATA:
                raise
            found = None
            with contextlib.suppress(UsageError):
                found = pairs.table(seen.format, look, seen.text, None, asked=True, guess=True)
            if found is None:
                raise
    assert found is not None  # `asked` makes `table` raise instead of returning None
    frames.measure(found, seen.kind, frames.records_of(found, look))
    found.notes, found.doubts = seen.notes + found.notes, seen.doubts + found.doubts
    return found


def _of_files_of_frames(files: Files, look: Look, task: str | None) -> Found:
    """Return what recordings or arrays hold in folders whose names are the labels."""
    if files.label_from != "folder" or task not in (None, "classification"):
        raise UsageError(
            f"{look.paths[0]} has neither a label nor a transcript",
            hint="name a folder in which each folder holds the files of one label, or a table (.csv, .tsv, .jsonl) of"
            " file names with labels or transcripts",
        )
    of = "each folder's name is the label of its files"
    found = Found("classification", "text", [("label_from", "folder", of)], [of], records=len(look.paths))
    found.counts = Counter(path.parent.name for path in look.paths)
    if len(found.counts) < 2:
        raise _one_label(str(look.paths[0].parent), found.counts)
    examples = [Example(text=path.name, source=str(path)) for path in look.paths]
    frames.measure(found, frames.kind_of([e.text for e in examples]), examples)
    return found


def _many(files: Files) -> list[str]:
    if files.label_from == "record":
        return []
    return [f"{len(files.splits['train']):,} files are read one after the other, as one text"]


def _beginning(look: Look) -> str:
    text = "".join(chunk.text for chunk in first_chunks(look.chunks))
    end = text.rfind("\n", 0, BEGINNING) + 1 or text.find("\n") + 1
    return text[:end] if end else text


def _spread(look: Look) -> str:
    lines = look.text.split("\n")
    return "\n".join(lines[:: max(len(lines) // SPREAD, 1)]) + "\n"


# labelled texts


class NoLabels(SeqcliError):
    """No column of a file looks like labels; with status 1, there are enough rows to be certain."""


def _of_files(files: Files, look: Look) -> Found:
    kind = files.label_from
    of = (
        "each file's name is the label of its lines"
        if kind == "file"
        else "each folder's name is the label of its files"
    )
    found = Found("classification", "text", [("label_from", kind, of)])
    found.notes.append(f"{of}: --task language-model reads everything as plain text")
    texts: dict[str, list[str]] = {}
    for chunk in look.chunks:
        texts.setdefault(chunk.source, []).append(chunk.text)
    read: Counter[str] = Counter()
    for path in look.paths:
        text = "".join(texts.get(str(path), ()))
        own = [line for line in text.split("\n") if line.strip()] if kind == "file" else [text] * bool(text.strip())
        _measure(found, own)
        read[path.stem if kind == "file" else path.parent.name] += len(own)
    by_path, found.exact = read, not look.cut
    if look.cut and kind == "file":  # the sample takes equally much of each file: count their lines instead
        by_path, found.exact = Counter({p.stem: look.lines.get(p, 0) for p in look.paths}), look.exact
    found.counts = by_path
    if len(by_path) < 2:
        raise _one_label(str(look.paths[0].parent), by_path)
    return found


def _forced(look: Look) -> str:
    """Return the format of a file that has labels by --task, but whose format was not recognised."""
    lines = [line for line in look.text.split("\n") if line.strip()][:1000]
    for name, delimiter in (("tsv", "\t"), ("csv", ",")):
        if all(delimiter in line for line in lines):
            return name
    first = Counter(line.split(None, 1)[0] for line in lines)
    if 2 <= len(first) <= len(lines) and all(len(line.split(None, 1)) > 1 for line in lines):
        return "label-text"
    raise SeqcliError(
        f"{look.paths[0]}: no labels were found",
        hint="known are lines of LABEL TEXT or __label__NAME TEXT, columns (.tsv, .csv), JSON lines and trees; or one"
        " file for each label, in a folder",
    )


def _classification(name: str, look: Look, text: str | None, label: str | None) -> Found:
    path = str(look.paths[0])
    found = Found("classification", name, [("format", name, _WHAT.get(name, ""))])
    if name in ("tsv", "csv", "jsonl"):
        try:
            _choose_columns(found, look, text, label)
        except columns.NoLabel as error:
            hint = f"{error.hint}\nfor pairs of texts give --source and --target; --task language-model reads text"
            raise NoLabels(f"{path}: {error.message}", hint=hint, status=error.status) from None
    elif label and name in ("series", "long"):
        found.keys.append(("label", int(label) if name == "series" else label, "the label's column"))
        found.options = {"label": label}
    elif text or label:
        raise UsageError(f"{path} is read as {name}: it has no columns", hint="leave out --text and --label")
    examples = examples_of(found, look)
    if not examples:
        raise SeqcliError(f"{path}: the sample has no complete record", hint=f"it was read as {name}")
    found.counts = Counter(label for e in examples for label in e.labels or ())
    several = next((e for e in examples if len(e.labels or ()) > 1), None)
    none = [e for e in examples if not e.labels]
    if several or "label_separator" in found.options:
        found.multi_label = True
        found.keys.append(("multi_label", True, "a text may have several labels, or none"))
    elif none:
        place = none[0].place(label=True)
        found.notes.append(
            f'{len(none):,} records have no label, the first one at {place}: labels: {{"": null}} leaves them out'
        )
    _measure(found, [e.text for e in examples])
    found.records, found.exact = len(examples), not look.cut
    if len(found.counts) < 2 and not found.multi_label:
        if not look.cut:
            raise _one_label(path, found.counts)
        found.notes.append(f"the sample holds only one label ({_first(found.counts)}): are the records sorted?")
    return found


_WHAT = {
    "label-text": "the first word of each line is its label",
    "fasttext": "words that begin with __label__ are labels",
    "trees": "the label of a tree is that of its root",
    "jsonl": "one object a line",
    "ts": "the format of the time-series archives",
    "series": "one series a row, with its label",
    "long": "one time step a row: an id, perhaps a time, values, a label",
}


def _choose_columns(found: Found, look: Look, text: str | None, label: str | None) -> None:
    name, chunks = found.format, first_chunks(look.chunks)
    whole = not look.cut and chunks[-1] == look.chunks[-1]
    if name == "jsonl":
        records = objects.records_of(chunks)
        if not records:
            records_of(open_format(LABELLED, name), look, Options(LABELLED, gold=False))  # raises
        every, header, by_name, role = objects.keys(records, text), None, True, "the key of the text"
        text, second = texts.said(text, every)
        choice = columns.choose(every, text, label)
    else:
        first, second = texts.said(text, ())
        table, choice = columns.table(name, chunks, first, label, whole=whole)
        every, role = table.columns, "" if text else "the longest column"
        header, by_name = table.header, columns.can_be_named(table.header or [])
        said = "the first row names the columns" if header else "the first row is a record, not a header"
        found.keys += columns.keys_of(header is not None, said, table.delimiter, table.quoting)
    named = [choice.text]
    own = texts.couple(choice.text, second, choice.label, every) if second or not text else None
    if own is not None:
        named, role, found.pair = [own.first, own.second], f"two texts of a record, {own.why}", own.pair
    values = [column.name if by_name else column.number for column in named]
    found.keys.append(("text", values[0] if len(values) == 1 else values, role))
    found.keys.append(("label", choice.label.name if by_name else choice.label.number, choice.why))
    if choice.separator:
        found.keys.append(("label_separator", choice.separator, "between the labels of a text"))
    found.options = {key: value for key, value, _ in found.keys if key != "format"}
    found.options |= {
        "label": str(found.options["label"]),
        "text": str(values[0]),
        "further": [*map(str, values[1:])],
    }
    found.options["numbers"] = name == "jsonl"
    given = " (the first row names the columns)" if header else ""
    what = f"text is column {named[0]}" if len(named) == 1 else f"texts are columns {named[0]} and {named[1]}"
    found.notes.append(f"the {what}, the label column {choice.label}{given}")
    if own is not None:
        found.notes += [] if text else [f"they belong together {own.why}: --text COLUMN reads only one"]
    found.notes += [note for note in choice.notes if own is None or note != choice.rivals]
    found.doubts += choice.doubts


def examples_of(found: Found, look: Look) -> list[Example]:
    """Return the records of a sample that have a text, read as the recipe will read them."""
    return [e for e in read(LABELLED, found, look) if e.text.strip()]


def _measure(found: Found, texts: Sequence[str]) -> None:
    found.records += len(texts)
    found.characters += sum(map(len, texts))
    found.spaces += sum(text.strip().count(" ") for text in texts)
    found.words += sum(len(text.split()) for text in texts)


def _one_label(path: str, counts: Counter[str]) -> SeqcliError:
    return SeqcliError(
        f"{path}: every record has the label {_first(counts)}: there is nothing to tell apart",
        hint="--label COLUMN names another column; --task language-model reads plain text",
    )


def _first(counts: Counter[str]) -> str:
    return json.dumps(next(iter(counts), "")[:40], ensure_ascii=False)
