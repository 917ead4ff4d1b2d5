"""Look at a user's files: find the split and encoding of each, and take a bounded sample of its text."""

from __future__ import annotations

import glob
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seqcli import streams
from seqcli.errors import SeqcliError, UsageError
from seqcli.files import expand
from seqcli.frames import ENDINGS
from seqcli.records import Kind, Options, open_format
from seqcli.records.jsonl import ARRAY
from seqcli.streams import Chunk

SAMPLE = 8 << 20  # characters of the sample
SCANNED = 64 << 20  # characters of a split in which lines are counted and the encoding is checked
CHOSEN = 1 << 20  # characters from which formats and columns are recognised
SPLITS = ("train", "valid", "test")
PAIRS = "sequence-to-sequence"
MANY = 100  # more files in one folder are not taken for labels
LISTED = 1000  # the most files that a recipe lists by name if no glob matches exactly these

_LETTER = r"[^\W\d_]"
_NAMES = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("valid", "validation", "val", "dev", "devel", "development"), "valid"),
    **dict.fromkeys(("test", "testing", "tst"), "test"),
}
_SPLIT = re.compile(rf"(?<!{_LETTER})({'|'.join(_NAMES)})(?!{_LETTER})", re.IGNORECASE)
_ABOUT = re.compile(r"(readme|licen[cs]e|copying|changelog|authors|sha256sums|md5sums)\b.*|.*\.(md|rst|pdf)", re.I)
_UNPRINTED = re.compile(r"[\x01-\x08\x0e-\x1a\x1c-\x1f\x7f]")  # controls that no text has; NUL is checked apart


@dataclass
class Files:
    """The files of each split, and how a recipe names them: paths or globs relative to the working folder."""

    splits: dict[str, list[Path]]
    said: dict[str, list[str]]
    name: str  # of the data set
    label_from: str = "record"  # folder: each subfolder is a label; file: each file
    notes: list[str] = field(default_factory=list)


@dataclass
class Look:
    """The contents of one split's files: a sample of whole lines (except for a longer line), and counts."""

    paths: list[Path]
    chunks: list[Chunk] = field(default_factory=list)
    lines: dict[Path, int] = field(default_factory=dict)  # of each file
    characters: int = 0
    sampled: int = 0
    size: int = 0  # bytes
    encoding: str = "utf-8"
    not_utf8: str = ""  # the error about the first invalid byte
    ascii: bool = True
    windows: bool = False  # bytes 80 to 9f: controls in latin-1, quotes and dashes in cp1252
    exact: bool = True  # whether the counts cover everything
    cut: bool = False  # whether there is more than the sample

    @property
    def text(self) -> str:
        """The text of the sample."""
        return "".join(chunk.text for chunk in self.chunks)

    @property
    def scale(self) -> float:
        """The size of everything relative to the sample."""
        return self.total / max(self.sampled, 1) if self.cut else 1.0

    @property
    def total(self) -> int:
        """The number of characters, estimated by the bytes if not everything was read."""
        return self.characters if self.exact else max(self.size, self.characters)


