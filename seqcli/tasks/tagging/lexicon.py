"""Read lexicons, which list the tags that a word may have, one word a line: word TAB tag [tag ...]."""

from __future__ import annotations

import re
from collections.abc import Iterator

from seqcli import streams
from seqcli.errors import SeqcliError, did_you_mean
from seqcli.files import sources
from seqcli.records import BOM
from seqcli.tasks.tagging.predict import Tagger


def read_lexicon(path: str, tagger: Tagger) -> dict[str, list[str]]:
    """Read a lexicon and return the tags of each word; a word on several lines gets the tags of all.

    Spaces, commas or `|` separate tags (a tag may contain them). Raises SeqcliError with file:line:column.
    """
    found: dict[str, list[str]] = {}
    for chunk in streams.read_text(sources([path])):
        for number, text in streams.lines_of(chunk):
            line = text.removesuffix("\r")
            line = line.removeprefix(BOM) if number == 1 else line
            if not line.strip():
                continue
            word, tab, rest = line.partition("\t")
            tags = list(_tags(rest, tagger))
            if not tab or not word or not tags:
                raise SeqcliError(
                    f"{chunk.source}:{number}:1: expected a word, a tab and tags", hint="as in: walk<TAB>NOUN VERB"
                )
            for at, tag in tags:
                if not tagger.knows(tag):
                    raise SeqcliError(
                        f"{chunk.source}:{number}:{len(word) + 2 + at}: the model does not know the tag {tag!r}",
                        hint=did_you_mean(tag, tagger.tags),
                    )
            found.setdefault(word, []).extend(tag for _, tag in tags)
    return found


def _tags(text: str, tagger: Tagger) -> Iterator[tuple[int, str]]:
    """Yield (offset from 0, tag) for each tag of a line."""
    for part in re.finditer(r"\S+", text):
        if tagger.knows(part.group()):
            yield part.start(), part.group()
            continue
        for tag in re.finditer("[^,|]+", part.group()):
            yield part.start() + tag.start(), tag.group()
