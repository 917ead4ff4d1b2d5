"""Keep tags that the input gives for some or all words, and predict the rest (`--force`)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from seqcli import schemes
from seqcli.errors import SeqcliError, UsageError, did_you_mean
from seqcli.records import Options, Sentence, conllu
from seqcli.records.conll import Block
from seqcli.tasks.tagging.predict import Tagger


@dataclass(frozen=True)
class Forced:
    """The column or key of the input that holds tags to keep."""

    name: str  # of a column or key
    format: str
    is_tag: bool  # whether the reader takes it for the tags; else it is a further column

    @classmethod
    def find(cls, name: str, read: str, options: Options) -> Forced:
        """Find a column or key by name. Raises UsageError if the input has no such column."""
        if read == "jsonl":
            return cls(name, read, True)
        if read == "conllu" and name in (options.tag or "upos", *conllu.COLUMNS[2:8]):
            return cls(name, read, name == (options.tag or "upos"))
        if read == "conll" and name in options.columns:
            return cls(name, read, name == options.tag)
        if read not in ("conll", "conllu"):
            hint = "give columns, CoNLL-U or JSON lines: --input conll --columns word,known --force known"
            raise UsageError(f"--force: {read} has no columns", hint=hint)
        named = ", ".join(options.columns or conllu.COLUMNS[2:8] if read == "conllu" else options.columns)
        hint = f"the columns are {named}" if named else "name them: --columns word,known"
        raise UsageError(f"--force: no column is named {name!r}", hint=hint)

    def of(self, sentence: Sentence) -> Sequence[str | None]:
        """Return the given tag of each word, or None."""
        given = sentence.tags if self.is_tag else sentence.features.get(self.name)
        return [None if tag in ("", "_", "-") else tag for tag in given or ()]

    def allowed(self, sentence: Sentence, scheme: str | None) -> list[list[str] | None]:
        """Return the tags that each word may have; None for any.

        If a part of a span contradicts the tags given next to it, any part is allowed: B-PER I-LOC is two spans.
        """
        given, letters = self.of(sentence), list(schemes.LETTERS.get(scheme or "", "BI"))
        parts = [schemes.divide(schemes.in_letters(tag or "O", "iobes")) for tag in given]
        found: list[list[str] | None] = []
        for t, tag in enumerate(given):
            prefix, name = parts[t]
            before, after = t == 0 or given[t - 1] is not None, t + 1 == len(given) or given[t + 1] is not None
            alone = before and prefix in ("I", "E")
            alone = alone and (t == 0 or parts[t - 1][1] != name or parts[t - 1][0] in "OES")
            cut = after and scheme in schemes.LETTERS and prefix in ("B", "I")
            cut = cut and (t + 1 == len(given) or parts[t + 1][1] != name or parts[t + 1][0] in "OBS")
            any_part = [name] if name else letters  # one kind of span has no name
            found.append(None if tag is None else any_part if scheme and (alone or cut) else [tag])
        return found

    def check(self, sentence: Sentence, tagger: Tagger) -> None:
        """Raise SeqcliError with file:line:column for a tag that the model does not know."""
        if not sentence.words:
            return
        given = self.of(sentence)
        if not given and self.format == "conll":
            raise SeqcliError(f"{sentence.place(0)}: there is no column {self.name!r} (see --force)")
        if not given and self.format == "jsonl" and self.name in json.loads(sentence.raw.body):
            what = f"{self.name!r} must be a list with a tag for each token"
            raise SeqcliError(f"{sentence.place(0)}: {what} (see --force)", hint="null stands for no tag")
        for t, tag in enumerate(given):
            if tag is not None and not tagger.knows(tag):
                place = self._place(sentence, t)
                raise SeqcliError(
                    f"{place}: the model does not know the tag {tag!r}", hint=did_you_mean(tag, tagger.tags)
                )

    def _place(self, sentence: Sentence, t: int) -> str:
        block = sentence.raw
        if self.is_tag or not isinstance(block, Block):
            return sentence.place(t, tag=True)
        names, separator = (block.layout.names, block.layout.separator) if block.layout else (conllu.COLUMNS, "\t")
        places = block.places(sentence.line - block.rows[0], names.index(self.name), separator)
        return f"{sentence.source}:{places[t][0]}:{places[t][1]}"