@dataclass
class Found:
    """What was found in a sample: the task, and the keys of `data` that read it, each with its comment."""

    task: str
    format: str = "text"
    keys: list[tuple[str, Any, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # decisions, and how to override them
    doubts: list[str] = field(default_factory=list)  # guesses, printed as warnings
    options: dict[str, Any] = field(default_factory=dict)  # arguments for the format's `Options`
    counts: Counter[str] = field(default_factory=Counter)  # of the labels or tags
    records: int = 0  # texts or sentences of the sample
    words: int = 0
    characters: int = 0
    spaces: int = 0
    lowered: bool = True  # whether words that differ only in case are the same
    multi_label: bool = False
    scheme: str | None = None
    pair: str | None = None  # for records of two texts: `model.pair`
    pairs: Any = None  # for pairs: `pairs.Pairs`
    frames: Any = None  # for series and recordings: `frames.Shape`
    exact: bool = True  # whether the counts cover everything


def find(arguments: Sequence[str]) -> Files:
    """Return the files of each split that the arguments name. Raises UsageError or SeqcliError if there are none."""
    if "-" in arguments:
        raise UsageError(
            "a recipe is made for files: standard input can be read only once", hint="save it to a file first"
        )
    given = [Path(a).expanduser() for a in arguments]
    folders = [p for p in given if p.is_dir()]
    if folders and len(folders) < len(given):
        raise UsageError("files and folders are mixed", hint="name either files, or one folder for each label")
    if len(folders) == 1:
        return _in_folder(folders[0])
    if folders:
        return _folders(folders)
    return _named(expand(list(arguments)))


def split_of(name: str) -> str | None:
    """Return the split that a file name tells; None if it tells none, or several."""
    found = {_NAMES[word.lower()] for word in _SPLIT.findall(name)}
    return found.pop() if len(found) == 1 else None


def _named(paths: list[Path]) -> Files:
    splits: dict[str, list[Path]] = {}
    for path in paths:
        splits.setdefault(split_of(path.name) or "unknown", []).append(path)
    unknown, notes = splits.pop("unknown", []), []
    if len(paths) == 1:
        splits, beside = {"train": paths}, _beside(paths[0])
        if beside:
            notes.append(f"its other splits may be {beside}, beside it: name them too to use them")
    elif unknown:
        if splits:
            names = ", ".join(p.name for p in unknown[:3])
            notes.append(f"the name of {names} tells no split: used for training")
        splits["train"] = unknown + splits.get("train", [])
    if "train" not in splits:
        raise UsageError(
            f"none of these files is for training: {', '.join(p.name for p in paths[:3])}",
            hint="the words train, valid (dev) and test in file names tell the splits",
        )
    name = re.sub(r"([-_. ])[-_. ]+", r"\1", _SPLIT.sub("", splits["train"][0].stem)).strip("-_. ")
    name = name or splits["train"][0].resolve().parent.name
    splits = {split: splits[split] for split in ("train", "valid", "test") if split in splits}
    return Files(splits, {s: [str(p) for p in own] for s, own in splits.items()}, name, notes=notes)


def _beside(path: Path) -> str:
    """Return the names of the other splits beside a file: those that differ only in the word for the split."""
    if split_of(path.name) != "train":
        return ""
    stem = _SPLIT.sub("*", path.name)
    others = [
        p.name
        for p in sorted(path.absolute().parent.iterdir())
        if split_of(p.name) not in (None, "train") and _SPLIT.sub("*", p.name) == stem
    ]
    return " and ".join(others[:2])


def _in_folder(folder: Path) -> Files:
    subfolders, files = _entries(folder)
    named = {split: d for d in subfolders if (split := split_of(d.name))}
    if "train" in named:
        return _labels(folder, {split: named[split] for split in SPLITS if split in named})
    if subfolders:
        return _labels(folder, {"train": folder})
    groups: dict[str, list[Path]] = {}
    for path in files:
        if split_of(path.name):
            groups.setdefault(_SPLIT.sub("*", path.name), []).append(path)
    sets = [own for own in groups.values() if any(split_of(p.name) == "train" for p in own)]
    if not groups:
        return _labels(folder, {"train": folder})
    own = [p for p in files if split_of(p.name)]
    if len({split_of(p.name) for p in own}) < len(own) and len(sets) == 1:
        own = sets[0]
    if len({split_of(p.name) for p in own}) < len(own):
        raise UsageError(
            f"{folder} holds several data sets", hint=f"name the files of one: {' '.join(map(str, own[:4]))}"
        )
    found = _named(own)
    left = [p.name for p in files if p not in own]
    if left:
        found.notes.append(f"not read: {', '.join(left[:5])}")
    found.name = found.name if len(own) > 1 else folder.resolve().name
    return found


def _folders(folders: list[Path]) -> Files:
    named = {split: d for d in folders if (split := split_of(d.name))}
    if "train" in named and len(named) == len(folders):
        return _labels(folders[0].resolve().parent, {split: named[split] for split in SPLITS if split in named})
    files = {d: _entries(d)[1] for d in folders}
    for folder, own in files.items():
        if not own:
            raise SeqcliError(f"{folder}: the folder has no files")
    said = [text for d, own in files.items() for text in _say(d, "*", own)]
    paths = [p for own in files.values() for p in own]
    return Files({"train": paths}, {"train": said}, folders[0].resolve().parent.name, "folder")


def _labels(folder: Path, roots: dict[str, Path]) -> Files:
    """Return splits in which each subfolder, or each file, is a label."""
    found = Files({}, {}, folder.resolve().name)
    for split, root in roots.items():
        subfolders, files = _entries(root)
        kind = "folder" if subfolders else "file" if len(files) > 1 else "record"
        if split == "train":
            found.label_from = kind
        if kind != found.label_from:
            raise UsageError(f"{root} is not organised like {roots['train']}", hint="name the files themselves")
        inner = [p for d in subfolders for p in _entries(d)[1]] if subfolders else files
        if not inner:
            raise SeqcliError(f"{root}: the folder has no text files", hint="it needs a file or a folder a label")
        found.splits[split], found.said[split] = inner, _say(root, "*/*" if subfolders else "*", inner)
    return found


def _entries(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the folders and files in a folder, without hidden ones and descriptions such as README."""
    try:
        entries = sorted(p for p in folder.iterdir() if not p.name.startswith((".", "__")))
    except OSError as error:
        raise SeqcliError(f"cannot read {folder}: {error.strerror}") from None
    files = [p for p in entries if p.is_file()]
    return [p for p in entries if p.is_dir()], [p for p in files if not _ABOUT.fullmatch(p.name)] or files


def _say(folder: Path, stars: str, paths: list[Path]) -> list[str]:
    """Return a glob that matches exactly these files, else their names if they are not too many."""
    suffixes = {p.suffix for p in paths}
    base, end = glob.escape(str(folder)), suffixes.pop() if len(suffixes) == 1 else ""
    pattern = f"{base}/{stars}{glob.escape(end)}"
    matched = {Path(p) for p in glob.glob(pattern) if not Path(p).is_dir()}  # noqa: PTH207  as streams.expand
    return [pattern] if matched == set(paths) or len(paths) > LISTED else [str(p) for p in paths]


def look_at(paths: list[Path]) -> Look:
    """Read the beginning of every file, but nothing of recordings and arrays. Raises SeqcliError for files that are
    empty or not text."""
    for path in paths:
        if not path.is_file():
            raise UsageError(f"{path} is not a regular file, which can be read twice", hint="save it to a file first")
    found = Look(paths, size=sum(p.stat().st_size for p in paths))
    if not found.size:
        raise SeqcliError(f"{_shown(paths)}: the file is empty" if len(paths) == 1 else f"{_shown(paths)}: empty")
    if all(path.suffix.lower() in ENDINGS for path in paths):
        return found
    try:
        _scan(found, "utf-8")
    except SeqcliError as error:
        if "is not valid" not in error.message:
            raise
        found = Look(paths, size=found.size, encoding="latin-1", not_utf8=error.message)
        _scan(found, "latin-1")
        found.windows = any(re.search(r"[\x80-\x9f]", chunk.text) for chunk in found.chunks)
    text = found.chunks[0].text if found.chunks else ""
    if len(_UNPRINTED.findall(text)) * 50 > len(text):
        raise _no_text(paths[0], "many of its characters are control characters")
    if not any(chunk.text.strip() for chunk in found.chunks):
        raise SeqcliError(f"{_shown(paths)}: only blank lines")
    if re.match(r'\s*\[\s*\{\s*"', text):
        raise SeqcliError(f"{paths[0]} is a JSON array", hint=ARRAY)
    return found


def _scan(found: Look, encoding: str) -> None:
    each = max(SAMPLE // len(found.paths), 1 << 16)  # characters of each file in the sample
    for path in found.paths:
        taken, lines, last = 0, 0, "\n"
        if found.characters >= SCANNED:
            found.exact, found.cut = False, True
            break
        for chunk in streams.read_text([path], encoding=encoding, cut_long_lines=True):
            if (at := chunk.text.find("\0")) >= 0:
                raise _no_text(path, f"there is a NUL byte at {chunk.place(at)}")
            if taken < each and found.sampled < SAMPLE:
                part = _beginning(chunk, each - taken)
                found.chunks.append(part)
                taken += len(part.text)
                found.sampled += len(part.text)
                found.cut |= len(part.text) < len(chunk.text)
            else:
                found.cut = True
            lines += chunk.text.count("\n")
            found.ascii = found.ascii and chunk.text.isascii()
            found.characters += len(chunk.text)
            last = chunk.text[-1]
            if found.characters >= SCANNED:
                break
        found.lines[path] = lines + (last != "\n")
    found.exact = found.exact and (found.characters < SCANNED)


def _beginning(chunk: Chunk, most: int) -> Chunk:
    """Return the whole lines of a chunk within the first `most` characters, but at least its first line."""
    if len(chunk.text) <= most:
        return chunk
    end = chunk.text.rfind("\n", 0, most) + 1 or chunk.text.find("\n") + 1 or len(chunk.text)
    return Chunk(chunk.text[:end], chunk.source, chunk.line, chunk.column)


def _no_text(path: Path, why: str) -> SeqcliError:
    return SeqcliError(f"{path} is not text: {why}", hint="unpack or convert it first: a recipe is for text files")


def _shown(paths: list[Path]) -> str:
    return ", ".join(str(p) for p in paths[:3]) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")


def read(kind: Kind, found: Found, look: Look) -> list[Any]:
    """Return the records of a sample, read as the recipe will read them; note an error that would stop training."""
    module = open_format(kind, found.format)
    try:
        return records_of(module, look, Options(kind, **found.options))
    except SeqcliError as error:
        found.notes.append(f"training will stop with: {error.message}")
        return records_of(module, look, Options(kind, **found.options, gold=False))


def records_of(module: Any, look: Look, options: Any) -> list[Any]:
    """Return the records that a format's reader finds in a sample, without the record that the sample cuts off."""
    reader = module.Reader(options)
    records = [record for chunk in look.chunks for record in reader.feed(chunk)]
    return records + (list(reader.close()) if not look.cut else [])


def first_chunks(chunks: Sequence[Chunk]) -> list[Chunk]:
    """Return the first chunks, in whole lines, with enough text to recognise formats and columns."""
    kept, size = [], 0
    for chunk in chunks:
        if size >= CHOSEN and kept[-1].text.endswith("\n"):
            break
        kept.append(chunk)
        size += len(chunk.text)
    return kept
