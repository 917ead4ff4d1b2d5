"""Find pairs of texts: in two files line by line, in SCAN's lines, in columns or under keys."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from typing import Any

from seqcli.columns import COUPLES, NAME, SOURCES, TARGETS, column_number, possible, well_known
from seqcli.errors import SeqcliError, UsageError
from seqcli.propose import columns, inflections, objects
from seqcli.propose.columns import FEW, Column
from seqcli.propose.look import PAIRS, Files, Found, Look, first_chunks, look_at, read
from seqcli.records import BOM, PAIRED, Options, body_of, detect
from seqcli.records.lines import target_file, target_name

TABLES = ("tsv", "csv", "jsonl")
MEASURED = 50_000  # the most pairs that lengths and words are measured on
_PARTS = re.compile(r"([._-])")
_MARK = re.compile(r"[a-z]{2,3}")  # en, deu
_ENDINGS = {"txt", "csv", "tsv", "md"}  # endings that are not languages
_VALUE = re.compile(r"[-+]?[0-9]+([.,][0-9]+)*")
_OTHERWISE = "choose others with --source and --target"


@dataclass
class Texts:
    """The sources, or the targets, of a sample."""

    texts: list[str]

    @cached_property
    def length(self) -> float:
        """The average number of characters of a text."""
        return sum(map(len, self.texts)) / max(len(self.texts), 1)

    @cached_property
    def words(self) -> float:
        """The average number of words, separated by spaces, of a text."""
        return sum(len(t.split()) for t in self.texts) / max(len(self.texts), 1)


@dataclass
class Pairs:
    """The contents of a sample of pairs."""

    source: Texts
    target: Texts
    total: float  # the number of all pairs, estimated from the sample
    ambiguous: int  # sources of the sample with several targets
    features: float = 0.0  # in inflection tables: the average number of features of a lemma, the source


def recognise(
    files: Files, look: Look, task: str | None, source: str | None, target: str | None, guessed: str | None = None
) -> Found | None:
    """Return what the training files hold if they are pairs, by `task`, `source` and `target` or by their content.

    `guessed` is the format of a file of columns of which none looks like labels: then any two texts count as pairs.
    Raises SeqcliError if the user asks for pairs and none are found.
    """
    asked = task == PAIRS or bool(source or target)
    if found := _lines(files, look, source, target, asked=asked):
        return found
    path = str(look.paths[0])
    text = look.chunks[0].text
    name = guessed or detect(PAIRED, path, text[: text.rfind("\n") + 1] or text)
    if name == "scan":
        if source or target:
            raise UsageError(
                f"{path}: its lines mark source and target, as IN: … OUT: …",
                hint="--source and --target are for columns, keys, and two files: leave them out",
            )
        return _measured(Found(PAIRS, name, [("format", name, "IN: a command OUT: its actions")]), look)
    if name in TABLES:
        return table(name, look, source, target, asked=asked, guess=bool(guessed))
    if asked:
        raise SeqcliError(
            f"{path}: no pairs were found",
            hint="known are two files line by line (train.en train.de), columns (.tsv, .csv), JSON lines, and IN: …"
            " OUT: …; if the targets are in a file beside it, name it with --target: de for train.de",
        )
    return None


# two files


def _lines(files: Files, look: Look, source: str | None, target: str | None, *, asked: bool) -> Found | None:
    """Recognise files whose lines are pairs, by their names and numbers of lines."""
    marks = _marks(look.paths, source, target, asked=asked)
    if marks is None:
        return None
    options = Options(PAIRED, source=marks[0], target=marks[1])
    beginnings = [p for p in look.paths if _is_source(p, options)]
    both = [(look_at([a]), look_at([target_file(str(a), options)])) for a in beginnings]
    if uneven := next((ab for ab in both if ab[0].exact and ab[1].exact and _count(ab[0]) != _count(ab[1])), None):
        a, b = uneven
        said = f"{a.paths[0].name} has {_count(a):,} lines, {b.paths[0].name} {_count(b):,}"
        hint = "write blank lines where it is missing" + "; --task language-model reads them as text" * (not asked)
        raise SeqcliError(f"{said}: each line needs its counterpart", hint=hint)
    for split, own in files.splits.items():
        counterparts = [_counterpart(p, options) for p in own]
        kept = beginnings if split == "train" else [p for p in own if p not in counterparts]
        for path in kept:
            target_file(str(path), options)  # raises if it does not exist
        files.said[split] = [str(p) for p in kept]
    found = Found(PAIRS, "lines", [("format", "lines", "one text a line, the targets in the files beside")])
    found.keys.append(("source", marks[0], "the part of file names that marks sources"))
    found.keys.append(("target", marks[1], f"and the targets' files: {target_name(beginnings[0].name, options)}"))
    found.notes.append(f"the source is {marks[0]}, the target {marks[1]}: {_OTHERWISE}")
    pairs = [pair for a, b in both for pair in zip(_texts(a), _texts(b), strict=False)]
    if all(a.exact for a, _ in both):
        total = sum(_count(a) for a, _ in both)
    else:
        total = round(len(pairs) * max(sum(ab[i].scale for ab in both) / len(both) for i in (0, 1)))
    found.exact = not any(own.cut for ab in both for own in ab)
    return _sized(found, pairs, total, str(look.paths[0]))


def _marks(paths: Sequence[Path], source: str | None, target: str | None, *, asked: bool) -> tuple[str, str] | None:
    """Return the parts of the files' names in which sources and targets differ; None if there are no such pairs."""
    first = paths[0]
    if target and len(paths) == 1:
        beside = _is_source(first, Options(PAIRED, source=source, target=target))
        return (source or first.suffix[1:], target) if beside else None
    for other in paths[1:]:
        marks = _difference(first.name, other.name) if other.parent == first.parent else None
        if marks is None or not (asked or _are_marks(marks, first)):
            continue
        said = (source or marks[0], target or marks[1])
        if (source or target) and set(said) != set(marks):
            said = (source or marks[1], target or marks[0])
            if set(said) != set(marks):
                raise UsageError(
                    f"the files' names differ in {marks[0]} and {marks[1]}",
                    hint=f"--source {marks[0]} --target {marks[1]}, or the other way round",
                )
        elif (marks[1].casefold(), marks[0].casefold()) in COUPLES and not (source or target):
            said = (marks[1], marks[0])
        options = Options(PAIRED, source=said[0], target=said[1])
        sources = [p for p in paths if _is_source(p, options) and _counterpart(p, options) in paths]
        if len(sources) * 2 == len(paths):
            return said
    return None


