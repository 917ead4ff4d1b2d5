"""Rank sentences by how much labelling them would help, find doubtful tags, and write such sentences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from seqcli import registry, schemes
from seqcli.decoding.chain import Chain
from seqcli.errors import UsageError
from seqcli.records import BOM, RESULT, Answer, Options, Sentence, as_read, with_members
from seqcli.selection import uncertainty
from seqcli.selection.doubt import Contradicted, Doubts
from seqcli.tasks.tagging.predict import Settings, Tagger
from seqcli.tasks.tagging.tags import aimed

WAYS = (*uncertainty.WAYS, "span")
DEFAULT = "least"
WRITES = ("conll", "conllu", "jsonl", "word-tag")
SCORE = "uncertainty"  # the key or comment that holds it
BATCH = 1024  # sentences whose tags are checked together


@dataclass(frozen=True)
class Asked(Settings):
    """Settings that rank sentences."""

    by: str = DEFAULT
    per_word: bool = False  # divide by the number of words
    target: str = ""  # the one of several targets that ranks them; "": the first


@dataclass(frozen=True)
class Selector(Tagger):
    """A tagger that adds its uncertainty to each answer."""

    settings: ClassVar[type] = Asked

    def answer(  # type: ignore[override]
        self, sentences: Sequence[Sentence], settings: Asked = Asked(), allowed: Any = ()
    ) -> list[Answer]:
        """Return an answer for each sentence with its `uncertainty`; None for a sentence without words."""
        found = super().answer(sentences, settings, allowed)
        for answer in found:
            answer.uncertainty = answer.further.get(settings.target, answer).uncertainty
        return found

    def _of_group(self, chain: Chain, words: Sequence[Sequence[str]], settings: Asked) -> list[Answer]:  # type: ignore[override]
        found = super()._of_group(chain, words, settings)
        unsure = self._of_spans(chain, words, settings) if settings.by == "span" else None
        unsure = uncertainty.of_paths(chain, settings.by) if unsure is None else unsure
        for answer, own, n in zip(found, unsure.tolist(), map(len, words), strict=True):
            answer.uncertainty = own / n if settings.per_word else own
        return found

    def _of_spans(self, chain: Chain, words: Sequence[Sequence[str]], settings: Asked) -> np.ndarray | None:
        """Return the uncertainty about the spans of a group's answers; None for a target whose tags are not spans."""
        if not self.scheme:
            return None
        spans = self._spans(chain, self.best(chain, words), [*map(len, words)], replace(settings, confidence=True))
        right = np.array([sum(span.probability or 0.0 for span in own) for own in spans])
        return uncertainty.of_spans(chain, self._begins, right, np.array([*map(len, spans)]))

    @cached_property
    def _begins(self) -> np.ndarray:
        return np.array([schemes.divide(label)[0] in ("B", "S") for label in self.vocabulary.labels])


@dataclass
class Writer:
    """A writer of sentences with predicted tags, in a format that has tags; input in that format keeps all else."""

    format: str
    options: Options  # of the output
    framed: bool = False  # whether words are the numbers of frames

    @cached_property
    def _own(self) -> Any:
        return registry.load("records", self.format).Writer(self.options)

    def head(self) -> str:
        """Return the head of the output: formats of sentences have none."""
        return ""

    def __call__(self, sentence: Sentence, answer: Answer) -> str:
        """Return a record with its line ends, and its uncertainty as a key, or as a comment where possible."""
        score = round(answer.uncertainty or 0.0, 6)
        if self.format == "jsonl":
            return self._object(sentence, answer, score)
        text = self._own.write(sentence, answer).removeprefix(BOM)
        text += "" if text.endswith("\n") else "\n"
        mark = "#" if self.format == "conllu" else self.options.comments
        if self.format == "word-tag":
            return text
        lines = text.split("\n")
        if lines[-2].strip():  # the last sentence of a source
            lines.insert(-1, "")
        first = next((i for i, line in enumerate(lines) if line.strip()), 0)
        if mark:
            at = next((i for i, line in enumerate(lines) if line.strip() and not line.startswith(mark)), first)
            lines.insert(at, f"{mark} {SCORE} = {score:.6f}" + "\r" * lines[at].endswith("\r"))
        return "\n".join(lines[first:])

    def _object(self, sentence: Sentence, answer: Answer, score: float) -> str:
        """Return a line: the object that was read, or a new one, with its tokens and tags."""
        raw = sentence.raw
        own = getattr(raw, "format", "") == "jsonl"
        members: dict[str, Any] = {} if own or sentence.offsets is None else {"text": sentence.text}
        if not (own and sentence.places) and not self.framed:
            members["tokens"] = sentence.words
        members[self.options.tag or "tags"] = answer.tags
        members |= {name: further.tags for name, further in answer.further.items()}
        body = as_read(sentence)[0].removeprefix(BOM) if own else "{}"
        return with_members(body, members | {RESULT: {SCORE: score}}) + "\n"


