"""Train language models: predict the next token of a stream of text."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from seqcli import console, layers, ops, registry, runs, threads, tokenizers
from seqcli.artifact import Artifact
from seqcli.closing import Baseline, Ending, Headline
from seqcli.datasets.replay import SPLIT as REPLAY
from seqcli.datasets.replay import share_of
from seqcli.datasets.streams import Streams
from seqcli.decoding.sampling import Sampling
from seqcli.errors import SeqcliError, UsageError
from seqcli.former import Former, replaying
from seqcli.growing import of_symbols
from seqcli.recipe.schema import Recipe
from seqcli.report import Report
from seqcli.task import BaseTask, Batch, Evaluation, State, adapted, beginning, grows, say_lacking, without_stdin
from seqcli.tasks.language_model.condition import Condition
from seqcli.tasks.language_model.data import Corpus, open_corpus
from seqcli.tasks.language_model.forecast import distributions
from seqcli.tasks.language_model.learning import check_condition, config_of, known_values, learnt, strange
from seqcli.tasks.language_model.linear import Linear
from seqcli.tasks.language_model.predict import Generator, Ready, Settings
from seqcli.tasks.language_model.score import evaluate
from seqcli.tasks.language_model.teaching import beside, taught, teacher
from seqcli.temperature import fit_temperature

KEPT = (  # model keys that fine-tuning takes from its recipe
    *("dropout", "variational", "embedding_dropout", "input_dropout", "output_dropout", "state_dropout"),
    *("weight_drop", "activation_penalty", "temporal_penalty", "teacher", "teacher_weight"),
)
COUNT_BYTES = 75  # memory for counting a token, at most
VALID_TOKENS = 1_000_000  # tokens of the validation split that are evaluated during training, at most
SCORED_TOKENS = 300_000  # tokens that the closing scores are measured on, at most
BASELINE_TOKENS = 2_000_000  # tokens that the n-gram baseline is counted on, at most
BASELINE_ORDER = {"char": 6, "byte": 6}
SHARPENED = 10_000  # tokens of the validation split that a model of numbers is calibrated on, at most
SHOWN_VALUES = 5  # labels under which a sample is shown
SHOWN = 256  # values after which a forecast is shown
OTHER_ORDER = 3  # for words and sub-words


@dataclass
class Task(BaseTask):
    """The task of language modelling: a corpus as streams of token ids, and a model of the next one."""

    corpus: Corpus = None  # type: ignore[assignment]
    tokenizer: tokenizers.BaseTokenizer = None  # type: ignore[assignment]
    ids: dict[str, np.ndarray] = None  # type: ignore[assignment]
    streams: Streams = None  # type: ignore[assignment]  # of a gradient-trained kind
    teachers: tuple[Any, ...] = ()  # models

    @classmethod
    def prepare(
        cls, recipe: Recipe, saved: Artifact | None, start: Artifact | None, former: Former | None = None
    ) -> Self:
        grow = grows(start, former)
        corpus = replaying(
            open_corpus(recipe.data, recipe.base, known_values(saved, start, grow=grow)), recipe, former
        )
        if REPLAY in corpus.splits and former and former.stored.header["data"]["encoding"] != corpus.encoding:
            raise UsageError(f"data.replay: the text of {former.name} has another encoding than {corpus.encoding}")
        recipe = without_stdin(recipe, corpus.splits["train"][0].path)
        if start:
            recipe = replace(recipe, tokenizer=config_of(start))
        stored = saved or start
        kept = tokenizers.from_artifact(stored) if stored else None
        tokenizer = learnt(recipe, corpus, kept, former) if kept is None or grow else kept
        check_condition(corpus, tokenizer, stored, former if grow else None)
        if start and not grow:
            say_lacking(former, {"symbols": strange(recipe, corpus, tokenizer)})
        ids = {split: corpus.tokens(split, tokenizer) for split in corpus.splits}
        for split in ids.keys() - {"train"}:
            if len(ids[split]) < 2:
                raise SeqcliError(f"the {split} split has fewer than two tokens", hint="give it a larger share")
        recipe, t = adapted(recipe, start, KEPT, "the tokenizer"), recipe.train
        recipe = _with_window(recipe)
        earlier, share = ids.pop(REPLAY, None), share_of(recipe.data)
        streams = Streams.of(ids["train"], t, earlier, share) if t else None  # raises if it is too short
        growth = of_symbols(kept, tokenizer, tied=getattr(recipe.model, "tied", False)) if grow else None
        model = _of_numbers(beginning(recipe, tokenizer.size, start, growth), recipe, fresh=start is None)
        about, arrays = tokenizers.to_artifact(tokenizer)
        if recipe.model.kind == "language-model" and tokenizer.kind != "bins" and not corpus.condition:
            arrays["lines"] = _lines(corpus, saved, start)
        header = {"tokenizer": about, "vocabulary": tokenizer.size, "data": corpus.facts()}
        if tokenizer.kind == "bins":
            header["forecast"] = _autoregression(corpus, tokenizer) if saved is None else saved.header["forecast"]
        if corpus.reversed and getattr(recipe.model, "teacher", ()):
            raise UsageError("model.teacher: teachers read forwards, but data.reversed is true", hint="remove one")
        if start and runs.is_reversed(start.header) != corpus.reversed:
            raise UsageError(f"data.reversed: {start.path} reads lines in the other direction")
        teachers = tuple(teacher(name, tokenizer) for name in getattr(recipe.model, "teacher", ()))
        own = (corpus, tokenizer, ids, streams, teachers)
        return cls(recipe, model, header, arrays, *own, growth=growth)  # type: ignore[arg-type]

    @property
    def batches(self) -> int:  # type: ignore[override]
        return self.streams.batches

    @property
    def watched(self) -> str:
        return "valid_loss" if "valid" in self.ids else "train_loss"

    def batch(self, epoch: int, index: int) -> Batch | None:
        inputs, targets = self.streams.batch(epoch, index)
        if blur := getattr(self.model, "blur", 0.0):
            rng = np.random.default_rng([self.recipe.train.seed, epoch, index])  # type: ignore[union-attr]
            near = np.rint(inputs + rng.normal(0, blur, inputs.shape)).astype(np.int64)
            inputs = np.where(inputs > 0, near.clip(1, self.tokenizer.size - 1), 0)
        inputs, targets = (np.ascontiguousarray(a[:, self.rows]) for a in (inputs, targets))
        return (inputs, targets) if inputs.size else None

    def size(self, batch: Batch) -> int:
        return batch[0].size

    def initial_state(self, model: Any) -> State:
        rows = len(range(self.streams.batch_size)[self.rows])
        own = model.initial_state(rows)
        if not self.teachers:
            return own
        self.teachers = tuple(beside(one, model) for one in self.teachers)
        return own, tuple(one.initial_state(rows) for one in self.teachers)

    def loss(self, model: Any, batch: Batch, state: State, rng: Any) -> tuple[Any, State]:
        inputs, targets = (ops.integers(a, model.embedding) for a in batch)
        if self.teachers:
            own, others = state
            given, others = taught(self.teachers, inputs, others)
            loss, own = model.loss(inputs, targets, own, rng, given)
            state = own, others
        else:
            loss, state = model.loss(inputs, targets, state, rng)
        if rng is not None and self.streams.varied:  # every token has the same weight
            share = len(inputs) / self.streams.sequence_length
            loss = loss.detach() + share * (loss - loss.detach())
        return loss, state

    def evaluate(self, model: Any) -> Evaluation | None:
        """Return the mean nats per token of the validation split, read in up to 32 parallel streams.

        The exact stateful score, of one stream, is measured at the end (`seqcli eval`); this one differs because the
        first tokens of streams lack context. At most the first million tokens are read.
        """
        if "valid" not in self.ids:
            return None
        valid, length = self.ids["valid"], self.streams.sequence_length
        pairs = min(len(valid), VALID_TOKENS) - 1
        stretch = getattr(model, "window", 128)  # a transformer forgets its state between stretches
        rows = max(1, min(32, pairs // length))
        each = pairs // rows
        starts = np.arange(rows) * each
        state, total = model.initial_state(rows), 0.0
        for first in range(0, each, stretch):
            length = min(stretch, each - first)
            part = np.stack([valid[s + first : s + first + length + 1] for s in starts]).astype(np.int64).T
            block = np.ascontiguousarray(part)
            inputs, targets = (ops.integers(a, model.embedding) for a in (block[:-1], block[1:]))
            loss, state = model.loss(inputs, targets, state)
            total += loss.item() * length
        return Evaluation({"valid_loss": total / each})

    def count(self, kind: Any) -> Any:
        ids, config = self.ids["train"], self.recipe.model
        if (need := len(ids) * COUNT_BYTES) > 4e9:
            console.warn(f"counting {console.count(len(ids))} tokens takes about {need / 1e9:.0f} GB of memory")
        with console.progress("counting", len(ids) * config.order, unit=" tokens") as advance:
            return kind.Model.fit(ids, self.tokenizer.size, config, advance)

    # what a person sees

    def opening(self) -> str:
        splits = ", ".join(f"{split} {len(ids):,}" for split, ids in self.ids.items())
        return f"{self.corpus.name}: {splits} tokens; {self.tokenizer.kind} vocabulary of {self.tokenizer.size:,}"

    def details(self) -> list[str]:
        lines = [f"vocabulary: {self.tokenizer.size:,} ({self.tokenizer.kind})"]
        lines += [f"{split}: {len(ids):,} tokens" for split, ids in self.ids.items()]
        if self.model is not None:
            lines.append(f"batches: inputs and targets {self.streams.batch(0, 0)[0].shape} (T, B)")
        return lines

    def activations(self) -> float:
        streams, each = self.streams, self.recipe.model.units + 3 * self.tokenizer.size
        return streams.sequence_length * streams.batch_size * each

    # the end of a run

    @property
    def splits(self) -> dict[str, np.ndarray]:
        return self.ids

    @property
    def headline(self) -> Headline:
        return Headline("cross-entropy", more_is_better=False, unit=" nats/token", shown="")

    def compared(self, report: Report | None) -> Headline:
        known = {} if report is None or self.tokenizer.kind == "bins" else report.metrics
        per = next((name for name in ("bits-per-character", "word-perplexity") if name in known), None)
        return Headline(per, more_is_better=False, shown="") if per else self.headline

    def finish(self, stored: Artifact) -> Ending:
        predictor = Generator.open(stored)
        threads.choose_for(predictor.model)
        ending = Ending.of(stored, predictor)
        if getattr(self.model, "blur", 0.0) and "valid" in self.ids:
            _sharpen(ending, np.asarray(self.ids["valid"][:SHARPENED], np.int64))
        return ending

    def scored(self, predictor: Any, split: str) -> Report:
        total = min(SCORED_TOKENS, len(self.ids[split]))
        records = self.corpus.records(split)
        return evaluate(predictor, records, limit=SCORED_TOKENS, what=f"scoring {split}", total=total)

    def figures(self, report: Report) -> str:
        m, counts = report.metrics, report.counts
        first = f" (its first {SCORED_TOKENS:,} tokens)" if counts["tokens"] + 1 >= SCORED_TOKENS else ""
        per = "bits-per-character" if "bits-per-character" in m else "word-perplexity"
        if "rmse" in m:
            off = f"off by {m['rmse']:.4g} in the next value (rmse; linear {m['linear-rmse']:.4g}, last value"
            return f"{m['cross-entropy']:.4f} nats/token{first}, {off} {m['naive-rmse']:.4g})"
        return (
            f"{m['cross-entropy']:.4f} nats/token, perplexity {m['perplexity']:.2f},"
            f" {m[per]:.3f} {per}, {report.protocol}{first}"
        )

    def baseline(self, split: str) -> Baseline:
        """Score an n-gram model counted on the training split."""
        ngram = registry.load("models", "ngram")
        order = BASELINE_ORDER.get(self.tokenizer.kind, OTHER_ORDER)
        if self.recipe.model.kind == "ngram":
            order = 1
        train = np.asarray(self.ids["train"][:BASELINE_TOKENS])
        counted = ngram.Model.fit(train, self.tokenizer.size, ngram.Config(order=order))
        header = self.header if self.corpus.condition else {}  # it says which tokens are scored
        found = self.scored(Generator(counted, self.tokenizer, header=header), split)
        return Baseline(
            "ngram",
            f"the {order}-gram baseline",
            found.metrics["cross-entropy"],
            "train longer, on more text, or count (`seqcli train markov`)",
            f", counted on {console.count(len(train))} tokens",
            {"order": order, "tokens": len(train)},
        )

    def example(self, predictor: Any) -> str:
        if self.tokenizer.kind == "bins":
            ready = Ready(np.asarray(self.ids["train"][-SHOWN:], np.int64), 0, [])
            settings = Settings(max_tokens=8, samples=100, quantiles=(0.1, 0.5, 0.9))
            rows = ["  ".join(f"{x:.6g}" for x in row) for row in predictor.answer([ready], settings)[0]]
            return "\n  ".join(["what follows the training series, quantiles 0.1, 0.5, 0.9:", *rows])
        if condition := Condition.of(self.header):
            texts = []
            for value in condition.values[:SHOWN_VALUES]:
                settings = Settings(Sampling(temperature=0.8), 60, condition=value, stops=("\n",))
                texts.append(f"{value}: " + "".join(predictor.pieces(Ready(np.zeros(0, np.int64), 0, []), settings)))
            return f"samples of {condition.name}, at temperature 0.8:\n" + _indented("\n".join(texts))
        newline = self.tokenizer.newline_id
        prompt = np.array([newline if newline is not None else int(self.ids["train"][0])])
        count = 60 if self.tokenizer.kind in ("word", "sentencepiece") else 240
        settings = Settings(Sampling(temperature=0.8), count, lines=False)
        text = "".join(predictor.pieces(Ready(prompt, 0, []), settings)).strip("\n")
        return f"a sample, at temperature 0.8:\n{_indented(text)}"

    def use(self) -> str:
        if self.tokenizer.kind == "bins":
            last = " ".join(self.tokenizer.symbol(int(i)) for i in self.ids["train"][-4:] if i)
            return f'seqcli generate -m MODEL --quantiles 0.1,0.5,0.9 --prompt "{last}"'
        if self.corpus.reversed:
            return "seqcli eval -m MODEL"
        condition = Condition.of(self.header)
        under = f"--condition {shlex.quote(condition.values[0])} " if condition else ""
        return f'seqcli generate -m MODEL {under}--prompt "{self._prompt()}"'

    def _prompt(self) -> str:
        """Return the first plain word of the training text, as an example of a prompt."""
        text = next(self.corpus.texts("train", ""))[:2000]
        word = next((w for w in text.split() if w.isalpha() and w.isascii()), "")
        return f"{word} " if f"{word} " in text else word[:1]


def _with_window(recipe: Recipe) -> Recipe:
    """Return the recipe; a transformer's window is the sequence length unless it sets another. Raises UsageError."""
    if recipe.train is None or not hasattr(recipe.model, "window"):
        return recipe
    window = recipe.model.window or recipe.train.sequence_length
    if recipe.train.sequence_length > window:
        raise UsageError(
            f"train.sequence_length is {recipe.train.sequence_length}, but model.window {window}: training sequences"
            " must fit into the window",
            hint="remove model.window: it is then as long",
        )
    return replace(recipe, model=recipe.model.model_copy(update={"window": window}))


