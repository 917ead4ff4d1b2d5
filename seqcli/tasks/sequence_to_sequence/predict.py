"""Answer sources with a trained sequence-to-sequence model: text in, the best texts out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np

from seqcli import console, models
from seqcli.artifact import Artifact
from seqcli.confidence import probability
from seqcli.decoding.beam import Hypothesis, Search, search
from seqcli.decoding.ensemble import Ensemble
from seqcli.decoding.seq2seq import sample
from seqcli.errors import SeqcliError, UsageError
from seqcli.forms import Cost
from seqcli.predictor import BasePredictor
from seqcli.records import PAIRED, Pair
from seqcli.tasks.sequence_to_sequence._copying import Copying
from seqcli.tasks.sequence_to_sequence.answers import Answer, Settings, settings_of
from seqcli.tasks.sequence_to_sequence.codec import TOLD, Codec, Texts, warn_of_cuts
from seqcli.tasks.sequence_to_sequence.demands import Demand, Rules, room
from seqcli.tasks.sequence_to_sequence.editing import edited, steered
from seqcli.tasks.sequence_to_sequence.explain import explained
from seqcli.tasks.sequence_to_sequence.transcribing import times, transcribed

SPARE = 10  # tokens that an answer may always have beyond its share of the source
ROWS = 256  # hypotheses that are searched together, at most
SCORED = 64  # pairs whose targets are scored at once


@dataclass(frozen=True, repr=False)
class Translator(BasePredictor):
    """A sequence-to-sequence model in use: everything that turns its scores into texts, in the shell and from Python.

    A text is one line: a line end in it is read as a space. The answer to a blank text is an empty one.
    """

    task = "sequence-to-sequence"
    kind = PAIRED
    settings = Settings

    model: Any
    codec: Codec
    ratio: float  # most tokens of an answer for each token of its source, besides SPARE
    search: Search = field(default_factory=Search)  # as the model's recipe sets it
    sure: tuple[float, ...] | None = None  # weights of the confidence, fitted on the validation split

    @classmethod
    def _restored(cls, stored: Artifact, *others: Artifact) -> Self:
        """Restore the translator of a model's file, or an ensemble of several. Raises UsageError if they differ."""
        first, config = cls._one(stored), stored.header["model"]
        search = Search(beam=config["beam"], length_penalty=config.get("length_penalty", 0.0))
        paths = [stored.path]
        paths += [other.path for other in others]
        own = replace(first, search=search, header=stored.header, files=tuple(paths))
        if not others:
            fitted = stored.header.get("decoding", {}).get("confidence")
            return replace(own, sure=None if fitted is None else tuple(fitted))
        members = [first]
        for other in others:
            member = cls._one(other)
            if differing := first.codec.differs(member.codec):
                raise UsageError(
                    f"{other.path} and {stored.path} have different {differing}",
                    hint="an ensemble needs models trained on the same data with the same tokenizers",
                )
            members.append(member)
        if any(hasattr(m.model, "posteriors") for m in members):
            raise UsageError("a CTC model cannot be part of an ensemble", hint="name it alone")
        if any(m.copies for m in members):
            raise UsageError("a model that copies cannot be part of an ensemble", hint="name it alone")
        ratio = max(m.ratio for m in members)
        return replace(own, model=Ensemble([m.model for m in members]), ratio=ratio)

    @classmethod
    def _one(cls, stored: Artifact) -> Self:
        codec = Codec.of(stored)
        return cls(models.restore(stored, codec.sizes), codec, stored.header["data"]["answer_ratio"])

    @property
    def copies(self) -> bool:
        """Whether the model can copy what the vocabulary lacks."""
        return getattr(self.model, "copy_weight", None) is not None or hasattr(self.model, "spelt")

    def limit(self, source: np.ndarray) -> int:
        """Return the most tokens of an answer to a source (S,)."""
        return int(self.ratio * len(source)) + SPARE

    def read(self, pairs: Sequence[Pair]) -> tuple[list[np.ndarray], list[np.ndarray] | None, list[list[str]]]:
        """Return the ids of sources; for a copying model also what can be copied, and what the target side lacks."""
        sources = [self.codec.source_of(p) for p in pairs]
        if not self.copies:
            return sources, None, [[] for _ in pairs]
        copied = [self.codec.copies(p.text) for p in pairs]
        return sources, [ids for ids, _ in copied], [extra for _, extra in copied]

    def asked(self, **options: Any) -> Settings:
        """Return settings that search as the model's recipe sets."""
        return super().asked(**{"search": self.search, **options})

    # records

    def prepare(self, record: Pair, asked: Any) -> Pair:
        """Return the record with its number; warns about the first few sources that are too long."""
        record.record = self.counted["records"]
        self.counted["records"] += 1
        self.counted["cuts"] = warn_of_cuts(self.codec, [record], self.counted["cuts"])
        return record

    def light(self, record: Pair) -> Pair:
        """Return a record with only what its answer depends on."""
        source = "" if self.codec.frames is None else record.source
        own = {"prefix": record.prefix, "must": record.must, "must_not": record.must_not}
        return Pair(record.text, **own, record=record.record, source=source, line=record.line)

    def ready(self, record: Pair) -> Pair:
        """Return the pair with its frames, if the model reads them. Raises SeqcliError for too few columns."""
        if self.codec.frames is None or not (record.text.strip() or record.prefix or record.target):
            self.codec.check(record.text)
            return record
        frames, longest = self.codec.frames(record), self.codec.longest
        if len(frames) > longest and self.counted["cuts"] < TOLD:
            self.counted["cuts"] += 1
            console.warn(f"{record.place()}: {len(frames):,} frames, but only the first {longest:,} are read")
        return replace(record, frames=frames[:longest])

    def holds(self, path: str | Path) -> list[str] | None:
        """Return the records in a recording, a file of arrays, or a folder of these, for a model of frames."""
        return None if self.codec.frames is None else self.codec.frames.holds(path)

    def lacking(self, record: Pair) -> Sequence[tuple[int, str]]:
        """Return the tokens of a source that have no symbol. A model that copies lacks none."""
        unknown = self.codec.unknown_sources
        if not unknown or self.copies:
            return []
        places = np.flatnonzero(np.isin(self.codec.source_ids(record.text), unknown)).tolist()
        texts = self.codec.source_texts(record.text) if places else []
        return [(i, texts[i]) for i in places]

    def where(self, record: Pair, number: int) -> int:
        """Return where a token begins in the text."""
        return self.codec.source.offsets(record.text)[number][0]

    # from Python

    def translate(self, text: Texts, **options: Any) -> str:
        """Return the best answer to a text, or to a tuple of columns. Options are `beam`, `length_penalty`,
        `coverage_penalty`, `no_repeat`, `min_length`, `max_tokens`, `prefix` (what it must begin with),
        `replace_unknown`, and the demands `must`, `must_not`, `keep`, `glossary`, `grammar`, as in `seqcli generate`.
        With `temperature`, `top_k` or `top_p` the answer is drawn; the same `seed` gives the same text as there.
        Raises SeqcliError if no answer meets the demands."""
        return self._answers(text, **options)[0].text

    def answers(self, text: Texts, n: int = 5, beam: int = 5, **options: Any) -> list[tuple[str, float]]:
        """Return the n best answers that a beam finds, best first, with their log-probabilities (nats); other options
        are as for `translate`, except those that draw. The beam is at least n wide."""
        if drawing := options.keys() & {"temperature", "top_k", "top_p", "seed"}:
            raise UsageError(f"answers are searched, not drawn: remove {min(drawing)}")
        return [(a.text, a.logprob) for a in self._answers(text, n_best=n, beam=max(n, beam), **options)]

    def attention(self, text: Texts, **options: Any) -> tuple[list[str], list[str], np.ndarray]:
        """Return the tokens (S,) of the text, the tokens (T,) of its best answer, both with `<eos>`, and the
        attention (T, S) of each of the latter on each of the former. Empty for a blank text. Raises UsageError for a
        model without attention."""
        answer = self._answers(text, attention=True, **options)[0]
        if not answer.logprobs:
            return [], [], np.zeros((0, 0), np.float32)
        if answer.attention is None:
            raise UsageError("this model has no attention to show", hint="train one with model.attention: general")
        target = [*answer.symbols, "<eos>"][: len(answer.attention)]
        return answer.source_symbols, target, answer.attention

    def _answers(self, text: Texts, *, prefix: str | None = None, **options: Any) -> list[Answer]:
        settings, pair = settings_of(self.search, **options), Pair(self.codec.joined(text), prefix=prefix)
        self.counted["cuts"] = warn_of_cuts(self.codec, [pair], self.counted["cuts"])
        answers = self.answer([pair], settings)[0]
        if answers[0].unmet:
            raise SeqcliError(f"found no answer that meets the demands: {', '.join(answers[0].unmet)}")
        return answers

    # answers

    def answer(self, pairs: Sequence[Pair], settings: Settings) -> list[list[Answer]]:
        """Return answers to each pair's source, best first; the answer to a blank source is an empty text.

        Sources of similar length are searched together, so that few steps are wasted.
        """
        found: list[list[Answer]] = [[_EMPTY] * self._count(settings) for _ in pairs]
        filled = [i for i, pair in enumerate(pairs) if pair.text.strip() or pair.prefix]
        filled.sort(key=lambda i: len(pairs[i].text if pairs[i].frames is None else pairs[i].frames))
        rows = settings.samples if settings.sampling else settings.search.beam
        together = max(ROWS // rows, 1)
        for at in range(0, len(filled), together):
            part = filled[at : at + together]
            for i, answers in zip(part, self._together([pairs[i] for i in part], settings), strict=True):
                found[i] = answers
        return found

    def _together(self, pairs: Sequence[Pair], settings: Settings) -> Iterator[list[Answer]]:
        """Yield the answers to sources that are not blank, searched as one batch."""
        sources, copies, extras = self.read(pairs)
        model = self.model if copies is None else Copying(self.model, copies, self.codec.unknown)
        begun = [self.codec.prefix(p.prefix or "", extra) for p, extra in zip(pairs, extras, strict=True)]
        demanded = self.demanded(pairs, extras, settings)
        decoded = self._decode(model, pairs, sources, [ids for ids, _ in begun], settings, demanded)
        parts = zip(pairs, sources, extras, begun, decoded, demanded, strict=True)
        for pair, source, extra, (_, shown), hypotheses, own in parts:
            every = [self._answer(pair, extra, shown, h, settings, own) for h in hypotheses]
            found = [answer for answer in every if not answer.unmet] or every[:1]
            if settings.times:
                placed = times(self, model, source, [h.ids for h in hypotheses])
                found = [replace(a, times=t) for a, t in zip(found, placed, strict=True)]
            if settings.explain:
                found[0] = replace(found[0], explained=explained(self, pair.text, found[0].text))
            yield found

    @cached_property
    def rules(self) -> Rules:
        """The maker of rules over target tokens from demands."""
        return Rules(self.codec)

    def demanded(self, pairs: Sequence[Pair], extras: Sequence[list[str]], settings: Settings) -> list[list[Demand]]:
        """Return the demands on the answer to each pair."""
        asked = settings.demands.flags or any(pair.must or pair.must_not for pair in pairs)
        if not asked or not steered(self.model):
            return [[] for _ in pairs]
        return [self.rules.of(p, settings.demands, extra) for p, extra in zip(pairs, extras, strict=True)]

    def costs(self, pairs: Sequence[Pair]) -> list[Cost]:
        """Return the nats of each pair's target given its source, EOS included; inf if the model cannot write it."""
        found = []
        for first in range(0, len(pairs), SCORED):
            part = pairs[first : first + SCORED]
            sources, copies, extras = self.read(part)
            targets = [self.codec.copied_targets(p.target or "", e) for p, e in zip(part, extras, strict=True)]
            given = (copies, self.codec.unknown) if self.copies else ()
            logprobs = self.model.score(sources, targets, *given)
            found += [Cost(-float(x.sum()) if math.isfinite(x.sum()) else math.inf, len(x)) for x in logprobs]
        return found

    @staticmethod
    def _count(settings: Settings) -> int:
        return settings.samples if settings.sampling else settings.search.n_best

    def _decode(
        self,
        model: Any,
        pairs: Sequence[Pair],
        sources: list[np.ndarray],
        prefixes: list[list[int]],
        settings: Settings,
        demanded: list[list[Demand]],
    ) -> list[list[Hypothesis]]:
        codec, s = self.codec, settings
        if hasattr(model, "posteriors"):
            return transcribed(self, model, sources, prefixes, settings)
        if s.times or s.fusion.model is not None:
            raise UsageError(
                f"{'--times' if s.times else '--lm'} is for CTC models", hint="train one: model.kind: ctc"
            )
        if hasattr(self.model, "spelt"):
            return edited(self, model, pairs, sources, prefixes, settings)
        banned = tuple(i for i in codec.banned if not (s.replace_unknown and i == codec.target.unk_id))
        least = s.search.min_length + 1  # EOS
        if s.max_length is not None and s.max_length < least - 1:
            raise UsageError(f"--max-tokens {s.max_length} is less than --min-length {least - 1}")
        given: dict[str, Any] = {
            "bos": codec.bos,
            "eos": codec.eos,
            "limits": [
                max(self.limit(x), least) + room(own) if s.max_length is None else s.max_length
                for x, own in zip(sources, demanded, strict=True)
            ],
            "prefixes": prefixes,
            "banned": banned,
            "attention": s.attention or s.replace_unknown,
            "rules": [[demand.rule for demand in own] for own in demanded],
        }
        if (front_end := getattr(model, "front_end", None)) is not None:
            given["lengths"] = front_end.reduced(np.array([len(x) for x in sources])).tolist()
        if s.sampling is None:
            return search(model, sources, s.search, **given)
        rngs = [np.random.default_rng([s.seed, p.record, n]) for p in pairs for n in range(s.samples)]
        return sample(
            model,
            sources,
            s.sampling,
            rngs,
            samples=s.samples,
            min_length=s.search.min_length,
            no_repeat=s.search.no_repeat,
            **given,
        )

    def _answer(
        self,
        pair: Pair,
        extra: list[str],
        begun: list[str],
        found: Hypothesis,
        settings: Settings,
        demanded: list[Demand],
    ) -> Answer:
        """Return a hypothesis as text; `begun` shows the tokens of a prefix, if some are unknown."""
        ids, codec = list(found.ids), self.codec
        extra = list(extra)
        for t, shown in enumerate(begun):
            if ids[t] == codec.target.unk_id:
                ids[t] = codec.sizes.target + len(extra)
                extra.append(shown)
        if settings.replace_unknown and codec.target.unk_id in ids:
            shown, attention = codec.source_texts(pair.text), found.attention
            if attention is None:
                raise UsageError("--replace-unknown needs attention, but this model has none")
            for t, id in enumerate(ids):
                if id == codec.target.unk_id:
                    at = int(attention[t][: max(len(shown), 1)].argmax())  # EOS is not a word
                    ids[t] = codec.sizes.target + len(extra)
                    extra.append(shown[at] if shown else "")
        steps = 0 if found.attention is None else found.attention.shape[1]
        text = codec.text(ids, extra)
        unmet = tuple(demand.name for demand in demanded if not demand.automaton.accepts(text))
        confidence = 0.0 if unmet else probability(self.sure, found.logprob, len(found.logprobs))
        return Answer(
            text,
            codec.target_symbols(ids, extra),
            found.logprob,
            found.score,
            found.finished,
            confidence,
            confidence < settings.least or bool(unmet),
            [float(x) for x in found.logprobs],
            found.attention if settings.attention else None,
            codec.source_symbols(pair.text, steps) if settings.attention else [],
            unmet=unmet,
        )


_EMPTY = Answer("", [], 0.0, 0.0, True)


Predictor = Translator