def _difference(a: str, b: str) -> tuple[str, str] | None:
    """Return the only part, between dots, hyphens and underscores, in which two names differ, or None."""
    odd = [(x, y) for x, y in zip_longest(_PARTS.split(a), _PARTS.split(b), fillvalue="") if x != y]
    return odd[0] if len(odd) == 1 and all(odd[0]) and not any(map(_PARTS.fullmatch, odd[0])) else None


def _are_marks(marks: tuple[str, str], path: Path) -> bool:
    """Whether two parts of names look like two languages, or like a source and a target."""
    a, b = (mark.casefold() for mark in marks)
    letters = 3 if path.suffix == f".{marks[0]}" else 2
    languages = all(_MARK.fullmatch(m) and len(m) <= letters and m not in _ENDINGS for m in (a, b))
    return (a, b) in COUPLES or (b, a) in COUPLES or languages


def _counterpart(path: Path, options: Options) -> Path | None:
    """Return the expected file of the targets of a file; None for a file that is not named like a source."""
    try:
        return path.with_name(target_name(path.name, options))
    except UsageError:
        return None


def _is_source(path: Path, options: Options) -> bool:
    beside = _counterpart(path, options)
    return beside is not None and beside != path and beside.is_file()


def _count(look: Look) -> int:
    return sum(look.lines.values())