def _of_numbers(model: Any, recipe: Recipe, *, fresh: bool) -> Any:
    """Return the model; for bins of numbers, one that treats neighbouring symbols as similar."""
    if not (blur := getattr(recipe.tokenizer, "blur", 0.0)) or not hasattr(model, "on_a_line"):
        return model
    if fresh:
        model = model.on_a_line(np.random.default_rng([recipe.train.seed, 1]))  # type: ignore[union-attr]
    return replace(model, blur=blur)


def _autoregression(corpus: Corpus, tokenizer: Any) -> dict[str, Any]:
    """Fit the linear baseline of forecasts on the training split."""
    values = [tokenizer.values(text) for text in corpus.texts("train", "fitting an autoregression")]
    return Linear.fit(np.concatenate(values)).header()


def _sharpen(ending: Ending, valid: np.ndarray) -> None:
    """Divide the model's logits by the temperature that fits the validation split (T,) best, since targets spread in
    training make it less confident than it should be. Does so only once, even if a run ends again."""
    model = ending.predictor.model
    if model.output_weight is None or "decoding" in ending.header:
        return
    logits = np.stack(list(distributions(model, valid)))
    own = np.take_along_axis(logits, valid[1:, None], axis=1)[:, 0]
    temperature = fit_temperature(lambda t: float((ops.logsumexp(logits / t) - own / t).mean()), low=0.02)
    console.say(f"temperature of the probabilities, fitted on valid: {temperature:.3f}", level=1)
    sharp = {n: (getattr(model, n) / temperature).astype(np.float32) for n in ("output_weight", "output_bias")}
    ending.header["decoding"] = {"sharpened": temperature}
    ending.arrays |= {f"model.{name}": array for name, array in sharp.items()}
    ending.predictor = replace(ending.predictor, model=layers.replace(model, sharp))


def _lines(corpus: Corpus, saved: Artifact | None, start: Artifact | None) -> np.ndarray:
    """Return the hashes of the lines that a model was trained on, including those of the model it started from."""
    if saved and "lines" in saved.arrays:
        return saved.arrays["lines"]
    return corpus.lines() if start is None else np.union1d(corpus.lines(), start.arrays.get("lines", []))


def _indented(text: str) -> str:
    printable = "".join(c if c == "\n" or c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return "\n".join(f"  {line}" for line in printable.split("\n"))
