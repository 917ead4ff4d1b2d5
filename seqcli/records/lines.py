"""Two files, a text a line: each line of the source file has its target in the other file; a filter reads one file.

The name of the target file is that of the source file with its last part (between `.`, `-` and `_`) that is `source`,
by default its ending, replaced by `target`. `train.en` with target: de goes with `train.de`; `src-train.txt` with
source: src and target: tgt goes with `tgt-train.txt`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from seqcli import streams
from seqcli.errors import SeqcliError, UsageError, nearest
from seqcli.records import BOM, Options, Pair, body_of
from seqcli.records._lines import Line, LineReader
from seqcli.records._slip import slip

READS = ("pairs",)
GOLD = ("pairs",)


class Reader(LineReader):
    """A reader of lines of running text, blank ones too; with gold each is paired with its line in the other file.

    Raises SeqcliError if that file is missing or has more or fewer lines.
    """

    format, blank = "lines", None

    def __init__(self, options: Options, trained: Any = None):
        super().__init__(options, trained)
        no_prefix(options, self.format)
        self._begin("", [])

    def _start(self) -> None:
        if self.options.gold:
            path = target_file(self._source or "", self.options)
            self._begin(str(path), read_lines(path, self.options.encoding))
            self._further = [self._reference(name) for name in self.options.references or ()]

    def _reference(self, name: str) -> list[str]:
        """Return the lines of a file with further targets. Raises SeqcliError unless it has as many as targets."""
        path = Path(name)
        if not path.is_file():
            path = target_file(self._source or "", replace(self.options, target=name))
        lines = read_lines(path, self.options.encoding)
        if len(lines) != len(self._targets):
            raise SeqcliError(
                f"{self._target_source} has {len(self._targets):,} lines, {path} has {len(lines):,}:"
                " each line must have its counterpart",
                hint=slip(self._target_source, self._targets, str(path), lines),
            )
        return lines

    def _begin(self, path: str, targets: list[str]) -> None:
        self._target_source, self._targets = path, targets
        self._count = 0  # source lines so far
        self._further: list[list[str]] = []

    def _record(self, line: Line, number: int) -> Pair | None:
        pair = Pair(line.body)
        pair.source, pair.line, pair.raw = self._source or "", number, line
        if self.options.gold:
            self._count = number
            if number > len(self._targets):
                return None  # keep counting: the error at the end names both counts
            pair.target, pair.goal_source = self._targets[number - 1], self._target_source
            pair.references = tuple(lines[number - 1] for lines in self._further if lines[number - 1].strip())
        return pair

    def _rest(self, last: bool) -> list[Pair]:
        if self.options.gold and self._count != len(self._targets):
            source, target = self._source or "", self._target_source
            sources = read_lines(Path(source), self.options.encoding)
            raise SeqcliError(
                f"{source} has {self._count:,} lines, {target} has {len(self._targets):,}:"
                " each line must have its counterpart",
                hint=slip(source, sources, target, self._targets),
            )
        return []


def no_prefix(options: Options, format_name: str) -> None:
    """Raise UsageError if the options ask for prefixes, which the format cannot hold."""
    if options.prefix is not None:
        raise UsageError(
            f"prefix: the format {format_name} has no place for {options.prefix!r}",
            hint="give prefixes in a column (tsv, csv) or under a key (jsonl)",
        )


def read_lines(path: Path, encoding: str) -> list[str]:
    """Return the lines of a file, without their ends and without a byte order mark."""
    text = "".join(chunk.text for chunk in streams.read_text([path], encoding=encoding)).removeprefix(BOM)
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    return [body_of(line)[0] for line in lines] if "\r" in text else lines


def target_name(name: str, options: Options) -> str:
    """Return the name of the file with the targets of a file's lines. Raises UsageError if the options lack it."""
    if options.target is None:
        raise UsageError(
            f"{name}: which file has the targets of its lines?",
            hint="set data.target: with target: de, train.en goes with train.de; data.source is the part of the"
            " name that it replaces, by default the ending",
        )
    mark = options.source or Path(name).suffix.removeprefix(".")
    found = [*re.finditer(rf"(?<![^._-]){re.escape(mark)}(?![^._-])", name)] if mark else []
    if not found:
        said = f"no part of the file's name is {mark!r}" if mark else "the file's name has no ending"
        raise UsageError(
            f"{name}: {said}, so it cannot be replaced by {options.target!r} in the name of the targets' file",
            hint="data.source is a part of the file's name between . - _: with source: en and target: de,"
            " train.en.txt goes with train.de.txt",
        )
    if mark == options.target:
        raise UsageError(
            f"{name}: {options.target!r} is both the source and the target",
            hint="data.source and data.target are the two sides, as in source: en and target: de",
        )
    return name[: found[-1].start()] + options.target + name[found[-1].end() :]


def target_file(source: str, options: Options) -> Path:
    """Return the file with the targets of a file's lines. Raises SeqcliError if it does not exist."""
    if source in ("-", "<stdin>"):
        raise UsageError(
            "standard input has no companion file with the targets of its lines",
            hint="name the file; or give source and target in one file, as tsv or jsonl",
        )
    path = Path(source)
    found = path.with_name(target_name(path.name, options))
    if not found.is_file():
        near = nearest(found.name, [p.name for p in path.parent.iterdir() if p.name != path.name])
        mark = options.source or path.suffix.removeprefix(".")
        derived = f"{mark!r} in the name {path.name} is replaced by data.target, {options.target!r}"
        raise SeqcliError(
            f"no such file: {found}: it should hold the targets of {source}",
            hint=f"{derived}\ndid you mean {near!r}?" if near else derived,
        )
    return found
