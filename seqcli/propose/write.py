"""Write a recipe for a user's own files: `seqcli recipes new`."""

from __future__ import annotations

import re
import shlex
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

from seqcli import console
from seqcli.errors import SeqcliError, UsageError
from seqcli.propose import fitted, fitted_frames, fitted_pairs, pairs
from seqcli.propose.fitted import Entry, Section, shown
from seqcli.propose.look import PAIRS, Files, Found, Look, find, look_at
from seqcli.propose.records import Said, examples_of, recognise
from seqcli.recipe.dump import write_recipe
from seqcli.recipe.paths import relative
from seqcli.recipe.schema import SECTIONS
from seqcli.registry import constant

LOCAL = Path("recipes")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:[-./+][A-Za-z0-9_]+)*")
_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}  # booleans in some version of YAML
_FROM = 26  # the column where comments begin
_WIDE = 112


def new(
    arguments: list[str], task: str | None, output: str | None, force: bool, said: Said
) -> tuple[str, Path | None]:
    """Look at files, print what they hold, and make a recipe. Return its text, and the path it was written to (None
    if the caller is to print it). Raises UsageError for a path that exists, SeqcliError for files that fit no
    recipe."""
    files = find(arguments)
    name = re.sub(r"[^\w.-]+", "-", files.name).strip("-._") or "recipe"
    path = _path(output, name, force)
    look = look_at(files.splits["train"])
    found = recognise(files, look, task, said)
    others = {split: look_at(own) for split, own in files.splits.items() if split != "train"}
    description = _describe(files, look, found, others)
    for line in description:
        (console.warn if line in found.doubts else console.say)(line)
    recipe = compose(files, look, found, others, path, name, description)
    if path is not None:
        write_recipe(path, recipe)
    return recipe, path


def _path(output: str | None, name: str, force: bool) -> Path | None:
    if output == "-":
        return None
    path = Path(output).expanduser() if output else LOCAL / f"{name}.yaml"
    if path.is_dir():
        path = path / f"{name}.yaml"
    if path.suffix not in (".yaml", ".yml"):
        raise UsageError(f"{path} is neither a folder nor named .yaml", hint=f"name it {path}.yaml")
    if path.is_dir():
        raise UsageError(f"{path} is a folder")
    if path.exists() and not force:
        raise UsageError(f"{path} already exists", hint="name another file with -o, or overwrite it with --force")
    return path


# the description of the files


def _describe(files: Files, look: Look, found: Found, others: dict[str, Look]) -> list[str]:
    """Return the lines for stderr and for the head of the recipe."""
    form = f", {found.format}" if found.format != "text" else ""
    said = [f"{_names(look.paths)}: {_holds(found)}{form}; {_size(look)}"]
    if found.counts:
        said.append(_counted(found))
    if found.pairs:
        said.append(pairs.described(found))
    if found.frames:
        said.append(fitted_frames.described(found.frames))
    if found.task == "tagging":
        said.append(f"the tags are spans in {found.scheme}" if found.scheme else "the tags do not mark spans")
    for split, other in others.items():
        said.append(f"{split}: {_names(other.paths)}, {_size(other)}")
        said += _unseen(found, other, split)
    for own in (look, *others.values()):
        if own.not_utf8:
            said.append(f"{own.not_utf8}; latin-1 is assumed: check it")
    return (
        said
        + found.notes
        + found.doubts
        + files.notes
        + [f"held out: {note}" for note in fitted.shares_note(found, look, others)]
    )


def _holds(found: Found) -> str:
    """Name the contents: `texts with labels`, `series with labels`, `pairs of recordings and texts`."""
    if not found.frames:
        return _word("HOLDS", found)
    what = found.frames.what
    return f"pairs of {what} and texts" if found.task == PAIRS else f"{what} with labels"


def _word(what: str, found: Found) -> str:
    """Return a task's own word, its constant `what`."""
    return constant("tasks", found.task, what)


def _names(paths: list[Path]) -> str:
    return ", ".join(shown(p.name) for p in paths[:3]) + (f" and {len(paths) - 3:,} more" if len(paths) > 3 else "")


def _size(look: Look) -> str:
    lines = sum(look.lines.values())
    if not look.chunks:
        return f"{len(look.paths):,} files, {look.size / 1e6:,.1f} MB"
    if look.exact:
        return f"{lines:,} line{'s' * (lines != 1)}, {look.characters:,} characters"
    return f"{look.size / 1e6:,.0f} MB, of which the first {look.characters / 1e6:.0f} MB have {lines:,} lines"


def _counted(found: Found) -> str:
    """Describe counts: `3,210 texts, 6 labels; the rarest, ABBR, has 86; the most frequent, ENTY, 1,250 (23 %)`."""
    texts = found.frames.what if found.frames else "texts"
    word, label = ("sentences", "tags") if found.task == "tagging" else (texts, "labels")
    total = max(found.counts.total(), 1)
    ranked = found.counts.most_common()
    (most, high), (least, low) = ranked[0], ranked[-1]
    records = found.records if found.task == "tagging" or found.multi_label else total
    whole = (
        total if found.task == "tagging" else max(records, 1)
    )  # of several labels a text: shares may sum to over 1
    part = "" if found.exact else "at the beginning: "
    many = f"{label} of {total:,} words" if found.task == "tagging" else label
    text = (
        f"{part}{records:,} {word}, {len(found.counts):,} different {many}; "
        f"the rarest, {shown(least)}, has {low:,}; the most frequent, {shown(most)}, {high:,} ({high / whole:.0%})"
    )
    if len(found.counts) == 1:
        return f"{part}{records:,} {word}, the only label {shown(most)}"
    if len(found.counts) <= 12:
        text += f"\n{label}: " + ", ".join(f"{shown(name)} {n:,}" for name, n in found.counts.most_common())
    return text


