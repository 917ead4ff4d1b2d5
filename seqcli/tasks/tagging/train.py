"""Tagging: a label for every word, or every character, of a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np

from seqcli import console, ops, registry, schemes, words
from seqcli.artifact import Artifact
from seqcli.closing import Baseline, Ending, Headline
from seqcli.datasets import framed
from seqcli.datasets.batch import STEPS, up, word_batch
from seqcli.datasets.buckets import Buckets
from seqcli.datasets.vectors import with_vectors
from seqcli.datasets.vocabulary import Vocabulary
from seqcli.errors import SeqcliError, UsageError, did_you_mean
from seqcli.frames import Frames
from seqcli.recipe.schema import Recipe
from seqcli.records import Sentence
from seqcli.task import BaseTask, State, adapted, beginning, without_stdin
from seqcli.tasks.tagging import data as dataset
from seqcli.tasks.tagging.predict import Tagger
from seqcli.tasks.tagging.raw import Words
from seqcli.tasks.tagging.score import Report, evaluate, fit_temperature, headline, summary

KEPT = ("dropout", "variational", "word_dropout")  # model keys that fine-tuning takes from its recipe
FITTED = 20_000  # sentences of the training split that the rule for raw text is fitted to, at most


@dataclass
class Task(BaseTask):
    """Sentences with tags, and a model of the tags."""

    checked: ClassVar = {"probabilities": False}

    corpus: dataset.Corpus = None  # type: ignore[assignment]
    vocabulary: Vocabulary = None  # type: ignore[assignment]
    buckets: Buckets = None  # type: ignore[assignment]  # of a gradient-trained kind
    frames: Frames | None = None

    @classmethod
    def prepare(cls, recipe: Recipe, saved: Artifact | None, start: Artifact | None) -> Self:
        corpus = dataset.open_corpus(recipe.data, recipe.base, numbers=recipe.frames is not None)
        recipe = without_stdin(recipe, corpus.files["train"][0])
        recipe = adapted(recipe, start, KEPT, "the vocabulary")
        _check_columns(corpus, getattr(recipe.model, "features", []))
        if recipe.frames is not None and recipe.frames.augment.shift:
            raise UsageError(
                "frames.augment.shift: each frame has its tag, which a shift would not take along",
                hint="leave it away",
            )
        frames = framed.of_corpus(recipe, corpus, saved or start)
        if stored := saved or start:
            vocabulary, splitting = Vocabulary.of(stored), stored.header["splitting"]
            _check_labels(corpus, vocabulary, stored)
        else:
            vocabulary, splitting = _learn(corpus, recipe), {"vectors": True} if frames else _splitting(corpus)
            vocabulary = replace(vocabulary, dimensions=frames.dimensions) if frames else vocabulary
        model, t = beginning(recipe, vocabulary, start), recipe.train
        buckets = Buckets(corpus.pieces("train"), t.batch_size, t.seed) if t else None
        header = {
            "vocabulary": vocabulary.header(),
            "data": corpus.facts(list(vocabulary.features)),
            "splitting": splitting,
        }
        arrays = {f"vocabulary.{n}": a for n, a in vocabulary.arrays().items()}
        if frames is not None:
            header["frames"], own = frames.stored()
            arrays |= own
        return cls(recipe, model, header, arrays, corpus, vocabulary, buckets, frames)  # type: ignore[arg-type]

    # batches

    @property
    def batches(self) -> int:  # type: ignore[override]
        return self.buckets.batches

    def batch(self, epoch: int, index: int) -> Any:
        """What `models/tagger.py` reads of B sentences, padded to T words or frames: see `ReadsWords.inputs`; beside
        it `features` (F, T, B) and `tags` (T, B)."""
        v, config = self.vocabulary, self.recipe.model
        sentences = self.buckets.batch(epoch, index)[self.rows]
        if not sentences:
            return None
        seed = [self.buckets.seed, epoch, index, self.draws]
        if self.frames is not None:
            made = self.frames.batch([s.frames for s in sentences], seed)
            steps = up(int(made["lengths"].max()), STEPS)
        else:
            made = word_batch(
                v,
                [s.words for s in sentences],
                by_character=bool(config.characters),
                word_dropout=config.word_dropout,
                seed=seed,
            )._asdict()
            steps = len(made["index"])
        tags = np.zeros((steps, len(sentences)), np.int64)
        features = np.zeros((len(v.features), *tags.shape), np.int64)
        for b, s in enumerate(sentences):
            tags[: len(s.words), b] = self._labels(s)
            for f, name in enumerate(v.features):
                features[f, : len(s.words), b] = v.feature_ids(name, s.features[name])
        return {**made, "features": features, "tags": tags}

    def _labels(self, sentence: Sentence) -> list[int]:
        tags = self.vocabulary.as_labels(sentence.tags or [], self.corpus.scheme)
        return [self.vocabulary.label_ids[tag] for tag in tags]

    def size(self, batch: dict[str, np.ndarray]) -> int:
        return int(batch["lengths"].sum())

    def loss(self, model: Any, batch: dict[str, np.ndarray], state: State, rng: Any) -> tuple[Any, State]:
        return model.loss({name: ops.put(a, model.output_bias) for name, a in batch.items()}, rng), ()

    def predictor(self, model: Any) -> Tagger:
        found = Words.of(self.header)
        return Tagger(model, self.vocabulary, self.corpus.scheme, words=found, frames=self.frames)

    def count(self, kind: Any) -> Any:
        return _count(kind, kind.Config(**self.recipe.model.model_dump()), self.corpus, self.vocabulary)

    # what a person sees

    def opening(self) -> str:
        splits = ", ".join(
            f"{split} {len(s):,} sentences of {sum(len(x.words) for x in s):,} tokens"
            for split, s in self.corpus.splits.items()
        )
        v = self.vocabulary
        scheme = f" ({v.scheme} inside, {self.corpus.scheme} in the data)" if v.scheme else ""
        return f"{self.corpus.name}: {splits}; {len(v.labels)} labels{scheme}, {len(v.words):,} words"

    def details(self) -> list[str]:
        v = self.vocabulary
        lines = [f"labels: {', '.join(v.labels)}", f"words: {len(v.words):,}, characters: {len(v.characters):,}"]
        for split, sentences in self.corpus.splits.items():
            lines.append(f"{split}: {len(sentences):,} sentences, {sum(len(s.words) for s in sentences):,} tokens")
        if self.model is not None:
            shapes = ", ".join(f"{n} {a.shape}" for n, a in self.batch(0, 0).items())
            lines.append(f"batches: {shapes}")
        return lines

    def activations(self) -> float:
        model = self.recipe.model
        tags = self.batch(0, 0)["tags"]
        hidden = getattr(model, "hidden", getattr(model, "size", 0))
        return float(tags.size * (model.embedding + model.layers * 16 * hidden))

    # the end of a run

    @property
    def splits(self) -> dict[str, list[Sentence]]:
        return self.corpus.splits

    @property
    def headline(self) -> Headline:
        return Headline(headline(self.predictor(None)))

    def finish(self, stored: Artifact) -> Ending:
        ending = Ending.of(stored, Tagger.open(stored))
        if valid := self.corpus.splits.get("valid"):
            temperature = fit_temperature(ending.predictor, valid)
            ending.header["decoding"] = {"temperature": temperature}
            ending.predictor = replace(ending.predictor, temperature=temperature)
            console.say(f"temperature of the probabilities, fitted on valid: {temperature:.3f}", level=1)
        return ending

    def figures(self, report: Report) -> str:
        return f"{summary(report.metrics)}, calibration error {report.metrics['calibration-error']:.4f}"

    def baseline(self, split: str) -> Baseline | None:
        """Give each word its most frequent tag."""
        name = "frequency-tagger"
        if self.recipe.model.kind == name:
            return None
        kind = registry.load("models", name)
        tagger = replace(self.predictor(_count(kind, kind.Config(), self.corpus, self.vocabulary)), frames=None)
        theirs = evaluate(tagger, self.corpus.splits[split], probabilities=False).metrics[headline(tagger)]
        return Baseline(name, "the most-frequent-tag baseline", theirs, "train longer")

    def example(self, predictor: Tagger) -> str:
        pool = [s for s in self.splits.get("valid", self.splits["train"]) if 4 <= len(s.words) <= 60]
        if not pool:
            return ""
        answer = predictor.answer([pool[0]])[0]
        text = answer.text
        if text is None:
            writer = registry.load("records", "word-tag").Writer(self.corpus.options)
            text = writer.write(pool[0], answer).rstrip("\n")
        return f"an example:\n  {text}"

    def use(self) -> str:
        text = "your text here" if self.frames is None else self.frames.sample
        if self.corpus.restore:
            text = registry.load("restoration", self.corpus.restore).lost("This is a text, isn't it?")
        return f'echo "{text}" | seqcli tag -m MODEL'


def _check_columns(corpus: dataset.Corpus, features: list[str]) -> None:
    """Raise SeqcliError where a sentence lacks a column that the model is to read."""
    for name in features:
        for s in (s for sentences in corpus.splits.values() for s in sentences):
            if name not in s.features:
                known = did_you_mean(name, s.features) or "the data has no further columns"
                hint = f"{known}\nmodel.features names columns beside the words and the tags"
                raise SeqcliError(f"{s.place(0)}: there is no column {name!r}", hint=hint)


def _check_labels(corpus: dataset.Corpus, vocabulary: Vocabulary, stored: Artifact) -> None:
    """Raise SeqcliError where a tag of the training split is none of a stored model's labels."""
    if (corpus.scheme is None) != (vocabulary.scheme is None):
        has, lacks = ("the data", "the model's") if corpus.scheme else (f"{stored.path}", "the data's")
        raise UsageError(f"the tags of {has} are spans, {lacks} are not", hint="see data.scheme")
    for s in corpus.splits["train"]:
        tags = s.tags or []
        for t, tag in enumerate(vocabulary.as_labels(tags, corpus.scheme)):
            if tag not in vocabulary.label_ids:
                raise SeqcliError(
                    f"{s.place(t, tag=True)}: {stored.path} has no label for the tag {tags[t]!r}",
                    hint=f"a model keeps its labels: {', '.join(vocabulary.labels[:20])}; train a new one instead",
                )


