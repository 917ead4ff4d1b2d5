"""Language modelling: predict the next token of a stream of text."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from seqcli import console, ops, registry, threads, tokenizers
from seqcli.artifact import Artifact
from seqcli.closing import Baseline, Ending, Headline
from seqcli.datasets.streams import Streams
from seqcli.decoding.sampling import Sampling
from seqcli.errors import SeqcliError, UsageError
from seqcli.recipe.schema import Recipe
from seqcli.report import Report
from seqcli.task import BaseTask, Batch, Evaluation, State, adapted, beginning, without_stdin
from seqcli.tasks.language_model.data import Corpus, open_corpus
from seqcli.tasks.language_model.predict import Generator, Ready, Settings
from seqcli.tasks.language_model.score import evaluate

KEPT = ("dropout", "variational", "weight_drop")  # model keys that fine-tuning takes from its recipe
COUNT_BYTES = 75  # of memory a token takes to be counted, at most
VALID_TOKENS = 1_000_000  # of the validation split, at most, while training
SCORED_TOKENS = 300_000  # and the closing scores are measured on so many at most
BASELINE_TOKENS = 2_000_000  # the n-gram baseline is counted on so many at most
BASELINE_ORDER = {"char": 6, "byte": 6}
OTHER_ORDER = 3  # of words and sub-words


@dataclass
class Task(BaseTask):
    """A corpus as streams of token ids, and a model of the next one."""

    corpus: Corpus = None  # type: ignore[assignment]
    tokenizer: tokenizers.BaseTokenizer = None  # type: ignore[assignment]
    ids: dict[str, np.ndarray] = None  # type: ignore[assignment]
    streams: Streams = None  # type: ignore[assignment]  # of a gradient-trained kind

    @classmethod
    def prepare(cls, recipe: Recipe, saved: Artifact | None, start: Artifact | None) -> Self:
        corpus = open_corpus(recipe.data, recipe.base)
        recipe = without_stdin(recipe, corpus.splits["train"][0].path)
        tokenizer = _tokenizer(recipe, corpus, saved or start)
        if start:
            recipe = replace(recipe, tokenizer=_config_of_tokenizer(start))
        ids = {split: corpus.tokens(split, tokenizer) for split in corpus.splits}
        for split in ids.keys() - {"train"}:
            if len(ids[split]) < 2:
                raise SeqcliError(f"the {split} split has fewer than two tokens", hint="give it a larger share")
        recipe, t = adapted(recipe, start, KEPT, "the tokenizer"), recipe.train
        recipe = _with_window(recipe)
        streams = Streams(ids["train"], t.batch_size, t.sequence_length, t.seed) if t else None  # raises: too short
        model = beginning(recipe, tokenizer.size, start)
        about, arrays = tokenizers.to_artifact(tokenizer)
        header = {"tokenizer": about, "vocabulary": tokenizer.size, "data": corpus.facts()}
        return cls(recipe, model, header, arrays, corpus, tokenizer, ids, streams)  # type: ignore[arg-type]

    @property
    def batches(self) -> int:  # type: ignore[override]
        return self.streams.batches

    @property
    def watched(self) -> str:
        return "valid_loss" if "valid" in self.ids else "train_loss"

    def batch(self, epoch: int, index: int) -> Batch:
        return self.streams.batch(epoch, index)

    def size(self, batch: Batch) -> int:
        return batch[0].size

    def initial_state(self, model: Any) -> State:
        return model.initial_state(self.streams.batch_size)

    def loss(self, model: Any, batch: Batch, state: State, rng: Any) -> tuple[Any, State]:
        inputs, targets = (ops.integers(a, model.embedding) for a in batch)
        return model.loss(inputs, targets, state, rng)

    def evaluate(self, model: Any) -> Evaluation | None:
        """Mean nats per token of the validation split, read in as many parallel streams as a batch has.

        The exact stateful score, one stream, is measured at the end (`seqcli eval`); this one differs by what the
        streams' first tokens lack in context. Of a larger split its first million tokens are read.
        """
        if "valid" not in self.ids:
            return None
        valid, length = self.ids["valid"], self.streams.sequence_length
        pairs = min(len(valid), VALID_TOKENS) - 1
        stretch = getattr(model, "window", 128)  # what is carried on from one to the next, a transformer forgets
        rows = max(1, min(32, pairs // length))
        each = pairs // rows
        starts = np.arange(rows) * each
        state, total = model.initial_state(rows), 0.0
        for first in range(0, each, stretch):
            length = min(stretch, each - first)
            part = np.stack([valid[s + first : s + first + length + 1] for s in starts]).astype(np.int64).T
            block = np.ascontiguousarray(part)
            loss, state = self.loss(model, (block[:-1], block[1:]), state, None)
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

    def finish(self, stored: Artifact) -> Ending:
        predictor = Generator.open(stored)
        threads.choose_for(predictor.model)
        return Ending.of(stored, predictor)

    def scored(self, predictor: Any, split: str) -> Report:
        return evaluate(predictor, self.corpus.records(split), limit=SCORED_TOKENS, what=f"scoring {split}")

    def figures(self, report: Report) -> str:
        m, counts = report.metrics, report.counts
        first = f" (its first {SCORED_TOKENS:,} tokens)" if counts["tokens"] + 1 >= SCORED_TOKENS else ""
        per = "bits-per-character" if "bits-per-character" in m else "word-perplexity"
        return (
            f"{m['cross-entropy']:.4f} nats/token, perplexity {m['perplexity']:.2f},"
            f" {m[per]:.3f} {per}, {report.protocol}{first}"
        )

    def baseline(self, split: str) -> Baseline:
        """Count an n-gram model on the same split."""
        ngram = registry.load("models", "ngram")
        order = BASELINE_ORDER.get(self.tokenizer.kind, OTHER_ORDER)
        if self.recipe.model.kind == "ngram":
            order = 1
        train = np.asarray(self.ids["train"][:BASELINE_TOKENS])
        counted = ngram.Model.fit(train, self.tokenizer.size, ngram.Config(order=order))
        found = self.scored(Generator(counted, self.tokenizer), split)
        return Baseline(
            "ngram",
            f"the {order}-gram baseline",
            found.metrics["cross-entropy"],
            "train longer, on more text, or count (`seqcli train markov`)",
            f", counted on {console.count(len(train))} tokens",
            {"order": order, "tokens": len(train)},
        )

    def example(self, predictor: Any) -> str:
        newline = self.tokenizer.newline_id
        prompt = np.array([newline if newline is not None else int(self.ids["train"][0])])
        count = 60 if self.tokenizer.kind in ("word", "sentencepiece") else 240
        settings = Settings(Sampling(temperature=0.8), count, lines=False)
        text = "".join(predictor.pieces(Ready(prompt, 0, []), settings)).strip("\n")
        return f"a sample, at temperature 0.8:\n{_indented(text)}"

    def use(self) -> str:
        return f'seqcli generate -m MODEL --prompt "{self._prompt()}"'

    def _prompt(self) -> str:
        """A first word of the training text, to show how a prompt is given."""
        text = next(self.corpus.texts("train", ""))[:2000]
        word = next((w for w in text.split() if w.isalpha() and w.isascii()), "")
        return f"{word} " if f"{word} " in text else word[:1]


def _with_window(recipe: Recipe) -> Recipe:
    """The recipe; a transformer sees as much as it is trained on, unless it says otherwise. Raises UsageError."""
    if recipe.train is None or not hasattr(recipe.model, "window"):
        return recipe
    window = recipe.model.window or recipe.train.sequence_length
    if recipe.train.sequence_length > window:
        raise UsageError(
            f"train.sequence_length is {recipe.train.sequence_length}, but model.window {window}: what is trained on"
            " must fit into it",
            hint="leave model.window out: it is then as long",
        )
    return replace(recipe, model=recipe.model.model_copy(update={"window": window}))


def _tokenizer(recipe: Recipe, corpus: Corpus, stored: Artifact | None) -> tokenizers.BaseTokenizer:
    """The stored tokenizer of a run that goes on, else one learnt from the training split alone."""
    if stored:
        return tokenizers.from_artifact(stored)
    return tokenizers.learn(recipe.tokenizer, corpus.texts("train", "learning the vocabulary"), recipe.base)


def _config_of_tokenizer(start: Artifact) -> Any:
    """The configuration that a model's tokenizer was learnt with."""
    stored = start.header["recipe"]["tokenizer"]
    return registry.load("tokenizers", stored["kind"]).Config(**stored)


def _indented(text: str) -> str:
    printable = "".join(c if c == "\n" or c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return "\n".join(f"  {line}" for line in printable.split("\n"))