def _unseen(found: Found, other: Look, split: str) -> list[str]:
    """Return notes on a split beside the training files: errors in reading it, labels that training lacks."""
    mine = replace(found, notes=[])
    if found.task not in (PAIRS, "classification") or found.format in ("text", "lines"):
        return []
    try:
        records: list[Any] = pairs.pairs_of(mine, other) if found.task == PAIRS else examples_of(mine, other)
    except SeqcliError as error:
        return [f"{split}: reading will stop with: {error.message}"]
    notes = [f"{split}: {note}" for note in mine.notes]
    known = {label for e in records for label in e.labels or ()} if found.task != PAIRS else set()
    if (lacking := known - set(found.counts)) and found.exact:
        names = ", ".join(shown(label) for label in sorted(lacking)[:3])
        notes.append(f"{split}: {len(lacking):,} labels that the training text lacks, such as {names}")
    return notes


# the recipe


def compose(
    files: Files, look: Look, found: Found, others: dict[str, Look], path: Path | None, name: str, said: list[str]
) -> str:
    """Return the recipe's text; paths in it are relative to its folder."""
    launch = path if path is not None else Path(f"{name}.yaml")
    folder = path.parent if path is not None else Path()
    head = [f"# seqcli train {shlex.quote(str(launch))}"]
    head.append(f"# {_word('LEARNS', found)} fitted to {_names(look.paths)} by: seqcli recipes new")
    for line in "\n".join(said).split("\n"):
        head += textwrap.wrap(line, _WIDE, initial_indent="# ", subsequent_indent="#   ")
    fitter = fitted_frames if found.frames else fitted_pairs if found.task == PAIRS else fitted
    fitting, hints = fitter.fit(found, look, others)
    lines = [*head, "", f"task: {found.task}"]
    sections = {**fitting, "data": _data(files, look, found, others, folder)}
    for title in (t for t in SECTIONS if t in sections):
        lines += ["", *_section(title, sections[title])]
        lines += [f"  # {hint}" for hint in hints.get(title, ())]
    return "\n".join(lines) + "\n"


def _data(files: Files, look: Look, found: Found, others: dict[str, Look], folder: Path) -> Section:
    entries: Section = []
    said = {split: [_moved(p, folder) for p in own] for split, own in files.said.items()}
    entries.append(Entry("train", _one(said["train"]), ""))
    entries += [Entry(split, _one(said[split]), "") for split in others]
    entries += fitted.shares(found, look, others)
    entries += [Entry(*key) for key in found.keys if key[:2] != ("format", "text")]
    entries += fitted_frames.longest(found) if found.frames else []
    entries += _encoding(look, others)
    return entries


def _encoding(look: Look, others: dict[str, Look]) -> Section:
    """Return the encoding for all splits if any is not UTF-8."""
    splits = {"train": look, **others}
    if not any(own.not_utf8 for own in splits.values()):
        return []
    comment = "ASSUMED, as the text is not valid UTF-8: check words with accents"
    if any(own.windows for own in splits.values()):
        comment += "; cp1252 if quotes and dashes are missing"
    entries = [Entry("encoding", "latin-1", comment)]
    for split, own in splits.items():
        if not own.not_utf8 and not own.ascii:
            entries.append(
                Entry("#", f"but {split} is UTF-8: convert all splits to one encoding first, with iconv", "")
            )
    return entries


def _one(paths: list[str]) -> str | list[str]:
    return paths[0] if len(paths) == 1 else paths


def _moved(path: str, folder: Path) -> str:
    """Convert a path or glob relative to the working folder into one relative to `folder`."""
    if Path(path).is_absolute():
        return path
    moved = relative(Path(path), folder)
    if moved.startswith("~"):
        return str(Path(path).absolute())
    return moved if "/" in moved else f"./{moved}"


def _section(title: str, entries: Section) -> list[str]:
    lines = [f"{title}:"]
    for key, value, comment in entries:
        if key == "#":
            lines.append(f"  # {value}")
            continue
        text = f"  {key}: {scalar(value)}"
        lines.append(f"{text:<{_FROM}}  # {comment}" if comment else text)
    return lines


def scalar(value: Any) -> str:
    """Return a value as one line of YAML. Raises UsageError for a file name that is not UTF-8."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {scalar(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(scalar, value)) + "]"
    if isinstance(value, float):
        return f"{value:.0e}".replace("e-0", "e-") if 0 < value < 1e-2 else f"{value:g}"
    text = str(value)
    if not isinstance(value, str):
        return text
    plain = text.removeprefix("./")
    while plain.startswith("../"):
        plain = plain.removeprefix("../")
    if _PLAIN.fullmatch(plain.removeprefix("/")) and text.casefold() not in _WORDS:
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError(f"the name {text!r} is not UTF-8: a recipe cannot hold it", hint="rename the file") from None
    import yaml

    return yaml.safe_dump(text, default_style='"', allow_unicode=True, width=1 << 20).rstrip("\n")