def _texts(look: Look) -> list[str]:
    """Return the lines of a file's sample."""
    lines = look.text.removeprefix(BOM).split("\n")
    return [body_of(line)[0] for line in (lines if lines[-1] else lines[:-1])]


# tables and JSON lines


def table(name: str, look: Look, source: str | None, target: str | None, *, asked: bool, guess: bool) -> Found | None:
    """Recognise rows or objects with a source and a target; None if nothing tells them and pairs were not asked
    for."""
    chunks = first_chunks(look.chunks)
    whole = not look.cut and chunks[-1] == look.chunks[-1]
    found = Found(PAIRS, name, [("format", name, "one object a line" if name == "jsonl" else "")])
    header: bool | None = None
    try:
        if name == "jsonl":
            every = [c for c in objects.keys(objects.records_of(chunks), source) if c.parts is None]
        else:
            delimiter, quoting, _, values = columns.rows(name, chunks, (source, target), whole=whole)
            header = _has_header(values, source, target)
            every = columns.headed(values, header)
    except SeqcliError:
        if asked:
            raise
        return None
    inflected = None if source or target else inflections.recognise(every)
    chosen = inflected or _choose(found, every, source, target, asked=asked, guess=guess)
    if chosen is None:
        return None
    by_name = name == "jsonl" or (header and columns.can_be_named([c.name or "" for c in every]))
    if name != "jsonl":
        said = "the first row names the columns" if header else "the first row is a pair, not a header"
        delimiter = None if delimiter == columns.OWN[name] else delimiter
        found.keys += columns.keys_of(bool(header), said, delimiter, quoting)
    first, goal, *features = [c.name if by_name else c.number for c in chosen]
    found.options = {key: value for key, value, _ in found.keys if key != "format"}
    found.options |= {"source": str(first), "target": str(goal), "numbers": name == "jsonl"}
    if inflected:
        return _inflections(found, look, first, goal, features[0], inflected)
    found.keys += [("source", first, "read by the model"), ("target", goal, "written by the model")]
    return _measured(found, look)


def _inflections(found: Found, look: Look, lemma: Any, form: Any, features: Any, of: Sequence[Column]) -> Found:
    """Return the keys for a table of lemmas and forms: sources are features, then the lemma's characters."""
    marked = {"column": features, "tokenizer": {"kind": "word", "split": inflections.MARK}}
    found.keys.append(("source", [marked, lemma], "features, each a symbol, then the lemma's characters"))
    found.keys.append(("target", form, "the form"))
    found.notes.append(f"an inflection table: lemmas in column {of[0]}, forms in {of[1]}, features in {of[2]}")
    found.notes[-1] += f": {_OTHERWISE}"
    found.options |= {"source": str(features), "parts": (str(lemma),)}
    measured = _measured(found, look)
    parts = [text.partition("\t") for text in measured.pairs.source.texts]
    measured.pairs.features = sum(len(own.split(inflections.MARK)) for own, *_ in parts) / len(parts)
    measured.pairs.source = Texts([text for *_, text in parts])
    return measured


def _has_header(values: dict[int, list[str]], *said: str | None) -> bool:
    """Whether the first row names the columns: it has well-known names, or the rows below do not look like names."""
    first = [v[0] for v in values.values()]
    if any(w is not None and column_number(w) is None for w in said):
        return True
    if (over := columns.over_files(values)) is not None:
        return over
    if not columns.are_names(first):
        return False
    if possible(first, SOURCES) and possible(first, TARGETS):
        return True
    below = [v[1:] for v in values.values() if len(v) > FEW]
    return any(
        not any(map(NAME.fullmatch, v[:5])) and sum(map(bool, map(NAME.fullmatch, v))) * 10 < len(v) for v in below
    )


