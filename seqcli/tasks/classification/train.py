"""Train classifiers: a label, or several, for a whole text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np

from seqcli import console, ops, registry, tokenizers
from seqcli.artifact import Artifact
from seqcli.closing import Baseline, Ending, Headline
from seqcli.datasets import framed
from seqcli.datasets.batch import word_batch
from seqcli.datasets.buckets import Buckets
from seqcli.datasets.replay import SPLIT as REPLAY
from seqcli.datasets.replay import share_of
from seqcli.datasets.vocabulary import Vocabulary, of_each
from seqcli.errors import UsageError
from seqcli.former import Former, replaying
from seqcli.reader import known, of_recipe, to_artifact, with_reader
from seqcli.recipe.schema import Recipe
from seqcli.records import Example, apart, second, together
from seqcli.report import Report
from seqcli.task import BaseTask, State, adapted, beginning, grows, say_lacking, with_readers, without_stdin
from seqcli.tasks.classification import data as dataset
from seqcli.tasks.classification import targets as labelled
from seqcli.tasks.classification.fitting import BASELINE, fitted, with_linear
from seqcli.tasks.classification.labels import counts
from seqcli.tasks.classification.predict import Classifier, Settings, part_of_linear
from seqcli.tasks.classification.reading import Reading
from seqcli.tasks.classification.score import evaluate, headline, summary

KEPT = (  # model keys that fine-tuning takes from its recipe
    *("dropout", "variational", "word_dropout", "label_smoothing", "class_weights", "node_loss", "linear", "targets"),
)
FRAMES_BASELINE = "frames-linear"


@dataclass
class Task(BaseTask):
    """The task of classification: texts with labels, and a model of the labels."""

    judged = "text"

    corpus: dataset.Corpus = None  # type: ignore[assignment]
    vocabulary: Vocabulary = None  # type: ignore[assignment]
    reading: Reading = None  # type: ignore[assignment]
    examples: list[Example] = None  # type: ignore[assignment]  # of the training split, read
    buckets: Buckets = None  # type: ignore[assignment]  # of a gradient-trained kind
    weights: np.ndarray = None  # type: ignore[assignment]  # (K,) of a record's loss, by its label

    @classmethod
    def prepare(
        cls, recipe: Recipe, saved: Artifact | None, start: Artifact | None, former: Former | None = None
    ) -> Self:
        corpus = dataset.open_corpus(recipe.data, recipe.base, numbers=recipe.frames is not None)
        corpus = replaying(corpus, recipe, former)
        recipe = without_stdin(recipe, corpus.files["train"][0])
        kind, stored = registry.load("models", recipe.model.kind), saved or start
        recursive = hasattr(kind, "prepare_batch")
        if recursive and recipe.data.phrases:
            raise UsageError("data.phrases: model.kind: recursive learns from every node of whole trees; remove it")
        if recipe.frames is not None and getattr(recipe.model, "linear", False):
            raise UsageError("model.linear adds the scores of n-grams, which frames do not have; remove it")
        if recursive and recipe.data.multi_label:
            raise UsageError("model.kind: recursive gives every node one label; data.multi_label is for other kinds")
        if getattr(recipe.model, "linear", False) and "valid" not in corpus.splits:
            raise UsageError("model.linear: its weight is fitted on a validation split; set data.valid")
        if recursive and recipe.tokenizer is not None and recipe.tokenizer.kind != "word":
            raise UsageError("tokenizer.kind: the leaves of trees are words; use word")
        if corpus.targets and not hasattr(recipe.model, "targets"):
            said = f"data.label: a {recipe.model.kind} has one target, not {len(corpus.targets)}"
            raise UsageError(said, hint="model.kind classifier and transformer-classification can have several")
        _check_pair(getattr(recipe.model, "pair", "joined"), 1 + len(corpus.options.further))
        recipe = adapted(recipe, start, KEPT, "the vocabulary")
        examples = corpus.phrases() if recipe.data.phrases else corpus.splits["train"]
        frames = framed.of_corpus(recipe, corpus, stored)
        grow = grows(start, former)
        tokenizer = labelled.tokenizer(recipe, examples, stored, former if grow else None)
        placed = bool(stored.header.get("reader") if stored else getattr(recipe.model, "reader", []))
        reading = Reading(tokenizer, recipe.data.longest, frames, 1 + len(corpus.options.further), placed)
        if placed and (frames or reading.texts > 1):
            what = "frames" if frames else "several texts of a record"
            raise UsageError(f"model.reader reads the words of one text; this recipe has {what}", hint="remove it")
        examples = [reading(e) for e in (examples if frames is None else corpus.splits["train"])]
        growth = None
        if stored:
            vocabulary = known(stored)
            if grow:
                vocabulary, growth = labelled.grown(recipe, examples, corpus, tokenizer, vocabulary)
            elif start:
                lacking = {w for e in examples for _, w in vocabulary.unknown(e.words or ())}
                say_lacking(former, {"words": sorted(lacking)})
            labelled.check_labels(corpus, vocabulary, stored)
        else:
            vocabulary = labelled.learn(recipe, examples, corpus, tokenizer, frames.dimensions if frames else 0)
            vocabulary = with_reader(vocabulary, of_recipe(recipe.model, corpus.splits))
        model, t = beginning(recipe, vocabulary, start, growth), recipe.train
        earlier = [*map(reading, corpus.phrases(REPLAY) if recipe.data.phrases else corpus.earlier)]
        if vocabulary.reader and not (t and t.reads_anew):
            held = [reading(e) for e in corpus.splits.get("valid", ())]
            vocabulary.reader.attach({"train": examples, "valid": held, REPLAY: earlier})
            for e, own in zip(corpus.splits.get("valid", ()), held, strict=True):
                e.states = own.states
        model = with_readers(model, vocabulary.reader, t)
        own, again = ([e for e in part if e.length] for part in (examples, earlier))
        buckets = Buckets(own, t.batch_size, t.seed, again, share_of(recipe.data)) if t else None
        header, arrays = to_artifact(vocabulary)
        header["data"] = corpus.facts()
        if tokenizer is not None:
            header["tokenizer"], own = tokenizers.to_artifact(tokenizer)
            arrays |= own
        if frames is not None:
            header["frames"], own = frames.stored()
            arrays |= own
        wanted, share = getattr(recipe.model, "class_weights", "none"), share_of(recipe.data)
        weights = labelled.class_weights(wanted, examples, vocabulary, earlier, share)
        own = (corpus, vocabulary, reading, examples, buckets, weights)
        return cls(recipe, model, header, arrays, *own, growth=growth)  # type: ignore[arg-type]

    # batches

    @property
    def batches(self) -> int:  # type: ignore[override]
        return self.buckets.batches

    def batch(self, epoch: int, index: int) -> Any:
        """Return the parts of `WordBatch`, `targets` (B,), or (B, K) for multi-label data, and `weights` (B,); for
        further targets `further` (·, B); `seconds` (B,) if one of two texts attends to the other. For trees, return
        the batch that the kind of model makes."""
        config, examples = self.recipe.model, self.buckets.batch(epoch, index)[self.rows]
        if not examples:
            return None
        kind, seed = registry.load("models", config.kind), [self.buckets.seed, epoch, index, self.draws]
        if hasattr(kind, "prepare_batch"):
            names, known = self.corpus.config.labels, self.vocabulary.label_ids

            def label_id(label: str) -> int:
                return known.get(names.get(label, label) or "", -1)

            return kind.prepare_batch(
                examples,
                label_id,
                self.vocabulary,
                np.random.default_rng(seed),
                config=config,
                label_weights=self.weights,
            )
        if self.reading.frames is not None:
            made = self.reading.frames.batch([e.frames for e in examples], seed)
        else:
            sequences, pair = [e.words or [] for e in examples], getattr(config, "pair", "joined")
            parted = [words for part in zip(*map(apart, sequences), strict=True) for words in part]
            made = word_batch(
                self.vocabulary,
                parted if pair == "compare" else sequences,
                by_character=bool(config.characters),
                word_dropout=config.word_dropout,
                seed=seed,
            )._asdict()
            if self.vocabulary.states:
                made |= self.read(self.vocabulary.reader, examples, len(made["index"]), (epoch, index))
            if pair == "attend":
                made["seconds"] = np.array([second(words) for words in sequences])
        targets = labelled.targets(examples, self.vocabulary, self.corpus.config.multi_label)
        weights = np.array(
            [self.weights[[self.vocabulary.label_ids[label] for label in e.labels or ()]].mean() if e.labels else 1.0
             for e in examples], np.float32
        )  # fmt: skip
        further = [labelled.targets([e.aimed(name) for e in examples], v, False) for name, v in self._further.items()]
        return {**made, "targets": targets, "weights": weights, **({"further": np.stack(further)} if further else {})}

    @cached_property
    def _further(self) -> dict[str, Vocabulary]:
        """The vocabularies of further targets."""
        return {name: v for name, v in of_each(self.vocabulary).items() if name != self.vocabulary.target}

    def size(self, batch: Any) -> int:
        return int(batch["lengths"].sum()) if "lengths" in batch else len(batch["ids"])

    def weight(self, batch: Any) -> float:
        return float(batch["total"]) if "total" in batch else len(batch["targets"])

    def loss(self, model: Any, batch: Any, state: State, rng: Any) -> tuple[Any, State]:
        return model.loss({name: ops.put(a, model.output_bias) for name, a in batch.items()}, rng), ()

    def predictor(self, model: Any) -> Classifier:
        return Classifier(model, self.vocabulary, self.reading, self.corpus.config.multi_label)

    def count(self, kind: Any) -> Any:
        weights = self.weights if self.recipe.model.class_weights != "none" else None
        return self._fit(kind, self.recipe.model, self.examples, weights)

    def _fit(
        self,
        kind: Any,
        config: Any,
        examples: Sequence[Example],
        weights: np.ndarray | None = None,
        vocabulary: Vocabulary | None = None,
    ) -> Any:
        """Fit a counted kind to the labels of the first target, or to those of `vocabulary`."""
        multi_label, vocabulary = self.corpus.config.multi_label, vocabulary or self.vocabulary
        targets = labelled.targets(examples, vocabulary, multi_label)
        with console.progress("fitting", config.iterations, " iterations") as advance:
            return kind.Model.fit(
                examples,
                targets,
                vocabulary,
                config,
                multi_label=multi_label,
                class_weights=weights,
                advance=advance,
            )

    # what a person sees

    def opening(self) -> str:
        splits = ", ".join(f"{split} {len(examples):,}" for split, examples in self.corpus.splits.items())
        more = f"; {len(self.examples):,} phrases to train on" if self.corpus.config.phrases else ""
        v = self.vocabulary
        words = f", vocabulary of {len(v.words):,}" if v.words else ""
        labels = ", ".join(f"{name} {len(own.labels)}".lstrip() + " labels" for name, own in of_each(v).items())
        return f"{self.corpus.name}: {splits} texts{more}; {labels}{words}"

    def details(self) -> list[str]:
        given = counts(self.examples)
        lines = ["labels: " + ", ".join(f"{label} {given[label]:,}" for label in self.vocabulary.labels)]
        for split, examples in self.corpus.splits.items():
            lines.append(f"{split}: {len(examples):,} texts")
        if self.model is not None:
            shapes = ", ".join(f"{n} {a.shape}" for n, a in self.batch(0, 0).items())
            lines.append(f"batches: {shapes}")
        return lines

    def activations(self) -> float:
        model, batch = self.recipe.model, self.batch(0, 0)
        width = getattr(model, "layers", 1) * 16 * getattr(model, "hidden", 0)
        return float(self.size(batch) * (model.embedding + width))

    # the end of a run

    @property
    def splits(self) -> dict[str, list[Example]]:
        return self.corpus.splits

    @property
    def headline(self) -> Headline:
        return Headline("targets-mean" if self.corpus.targets else headline(self.corpus.config.multi_label))

    def finish(self, stored: Artifact) -> Ending:
        ending = Ending.of(stored, replace(Classifier.open(stored), beside=None, share=0.0, others={}))
        ending.header.pop("linear", None)
        ending.arrays = {n: a for n, a in stored.arrays.items() if not n.partition(".")[0].startswith("linear")}
        valid, alone = self.splits.get("valid"), ending.predictor
        if valid and self.linear is not None and getattr(self.recipe.model, "linear", False):
            together = with_linear(alone, self.linear, valid)
            if any(own.share for own in (together, *together.others.values())):
                ending.predictor, ending.alone = together, fitted(alone, valid)[0]
                ending.header["linear"] = registry.load("models", BASELINE).Config().model_dump(mode="json")
                for i, linear in enumerate(self.linear.values()):
                    ending.arrays |= {f"{part_of_linear(i)}.{n}": a for n, a in linear.arrays().items()}
        if valid:
            ending.predictor, ending.header["decoding"] = fitted(ending.predictor, valid)
        return ending

    def figures(self, report: Report) -> str:
        if report.targets:
            each = (f"{name}: {self.figures(own)}" for name, own in report.targets.items())
            return "\n  ".join([summary(report.metrics), *each])
        return f"{summary(report.metrics)}, calibration error {report.metrics['calibration-error']:.4f}"

    @property
    def plain(self) -> str:
        """The kind of the linear baseline."""
        return BASELINE if self.reading.frames is None else FRAMES_BASELINE

    @cached_property
    def linear(self) -> dict[str, Any] | None:
        """The linear model of each target, fitted to the same labels, those of a tree's phrases too; None if the
        run's own model is one."""
        if self.recipe.model.kind == self.plain:
            return None
        kind = registry.load("models", self.plain)
        of_trees = hasattr(registry.load("models", self.recipe.model.kind), "prepare_batch")
        examples = self.examples
        if of_trees:  # the model lacks labels that no whole text has
            known = self.vocabulary.label_ids
            examples = [e for e in self.corpus.phrases() if all(label in known for label in e.labels or ())]
        each = of_each(self.vocabulary).items()
        return {n: self._fit(kind, kind.Config(), [e.aimed(n) for e in examples], vocabulary=v) for n, v in each}

    def baseline(self, split: str) -> Baseline | None:
        """Score the linear model."""
        if self.linear is None:
            return None
        reading, figures = replace(self.reading, tokenizer=None), []
        for name, v in of_each(self.vocabulary).items():
            corpus = self.corpus.of(name)
            classifier = Classifier(self.linear[name], v, reading, corpus.config.multi_label)
            if corpus.config.multi_label and "valid" in corpus.splits:
                classifier, _ = fitted(classifier, corpus.splits["valid"])
            report = evaluate(classifier, corpus.splits[split])
            figures.append(report.metrics[headline(corpus.config.multi_label)])
        theirs = float(np.mean(figures))
        one = f"--set data.label={self.corpus.targets[0]} " if self.corpus.targets else ""  # it has one target
        advice = f"{one}--set model={self.plain} --set tokenizer=null --set train=null trains that in seconds"
        return Baseline(self.plain, f"the {self.plain} baseline", theirs, advice)

    def example(self, predictor: Classifier) -> str:
        pool = [e for e in self.splits.get("valid", self.splits["train"]) if 3 <= len(e.text) <= 200]
        if not pool:
            return ""
        answer = predictor.answer([predictor.ready(pool[0])], Settings())[0]
        given = [
            ", ".join(f"{label} {p:.4f}" for label, p in a.ranking[:3]) for a in (answer, *answer.further.values())
        ]
        return "\n  ".join(["an example:", pool[0].text, *given])

    def use(self) -> str:
        texts = ["your text here", *["another"] * (self.reading.texts - 1)]
        what = together(texts) if self.reading.frames is None else self.reading.frames.sample
        return f'echo "{what}" | seqcli classify -m MODEL'


def _check_pair(pair: str, texts: int) -> None:
    """Raise UsageError if a recipe does not have two texts for a model of two."""
    if pair != "joined" and texts != 2:
        has = "reads one text" if texts == 1 else f"joins {texts}"
        raise UsageError(
            f"model.pair: {pair} needs two texts, but this recipe {has}",
            hint="name two columns or keys: data.text: [question, passage]; model.pair: joined reads any number",
        )
