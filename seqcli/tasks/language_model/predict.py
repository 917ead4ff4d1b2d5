"""Continue text with a trained language model: prompts in, continuations out, as they are generated."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Generator as Pieces
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seqcli import artifact, console, models, ops, runs, tokenizers
from seqcli.artifact import Artifact
from seqcli.datasets.tokens import turned
from seqcli.decoding.automata import matching
from seqcli.decoding.cache import Cache
from seqcli.decoding.guide import NEVER, Followed, Lexicon, Rule
from seqcli.decoding.mixture import Mixture
from seqcli.decoding.paths import paths, side_by_side
from seqcli.decoding.sampling import Carried, Sampling, Token, next_tokens, sample
from seqcli.decoding.text import Written, stream_text, until_stop
from seqcli.errors import UsageError
from seqcli.insight.leaving import Token as Left
from seqcli.predictor import BasePredictor
from seqcli.records import LABELLED, Example
from seqcli.streams import Chunk
from seqcli.tasks.language_model.condition import ends, lead
from seqcli.tasks.language_model.explain import explained
from seqcli.tokenizers import BaseTokenizer

if TYPE_CHECKING:
    from seqcli.report import Report


TOGETHER = 128  # continuations that are drawn in parallel, at most


@dataclass(frozen=True)
class Settings:
    """Settings for continuing prompts."""

    sampling: Sampling = field(default_factory=Sampling)
    max_tokens: int = 200
    samples: int = 1
    stops: tuple[str, ...] = ()
    seed: int = 0
    next: int | None = None  # answer with so many of the most probable next tokens instead
    tokens: bool = False  # add the log-probability of each token
    lines: bool = True  # end a continuation with its first line
    quantiles: tuple[float, ...] = ()  # answer with these of the samples' values at each step; for models of numbers
    explain: bool = False  # add the effect of each token of a prompt on the probability of a continuation
    condition: str | None = None  # the label to write under, for a model that was trained with labels
    grammar: str | None = None  # a regular expression that a continuation, one line, must match as a whole
    what: str = ""  # the name of a progress bar over all samples; without one there is no bar

    @property
    def ends(self) -> tuple[str, ...]:
        """The texts before which a continuation ends."""
        return (*self.stops, "\n") if self.lines or self.grammar is not None else self.stops


class Text(NamedTuple):
    """A continuation, with its tokens if asked for."""

    text: str
    tokens: list[Token]
    explained: list[Left] | None = None


class Ready(NamedTuple):
    """A prompt as ids, and the number of the sample to draw."""

    ids: np.ndarray
    record: int
    lacking: list[tuple[int, str]]
    sample: int = 0
    text: str = ""
    lead: int = 0  # so many of the ids encode the condition


@dataclass(frozen=True, repr=False)
class Generator(BasePredictor):
    """A language model in use, with its tokenizer, in the shell and from Python."""

    task = "language-model"
    kind = LABELLED
    least = "a text needs at least two tokens"
    settings = Settings

    model: Any
    tokenizer: BaseTokenizer
    also: str = ""  # what is mixed with the model, for signatures

    def packed(self) -> Callable[[], BasePredictor]:
        """Return what opens it again in another process, as `Answering.packed`."""
        if not isinstance(self.model, Mixture):
            return super().packed()
        return partial(_reopened, type(self), self.files, self.model.weights, self.model.cache)

    @classmethod
    def _restored(cls, stored: Artifact, *others: Artifact) -> Generator:
        model, tokenizer = models.restore(stored, stored.header["vocabulary"]), tokenizers.from_artifact(stored)
        if tokenizer.size != stored.header["vocabulary"]:
            raise ValueError(f"its tokenizer has {tokenizer.size} symbols, its model {stored.header['vocabulary']}")
        return cls(model, tokenizer, header=stored.header, files=(stored.path,))

    # records

    def prepare(self, record: Example, asked: Any) -> Example:
        """Return the record with its number."""
        record.record = self.counted["records"]
        self.counted["records"] += 1
        return record

    def light(self, record: Example) -> Example | None:
        """Return a record's text and number, on which its answer depends; None for a blank line among objects."""
        return None if _is_blank(record) else Example(record.text, record=record.record)

    def ready(self, record: Example | None) -> Ready | None:
        """Return a prompt as ids; None for a blank line among objects."""
        if record is None or _is_blank(record):
            return None
        ids, lacking = self.tokenizer.read(record.text)
        return Ready(self.begun(ids), record.record, lacking, text=record.text)

    def begun(self, ids: np.ndarray, carried: Carried | None = None) -> np.ndarray:
        """Return ids, at least one if nothing was read before: an empty prompt stands for one after a line end."""
        known = len(ids) or (carried is not None and len(carried.last))
        return ids.astype(np.int64) if known else np.array([self.tokenizer.newline_id or 0])

    def lead(self, settings: Settings) -> np.ndarray:
        """Return the ids (T,) before every text. Raises UsageError for an invalid condition."""
        return lead(self.header, settings.condition, self.tokenizer)

    def _led(self, record: Ready, settings: Settings) -> Ready:
        """Return a prompt after its condition, if the model has one."""
        if not len(before := self.lead(settings)):
            return record
        ids = np.concatenate([before, record.ids if record.text else record.ids[:0]])
        return record._replace(ids=ids, lead=len(before))

    def lacking(self, record: Ready | None) -> Sequence[tuple[int, str]]:
        """Return the parts of a prompt that have no symbol."""
        return record.lacking if record else ()

    # answers

    def followed(self, settings: Settings, rows: int) -> Followed | None:
        """Return the rule that continuations follow if a grammar is given. Raises UsageError if none can match."""
        if settings.grammar is None:
            return None
        rule, end = _rule(self.tokenizer, settings.grammar), self.tokenizer.newline_id
        if end is None or rule.needed > settings.max_tokens:
            few = (
                f"in {settings.max_tokens} tokens" if rule.needed < NEVER and end is not None else "with its symbols"
            )
            raise UsageError(f"--grammar: the model cannot write a match of {settings.grammar!r} {few}")
        return Followed(rule, rows, end, settings.max_tokens)

    def answer(self, records: Sequence[Ready | None], settings: Settings) -> list[Any]:
        """Return all samples of each prompt, or its next tokens or quantiles; nothing for a blank line among
        objects."""
        records = [record and self._led(record, settings) for record in records]
        if settings.next is not None or settings.quantiles:
            answers = self._quantiles if settings.next is None else self._next
            return [answers(r, settings) if r else [] for r in records]
        asked = [r for r in records if r]
        groups = [asked] if hasattr(self.model, "start_all") else [[r] for r in asked]
        texts = iter([texts for group in groups if group for texts in self._texts(group, settings)])
        return [next(texts) if r else [] for r in records]

    def _next(self, record: Ready, settings: Settings) -> list[tuple[str, float]]:
        found = next_tokens(self.model, record.ids, settings.next or 1)
        return [(self.tokenizer.symbol(i), p) for i, p in found]

    def _quantiles(self, record: Ready, settings: Settings) -> list[list[float]]:
        """Return for each step a row of quantiles of the samples' values; no sample ends its series."""
        carried, means = Carried(), self.tokenizer.means  # type: ignore[attr-defined]
        memory, seed = carried.read(self.model, record.ids), (settings.seed, record.record)
        how: dict[str, Any] = {"seed": seed, "sampling": settings.sampling, "first": 1}
        drawn = paths(self.model, memory, carried, settings.max_tokens, settings.samples, **how)
        return np.quantile(means[drawn - 1], settings.quantiles, axis=0).T.tolist()

    def _texts(self, records: Sequence[Ready], settings: Settings) -> list[list[Text]]:
        """Draw all samples of each prompt in parallel; of a single prompt if the model has no `start_all`."""
        begun, n = [record.ids[:-1] for record in records], settings.samples
        start: Any = getattr(self.model, "start_all", None)
        memory, state = start(begun) if start else self.model.start(*begun)
        found: list[Text] = []
        with console.progress(settings.what, len(records) * n * settings.max_tokens, " tokens") as advance:
            for first in range(0, len(records) * n, TOGETHER):
                rows = np.arange(first, min(first + TOGETHER, len(records) * n))
                asked = [records[row // n]._replace(sample=row % n) for row in rows.tolist()]
                found += self._drawn(asked, memory, ops.take(state, rows // n), settings, advance)
        return [found[at : at + n] for at in range(0, len(found), n)]

    def _drawn(
        self, asked: Sequence[Ready], memory: Any, state: Any, settings: Settings, advance: Callable[[int], None]
    ) -> list[Text]:
        """Draw a sample for each, from a state that has read all but the last id; `advance` counts tokens."""
        texts = [Written(self.tokenizer, self.begun(ready.ids[ready.lead :]), settings.ends) for ready in asked]
        tokens: list[list[Token]] = [[] for _ in asked]
        on, prompts = np.ones(len(asked), bool), [ready.ids for ready in asked]
        rngs = [_rng(ready, settings) for ready in asked]
        last = np.array([ids[-1] for ids in prompts])
        for rows, ids, logits in side_by_side(
            self.model,
            memory,
            state,
            last,
            settings.max_tokens,
            rngs,
            settings.sampling,
            on=on,
            prompts=prompts,
            rule=self.followed(settings, len(asked)),
        ):
            chances = np.full(len(rows), np.nan)
            if settings.tokens:
                wide = logits.astype(np.float64)
                chances = wide[np.arange(len(rows)), ids] - ops.logsumexp(wide)
            for row, id, chance in zip(rows.tolist(), ids.tolist(), chances.tolist(), strict=True):
                on[row] = texts[row].push(id)
                if settings.tokens or settings.explain:
                    tokens[row].append(Token(id, chance))
            advance(len(rows))
        return [
            Text(text.text, own if settings.tokens else [], explained(self, ready, own) if settings.explain else None)
            for ready, text, own in zip(asked, texts, tokens, strict=True)
        ]

    def pieces(
        self, record: Ready, settings: Settings, carried: Carried | None = None, *, tokens: list[Token] | None = None
    ) -> Pieces[str, None, Carried]:
        """Yield a continuation of a prompt as it is generated; its tokens are appended to `tokens`. Returns the state
        to carry on, after all that was drawn, including what a stop text cut off."""
        stream, record = carried or Carried(), self._led(record, settings)
        drawn = sample(
            self.model, record.ids, settings.sampling, _rng(record, settings), settings.max_tokens,
            logprobs=tokens is not None, carried=stream, rule=self.followed(settings, 1),
        )  # fmt: skip
        before = record.ids if not record.lead else self.begun(record.ids[record.lead :])
        yield from until_stop(stream_text(drawn, self.tokenizer, before, tokens), settings.ends)
        return stream

    # from Python

    def stream(
        self,
        prompt: str = "",
        *,
        max_tokens: int = 200,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        repetition_penalty: float = 1.0,
        stop: str | Sequence[str] = (),
        grammar: str | None = None,
        condition: str | None = None,
        seed: int | None = None,
        carried: Carried | None = None,
    ) -> Iterator[str]:
        """Yield the continuation of a prompt piece by piece. The same seed gives the same text as `seqcli generate`.

        `carried`, a `decoding.sampling.Carried`, is what was read before the prompt; it is updated.
        Raises SeqcliError for a character that the model has no symbol for.
        """
        if runs.is_reversed(self.header):
            raise UsageError(f"{self.path} reads lines backwards: its text would be backwards too")
        sampling = Sampling(temperature, top_k, top_p, repetition_penalty)
        stops = (*((stop,) if isinstance(stop, str) else stop), *ends(self.header))
        settings = Settings(
            sampling, max_tokens, 1, stops, secrets.randbits(63) if seed is None else seed, lines=False,
            grammar=grammar, condition=condition,
        )  # fmt: skip
        prompted = Ready(self.begun(self.tokenizer.encode(prompt), carried), 0, [], text=prompt)
        return self.pieces(prompted, settings, carried)

    def generate(self, prompt: str = "", **options: Any) -> str:
        """Return the continuation of a prompt; options as for `stream`."""
        return "".join(self.stream(prompt, **options))

    def next(self, prompt: str, count: int = 10, *, condition: str | None = None) -> list[tuple[str, float]]:
        """Return the most probable next tokens and their probabilities."""
        ready = Ready(self.begun(self.tokenizer.encode(prompt)), 0, [], text=prompt)
        return self.answer([ready], Settings(next=count, condition=condition))[0]

    def forecast(
        self,
        prompt: str | Iterable[float],
        steps: int,
        quantiles: Sequence[float] = (0.1, 0.5, 0.9),
        *,
        samples: int = 100,
        seed: int | None = None,
    ) -> np.ndarray:
        """Return quantiles (steps, Q) of the values that follow a series, for a model whose tokenizer is bins. The
        same seed gives those of `seqcli generate --quantiles`. Raises UsageError for a model of text."""
        if self.tokenizer.kind != "bins":
            raise UsageError(f"forecasts need a model of numbers, but this one reads tokens: {self.tokenizer.kind}")
        prompt = prompt if isinstance(prompt, str) else " ".join(f"{float(value)!r}" for value in prompt)
        seed = secrets.randbits(63) if seed is None else seed
        settings = Settings(max_tokens=steps, samples=samples, seed=seed, quantiles=tuple(quantiles))
        return np.array(self._quantiles(Ready(self.begun(self.tokenizer.encode(prompt)), 0, []), settings))

    def evaluate(self, text: str | None = None, **asked: Any) -> Report:  # type: ignore[override]
        """Return perplexity and related scores on a text; without one, on `files` or on a split of its own data."""
        if text is None:
            return super().evaluate(**asked)
        chunk = Chunk(text, "<text>", 1)
        return self.score([turned(chunk) if runs.is_reversed(self.header) else chunk], **asked)


def _reopened(kind: type[Generator], files: Sequence[Path], weights: np.ndarray, cache: Cache | None) -> Generator:
    """Open a mixture again in another process."""
    own, *others = [kind.open(artifact.read(path)) for path in files]
    return replace(own, model=Mixture((own.model, *(o.model for o in others)), weights, cache), files=tuple(files))


def _rng(record: Ready, settings: Settings) -> np.random.Generator:
    """Return the generator of random numbers for one sample of a prompt."""
    return np.random.default_rng([settings.seed, record.record, record.sample])


@lru_cache(8)
def _rule(tokenizer: BaseTokenizer, expression: str) -> Rule:
    """Return an expression as a rule over the tokens of a line."""
    texts = tokenizer.written()
    written = np.array([b"\n" not in text for text in texts])
    if tokenizer.unk_id is not None:
        written[tokenizer.unk_id] = False
    return Lexicon(texts, written).rule(matching(expression).without_blank(), aimed=False)


def _is_blank(record: Example) -> bool:
    """Whether it is a blank line among objects, which is returned unchanged."""
    return record.raw is not None and record.raw.format == "jsonl" and not record.raw.body.strip()


Predictor = Generator