def _choose(
    found: Found, every: Sequence[Column], source: str | None, target: str | None, *, asked: bool, guess: bool
) -> tuple[Column, Column] | None:
    """Choose the columns of sources and targets, adding notes to `found`. Raises UsageError, SeqcliError."""
    filled = [c for c in every if any(v.strip() for v in c.values) and not columns.is_split(c)]
    said = [columns.given(what, every) if what else None for what in (source, target)]
    if said[0] is not None and said[0] is said[1]:
        raise UsageError(f"column {said[0]} cannot be both the source and the target")
    known = well_known(tuple(c.name or "" for c in filled))
    named = [None if i is None else filled[i] for i in known]
    if not any(said) and named[0] and named[1] and (asked or not columns.is_label(named[1])):
        found.notes.append(f"the source is column {named[0]}, the target {named[1]}, by their names: {_OTHERWISE}")
        return named[0], named[1]
    if not (asked or guess):
        return None
    if said[0] and said[1]:
        return said[0], said[1]
    free = [c for c in filled if c not in said]
    chosen = [own or (name if name in free else None) for own, name in zip(said, named, strict=True)]
    free = [c for c in free if c not in chosen]
    texts = [c for c in free if not columns.is_number(c)]
    still = chosen.count(None)
    numbered = any(map(columns.is_number, free[:1])) and not (any(said) and len(free) == 1)  # a single one is taken
    for candidates in ([] if numbered else free, texts):
        if len(candidates) == still:
            break
    else:
        if not asked:
            return None
        names = ", ".join(map(str, every[:8]))
        raise UsageError(
            f"cannot tell the columns of source and target (columns: {names})",
            hint="name them with --source COLUMN and --target COLUMN, by name or number",
        )
    left = iter(candidates)
    a, b = (own or next(left) for own in chosen)
    if not asked and all(_VALUE.fullmatch(v.strip()) for v in b.values if v.strip()):
        found.doubts.append(f"pairs are guessed: column {b}, a number, from column {a}: override with --task")
    elif still:
        found.notes.append(f"the source is column {a}, the target column {b}: {_OTHERWISE}")
    return a, b


# measuring pairs


def pairs_of(found: Found, look: Look) -> list[tuple[str, str]]:
    """Return the pairs of a sample, read as the recipe will read them."""
    return [(r.text, r.target or "") for r in read(PAIRED, found, look)]


def _measured(found: Found, look: Look) -> Found:
    pairs = pairs_of(found, look)
    found.exact = not look.cut
    return _sized(found, pairs, len(pairs) * look.scale, str(look.paths[0]))


def _sized(found: Found, pairs: Sequence[tuple[str, str]], total: float, path: str) -> Found:
    filled = [pair for pair in pairs if pair[0].strip() and pair[1].strip()]
    if not filled:
        raise SeqcliError(f"{path}: no pair has both source and target", hint=f"it was read as {found.format}")
    if blank := len(pairs) - len(filled):
        found.notes.append(f"training leaves out pairs with a blank source or target: {blank:,}")
    targets = defaultdict(set)
    for text, own in filled:
        targets[text].add(own)
    ambiguous = sum(len(own) > 1 for own in targets.values())
    if ambiguous:
        found.notes.append(f"{ambiguous:,} of {len(targets):,} different sources have more than one target")
    found.records = len(filled)
    kept = filled[:: max(-(-len(filled) // MEASURED), 1)]
    source, target = (Texts([" ".join(pair[i].split("\n")).strip() for pair in kept]) for i in (0, 1))
    found.pairs = Pairs(source, target, total * len(filled) / len(pairs), ambiguous)
    return found


def described(found: Found) -> str:
    """Describe pairs: `360 pairs; source: 27.1 characters, 3.5 words on average; target: …`, or, if the source is
    frames, only the target."""
    both: Pairs = found.pairs
    about = "" if found.exact else "about "
    measures = [f"{s.length:,.1f} characters, {s.words:,.1f} words" for s in (both.source, both.target)]
    if found.frames:
        return f"{about}{both.total:,.0f} pairs; target: {measures[1]} on average"
    return f"{about}{both.total:,.0f} pairs; source: {measures[0]} on average; target: {measures[1]}"
