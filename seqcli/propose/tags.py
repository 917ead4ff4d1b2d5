"""Look at words with tags: find their format, the place of the tags, and whether they mark spans."""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import Any

from seqcli import schemes
from seqcli.errors import SeqcliError
from seqcli.propose import objects
from seqcli.propose.look import Found, Look, first_chunks, records_of
from seqcli.records import TAGGED, Options, detect, open_format


def tag_format(path: str, look: Look, beginning: str) -> str | None:
    """Return the format of words with tags; None if there are none."""
    name = detect(TAGGED, path, beginning)
    if name == "jsonl":
        return name if objects.tokens_and_tags(objects.records_of(first_chunks(look.chunks))) else None
    if name is None and detect(TAGGED, str(look.paths[0])) in ("conll", "conllu"):
        suffix = look.paths[0].suffix.lower()
        name = detect(TAGGED, str(look.paths[0])) if suffix != ".tsv" else None
    if name == "conll" and not path:  # labelled texts have columns too, but words have no spaces
        rows = [line.split("\t") for line in beginning.split("\n") if line.strip()]
        spaced = sum(" " in row[0].strip() for row in rows if len(row) > 1)
        return None if spaced * 10 > len(rows) else name
    return name


def tagging(name: str, look: Look) -> Found:
    """Return what a sample of words with tags holds. Raises SeqcliError if it cannot be read."""
    found = Found("tagging", name, [("format", name, "")])
    options: dict[str, Any] = {}
    if name == "jsonl":
        words, tags = objects.tokens_and_tags(objects.records_of(first_chunks(look.chunks))) or ("tokens", "tags")
        found.keys += [("field", words, "the key of the words"), ("tag", tags, "the key of their tags")]
        options = {"field": words, "tag": tags}
    if name == "conllu":
        tag, others = _conllu_tag(look), _filled(look)
        several = f", or several in one model: [{', '.join([tag, *others])}]" if others else ""
        found.keys.append(("tag", tag, f"or xpos, deprel, feats.NAME, misc.NAME{several}"))
        options["tag"] = tag
    sentences = [s for s in _sentences(name, look, options) if s.words]
    width = _width(look) if name == "conll" else 0
    if width > 2:
        said = ["word", *("_" * (width - 2)), "tag"]
        found.keys.append(("columns", said, "_ is not read; named ones may be in model.features"))
        found.notes.append(f"the last of {width} columns is taken for the tag: choose another with data.columns")
    if "comments" in options:
        found.keys.append(("comments", "#", "lines that begin with it are comments"))
    if not sentences:
        raise SeqcliError(f"{look.paths[0]}: the sample has no complete sentence", hint=f"it was read as {name}")
    tags = [s.tags or [] for s in sentences]
    if name == "conllu":
        outside = [["O" if t == "_" else t for t in own] for own in tags]
        tags = outside if schemes.recognise(outside) else tags
        found.notes.append("`restore: sentences` instead of tag learns its sentences and words: docs/sentences.md")
    found.scheme = schemes.recognise(tags)
    found.counts = Counter(t for own in tags for t in own)
    found.records, found.words = len(tags), sum(map(len, tags))
    found.characters = sum(len(w) for s in sentences for w in s.words)
    if found.scheme and (broken := schemes.violations(tags, found.scheme)):
        found.notes.append(
            f"{broken:,} tags break the scheme {found.scheme}; training reads them by conlleval's rules"
        )
    found.exact = not look.cut
    return found


def _conllu_tag(look: Look) -> str:
    """Return the column of tags: upos, or xpos if upos is empty."""
    for line in look.text.split("\n"):
        cells = line.split("\t")
        if len(cells) == 10 and cells[0].isdecimal() and cells[3] != "_":
            return "upos"
    filled = any(len(c := line.split("\t")) == 10 and c[4] != "_" for line in look.text.split("\n"))
    return "xpos" if filled else "upos"


def _filled(look: Look) -> list[str]:
    """Return which of feats and lemma a treebank has."""
    rows = [c for line in look.text.split("\n") if len(c := line.split("\t")) == 10 and c[0].isdecimal()]
    return [name for name, column in (("feats", 5), ("lemma", 2)) if any(row[column] != "_" for row in rows)]


def _sentences(name: str, look: Look, options: dict[str, Any]) -> list[Any]:
    """Return the sentences, read as in training; if comments prevent that, declare them in `options`."""
    module = open_format(TAGGED, name)
    try:
        return records_of(module, look, Options(TAGGED, **options))
    except SeqcliError as error:
        if name == "conll" and "comments" not in options and "\n#" in "\n" + look.text:
            options["comments"] = "#"
            with contextlib.suppress(SeqcliError):
                return records_of(module, look, Options(TAGGED, **options))
        raise SeqcliError(error.message, hint=error.hint or f"it was read as {name}") from None


def _width(look: Look) -> int:
    """Return the number of columns of the first row that has any."""
    for line in look.chunks[0].text.split("\n"):
        if line.strip() and not line.startswith(("#", "-DOCSTART-")):
            return len(line.split("\t") if "\t" in line else line.split())
    return 0
