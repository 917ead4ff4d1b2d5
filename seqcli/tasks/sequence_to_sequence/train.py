"""Train sequence-to-sequence models: translation, pronunciation, inflection, commands to actions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any, Self

import numpy as np

from seqcli import layers, metrics, ops, registry, tokenizers
from seqcli.artifact import Artifact
from seqcli.closing import Baseline, Ending, Headline
from seqcli.datasets import framed
from seqcli.datasets.plan import Plan
from seqcli.datasets.replay import share_of
from seqcli.decoding.beam import Search
from seqcli.errors import UsageError, did_you_mean
from seqcli.former import Former, replaying
from seqcli.growing import of_sides
from seqcli.recipe.schema import Recipe
from seqcli.records import Pair
from seqcli.report import Report
from seqcli.task import BaseTask, Evaluation, State, adapted, beginning, grows, say_lacking, without_stdin
from seqcli.tasks.sequence_to_sequence import METRICS
from seqcli.tasks.sequence_to_sequence import batches as paired
from seqcli.tasks.sequence_to_sequence import data as dataset
from seqcli.tasks.sequence_to_sequence.codec import Codec
from seqcli.tasks.sequence_to_sequence.columns import PART, Together, cell, columns_of
from seqcli.tasks.sequence_to_sequence.predict import Settings, Translator
from seqcli.tasks.sequence_to_sequence.score import evaluate, fit_confidence, scored
from seqcli.tokenizers import BaseTokenizer

KEPT = (
    "dropout",
    "attention_dropout",
    "feedforward_dropout",
    "word_dropout",
    "label_smoothing",
    "scheduled_sampling",
    "free_running",
    "beam",
    "length_penalty",
)  # model keys that fine-tuning takes from its recipe
CHECKED = 1000  # pairs of the validation split that are answered at each evaluation, if answers decide
LOSS = "loss"


@dataclass
class Task(BaseTask):
    """The sequence-to-sequence task: pairs of texts, and a model of the second given the first."""

    corpus: dataset.Corpus = None  # type: ignore[assignment]
    codec: Codec = None  # type: ignore[assignment]
    train: list[paired.Encoded] = None  # type: ignore[assignment]
    valid: list[paired.Encoded] = None  # type: ignore[assignment]
    plan: Plan = None  # type: ignore[assignment]

    @classmethod
    def prepare(
        cls, recipe: Recipe, saved: Artifact | None, start: Artifact | None, former: Former | None = None
    ) -> Self:
        t = recipe.train
        assert t is not None
        watch = check_watched(t.watch)
        metrics.Measures(METRICS, tokenize=recipe.data.bleu_tokenize)  # raises before anything is trained
        corpus = dataset.open_corpus(recipe.data, recipe.base, numbers=recipe.frames is not None)
        corpus = replaying(corpus, recipe, former)
        recipe = without_stdin(recipe, corpus.files["train"][0])
        if watch != LOSS and "valid" not in corpus.splits:
            raise UsageError(f"train.watch: {watch} is measured on a validation split; set data.valid")
        stored, recipe = saved or start, adapted(recipe, start, KEPT, "the tokenizers")
        frames = framed.of_corpus(recipe, corpus, stored)
        check_parts(recipe)
        codec, growth = paired.learn_codec(recipe, corpus.splits["train"], stored, frames), None
        if grows(start, former):
            assert former is not None
            before, codec = codec, paired.grown(codec, recipe, corpus.splits["train"], former)
            growth = of_sides(before, codec, recipe.model)
        elif start:
            say_lacking(former, {"symbols": paired.strange(codec, corpus.splits["train"])})
        edits = bool(registry.constant("models", recipe.model.kind, "EDITS"))
        copy = edits or bool(getattr(recipe.model, "copy_source", False))
        if copy and frames is not None:
            raise UsageError("model.copy_source copies symbols of the source, but frames have none; remove it")
        if copy and not edits and codec.target.kind not in codec.kinds:
            raise UsageError(
                "model.copy_source: what is copied must be a symbol of both sides, but their tokenizers are"
                f" {' and '.join(dict.fromkeys([*codec.kinds, codec.target.kind]))}",
                hint="remove target_tokenizer, or give both sides the same kind",
            )
        train = paired.fitting(recipe, codec, corpus.splits["train"], copy=copy)
        valid = paired.encode(codec, corpus.splits.get("valid", []), copy=copy, what="tokenizing valid")
        model = beginning(recipe, codec.sizes, start, growth)
        train = paired.with_steps(model, train)
        again = paired.fitting(recipe, codec, corpus.earlier, copy=copy) if corpus.earlier else []
        again = paired.with_steps(model, again) if again else []
        both, valid = paired.as_edits(model, codec, [*train, *again], valid)
        train, earlier = both, len(again)
        lengths = np.array([(len(e.source), len(e.target)) for e in train])
        how: dict[str, Any] = {"size": t.batch_size, "tokens": t.batch_tokens}
        plan = Plan(lengths, t.seed, **how, earlier=earlier, share=share_of(recipe.data))
        facts = {**corpus.facts(), "answer_ratio": paired.answer_ratio(train)}
        if stored:
            facts["answer_ratio"] = max(facts["answer_ratio"], stored.header["data"]["answer_ratio"])
        sizes = codec.sizes._asdict()
        del sizes["columns"]
        sizes = {name: size for name, size in sizes.items() if name != "dimensions" or size}
        header: dict[str, Any] = {"vocabulary": sizes, "data": facts}
        first = codec.reads if isinstance(codec.reads, BaseTokenizer) else codec.target
        header["tokenizer"], arrays = tokenizers.to_artifact(first)
        if isinstance(codec.reads, Together):
            header[PART], own = codec.reads.stored()
            arrays |= own
        elif frames is not None:
            header["frames"], own = frames.stored()
            arrays |= own
        elif codec.own_target is not None:
            header["target_tokenizer"], own = tokenizers.to_artifact(codec.own_target, "target_tokenizer")
            arrays |= own
        return cls(recipe, model, header, arrays, corpus, codec, train, valid, plan, growth=growth)

    @property
    def judged(self) -> str:  # type: ignore[override]
        """The unit over which a loss is averaged."""
        return "edit" if hasattr(self.model, "programs") else "target token"

    # batches

    @property
    def batches(self) -> int:  # type: ignore[override]
        return self.plan.batches

    @property
    def watch(self) -> str:
        """The score that decides: `loss` or a metric."""
        assert self.recipe.train is not None
        return check_watched(self.recipe.train.watch)

    @property
    def watched(self) -> str:
        if "valid" not in self.corpus.splits:
            return "train_loss"
        return "valid_loss" if self.watch == LOSS else self.watch

    def batch(self, epoch: int, index: int) -> Any:
        chosen = [self.train[i] for i in self.plan.batch(epoch, index)[self.rows]]
        if not chosen:
            return None
        found = paired.batch(chosen, self.codec, [self.plan.seed, epoch, index, self.draws])
        if rate := getattr(self.recipe.model, "scheduled_sampling", 0.0):
            found["sampling"] = np.array(rate * self._ramp(epoch), np.float32)
        return found

    def _ramp(self, epoch: int) -> float:
        """Return how far scheduled sampling has grown, 0 .. 1; 1 throughout if the budget is not in epochs."""
        epochs = self.recipe.train.epochs if self.recipe.train else None
        return min(epoch / max(epochs - 1, 1), 1.0) if epochs else 1.0

    def size(self, batch: Any) -> int:
        return int(batch["source_lengths"].sum()) + int(batch["total"])

    def weight(self, batch: Any) -> float:
        return float(batch["total"])

    def loss(self, model: Any, batch: Any, state: State, rng: Any) -> tuple[Any, State]:
        return model.loss({name: ops.put(a, model.output_bias) for name, a in batch.items()}, rng), ()

    def evaluate(self, model: Any) -> Evaluation | None:
        if not self.valid:
            return None
        total = tokens = 0.0
        order = sorted(range(len(self.valid)), key=lambda i: len(self.valid[i].target))
        for first in range(0, len(order), paired.FILLED):
            made = paired.batch([self.valid[i] for i in order[first : first + paired.FILLED]], self.codec)
            loss, _ = self.loss(model, made, (), None)
            total, tokens = total + float(loss) * int(made["total"]), tokens + int(made["total"])
        scores = {"valid_loss": total / tokens}
        if self.watch == LOSS:
            return Evaluation(scores)
        plain = layers.replace(model, {n: ops.to_numpy(a) for n, a in layers.arrays(model).items()})
        found = self._report(self.predictor(plain), self.corpus.splits["valid"][:CHECKED], Search())
        offer = metrics.offers()[self.watch]
        return Evaluation({self.watch: found.metrics[self.watch], **scores}, self.watch, offer.more_is_better)

    def predictor(self, model: Any) -> Translator:
        return Translator(model, self.codec, self.header["data"]["answer_ratio"])

    def _report(self, translator: Translator, pairs: Sequence[Pair], search: Search, what: str = "") -> Report:
        tokenize, wanted = self.recipe.data.bleu_tokenize, [self._judged]
        return evaluate(translator, pairs, Settings(search), tokenize=tokenize, wanted=wanted, what=what)

    # what a person sees

    def opening(self) -> str:
        splits = ", ".join(f"{split} {len(pairs):,}" for split, pairs in self.corpus.splits.items())
        sizes = self.codec.sizes
        of_frames = f"frames of {sizes.dimensions} numbers, {sizes.target:,} symbols"
        symbols = f"{sizes.source:,} symbols" if sizes.shared else f"{sizes.source:,} and {sizes.target:,} symbols"
        return f"{self.corpus.name}: {splits} pairs; {of_frames if sizes.dimensions else symbols}"

    def details(self) -> list[str]:
        lines = []
        for split, pairs in self.corpus.splits.items():
            lines.append(f"{split}: {len(pairs):,} pairs")
        for side in ("source", "target"):
            lengths = np.array([len(getattr(e, side)) for e in self.train])
            lines.append(f"{side} tokens per pair: mean {lengths.mean():.1f}, most {lengths.max()}")
        shapes = ", ".join(f"{n} {a.shape}" for n, a in self.batch(0, 0).items() if a.shape)
        return [*lines, f"batches: {self.batches:,} per epoch, as {shapes}"]

    def activations(self) -> float:
        model, batch = self.recipe.model, self.batch(0, 0)
        B, T = batch["inputs"].shape
        wide = self.codec.sizes.target + 16 * getattr(model, "hidden", getattr(model, "size", 0))
        return float(B * T * wide + batch["source"].size * wide / 2)

    # the end of a run

    @property
    def splits(self) -> dict[str, list[Pair]]:
        return self.corpus.splits

    @property
    def headline(self) -> Headline:
        name = self._judged
        return Headline(name, metrics.offers()[name].more_is_better, digits=".4g")

    @property
    def _judged(self) -> str:
        return "chrf" if self.watch == LOSS else self.watch

    def finish(self, stored: Artifact) -> Ending:
        ending = Ending.of(stored, Translator.open(stored))
        if (valid := self.splits.get("valid")) and (weights := fit_confidence(ending.predictor, valid)):
            ending.header["decoding"] = {"confidence": weights}
            ending.predictor = replace(ending.predictor, sure=tuple(weights))
        return ending

    def scored(self, predictor: Translator, split: str) -> Report:
        return self._report(predictor, self.splits[split], predictor.search, f"answering {split}")

    def figures(self, report: Report) -> str:
        shown = dict.fromkeys([self._judged, "bleu", "chrf", "exact-match", "phoneme-error-rate"])
        if not report.metrics["bleu"] and self._judged != "bleu":  # BLEU is 0 if targets have fewer than four words
            del shown["bleu"]
        return f"{', '.join(f'{name} {report.metrics[name]:.4g}' for name in shown)} ({report.protocol})"

    def baseline(self, split: str) -> Baseline:
        """Score the best of some answers that need no model: the source or one of its columns, and the most frequent
        target of the training split."""
        pairs, (name, more_is_better, *_) = self.splits[split], astuple(self.headline)
        frequent = Counter(p.target or "" for p in self.splits["train"]).most_common(1)[0][0]
        answers = {"most frequent target": [frequent] * len(pairs)}
        if self.codec.frames is None:
            answers["copied source"] = [p.text for p in pairs]
            for i, column in enumerate(self.codec.columns):
                answers[f"copied column {column}"] = ["".join(cell(p.text, i)) for p in pairs]
        tokenize = self.recipe.data.bleu_tokenize
        found = {
            kind: scored(given, pairs, tokenize=tokenize, wanted=[name]).metrics[name]
            for kind, given in answers.items()
        }
        kind = (max if more_is_better else min)(found, key=found.__getitem__)
        return Baseline(kind, f"the {kind}", found[kind], "train longer, or on more pairs")

    def example(self, predictor: Translator) -> str:
        pool = [p for p in self.splits.get("valid", self.splits["train"]) if len(p.text) <= 200][:2]
        lines = []
        for pair, answers in zip(pool, predictor.answer(pool, Settings(predictor.search)), strict=True):
            lines += [f"  {pair.text}", f"    {answers[0].text}", f"    ({pair.target})"]
        return "\n".join(["examples: source, answer, (reference)", *lines]) if lines else ""

    def use(self) -> str:
        if columns := self.codec.columns:
            line = "\\t".join(f"column {name}" if name.isdecimal() else name for name in columns)
            return rf"printf '{line}\n' | seqcli generate -m MODEL"
        what = "your text here" if self.codec.frames is None else self.codec.frames.sample
        return f'echo "{what}" | seqcli generate -m MODEL'


def check_parts(recipe: Recipe) -> None:
    """Raise UsageError if several columns are read but other parts of the recipe contradict that."""
    if not columns_of(recipe.data.source):
        return
    if recipe.frames is not None:
        raise UsageError("data.source: frames are read from one column", hint="name it, as in source: 1")
    if recipe.target_tokenizer is not None:
        raise UsageError(
            "target_tokenizer: if data.source names columns, tokenizer serves the target and those columns without"
            " a tokenizer of their own",
            hint="remove it, and give columns their own, as in source: [{column: 1, tokenizer: word}]",
        )


def check_watched(name: str | None) -> str:
    """Return `train.watch` if it is the loss or a metric of this task; default: the loss. Raises UsageError."""
    known = [LOSS, *metrics.offers(METRICS)]
    if name is None:
        return LOSS
    if name not in known:
        raise UsageError(f"train.watch: {name!r} is not a score of this task", hint=did_you_mean(name, known))
    return name