def asked(own: Tagger, by: str, per_word: bool, reading: Any) -> Asked:
    """Return the settings; `reading.tag` names the one of several targets that ranks. Raises UsageError."""
    target = reading.tag if own.targets and reading.tag else ""
    ranks = own.of(target) if target else own.first
    if by == "span" and not ranks.scheme:
        raise UsageError(
            f"--by span: the tags of {own.path} are not spans", hint=f"--by {', '.join(uncertainty.WAYS)}"
        )
    if by == "margin" and per_word:
        raise UsageError("--per-word divides sums over words: it does not apply to --by margin")
    return Asked(by=by, per_word=per_word, target=target)


def check(own: Tagger, path: Any) -> None:
    """Raise UsageError for a tagger whose labels are made from plain text, not by a person."""
    if own.words.restore:
        said = f"{path} restores {own.words.restore}, which it learns from plain text"
        raise UsageError(
            f"{said}: there is nothing to label", hint="give it more text: data.train takes several files"
        )


def doubts(
    own: Tagger, sentences: Sequence[Sentence], advance: Callable[[int], Any]
) -> tuple[list[Contradicted], int]:
    """Return the tags of words that a tagger contradicts, most doubtful first, and the number of tags it does not
    know; for several targets, of the first. Partly known tags are left out."""
    own = own.first
    collected, unknown = Doubts(int(own.labels.part_ids.max(initial=-1)) + 1), 0
    starts = np.cumsum([0, *(len(s.words) for s in sentences)])
    for begin in range(0, len(sentences), BATCH):
        part = [aimed(s, own.target) for s in sentences[begin : begin + BATCH]]
        for group, chain in own.chains(part):
            marginals = chain.marginals()
            for row, i in enumerate(group):
                ids, told = _gold(own, part[i])
                unknown += int((told & (ids < 0)).sum())
                at = np.flatnonzero(ids >= 0)
                p = np.zeros((len(at), len(collected.count)))
                np.add.at(p.T, own.labels.part_ids, marginals[row, at].T)
                collected.add(starts[begin + i] + at, ids[at], p)
        advance(len(part))
    names = dict(zip(own.labels.part_ids.tolist(), own.labels.parts, strict=True))
    found = []
    for doubt in collected.found():
        i = int(np.searchsorted(starts, doubt.record, side="right")) - 1
        s, t = aimed(sentences[i], own.target), doubt.record - int(starts[i])
        gold, other = (_written(own, names[k], s.words[t]) for k in (doubt.label, doubt.other))
        if gold != other:
            given = s.place(t, tag=True), gold, doubt.confidence, other, doubt.probability, s.text, s.words[t]
            found.append(Contradicted(*given))
    return found, unknown


def _gold(own: Tagger, s: Sentence) -> tuple[np.ndarray, np.ndarray]:
    """Return the part of each tag (T,), -1 if it is not known; and whether an unknown one counts as such (T,)."""
    parts = own.labels.part_ids
    if (part := own.in_part(s)) is not None:
        each = [{*parts[allowed].tolist()} for allowed in part.allowed & part.told[:, None]]
        ids = [one.pop() if len(one) == 1 else -1 for one in each]
        return np.array(ids, np.int64), np.zeros(len(ids), bool)
    known = own.vocabulary.label_ids
    ids = [known.get(label, -1) for label in own.vocabulary.as_labels(s.tags or [], own.scheme, s.words)]
    return np.array([parts[k] if k >= 0 else -1 for k in ids], np.int64), np.ones(len(ids), bool)


def _written(own: Tagger, part: str, word: str) -> str:
    """Return a part as the tag of a word."""
    if own.vocabulary.edits:
        return own.labels.written(np.array([own.vocabulary.label_ids[part]]), [word])[0]
    return schemes.in_letters(part, own.scheme)