def _learn(corpus: dataset.Corpus, recipe: Recipe) -> Vocabulary:
    """What the training split has, and the vectors of its words."""
    config, train = recipe.model.model_dump(), corpus.splits["train"]
    inside = config.get("scheme", "iobes") if corpus.scheme else None
    tags = [s.tags or [] for s in train]
    if inside and corpus.scheme:
        tags = [schemes.convert(t, corpus.scheme, inside) for t in tags]
    found = Vocabulary.learn(
        train if recipe.frames is None else (),
        tags,
        config.get("features", []),
        scheme=inside,
        lowercase=config.get("lowercase", True),
        fold_digits=config.get("fold_digits", True),
        min_count=config.get("min_count", 1),
        by_character=bool(config.get("characters")),
    )
    if inside:  # every part of a span, though the training split may lack one
        names = {name for prefix, name in map(schemes.divide, found.labels) if prefix not in ("", "O")}
        parts = "BIES" if inside == "iobes" else "BI"
        whole = {f"{p}-{name}" if name else p for name in names for p in parts}  # one kind of span needs no name
        found = replace(found, labels=sorted({*found.labels, "O", *whole}))
    if recipe.data.vectors:
        found = with_vectors(found, recipe.data, recipe.base)
    return found


def _splitting(corpus: dataset.Corpus) -> Mapping[str, Any]:
    """How the model is to find its words in raw text."""
    if corpus.restore:
        return {"restore": corpus.restore}
    pairs = [(s.text, s.spread()) for s in corpus.splits["train"][:FITTED]]
    fitted = words.fit(pairs)
    about = {"rule": fitted.rule.to_dict(), "agreement": round(fitted.agreement, 4)}
    console.say(f"the rule for raw text finds the training split's words with F1 {fitted.agreement:.4f}", level=1)
    return {**about, "differing": fitted.differing}


def _count(kind: Any, config: Any, corpus: dataset.Corpus, vocabulary: Vocabulary) -> Any:
    """Fit a counted tagger."""
    train = corpus.splits["train"]
    with console.progress("counting", sum(len(s.words) for s in train), " tokens") as advance:

        def labelled() -> Any:
            for s in train:
                tags = vocabulary.as_labels(s.tags or [], corpus.scheme)
                yield s.words, [vocabulary.label_ids[tag] for tag in tags]

        return kind.Model.fit(labelled(), len(vocabulary.labels), config, advance)
