"""Tagging: a label for every word, or every character, of a sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np

from seqcli import console, edit_trees, ops, registry, schemes, words
from seqcli.artifact import Artifact
from seqcli.closing import Baseline, Ending, Headline
from seqcli.datasets import framed
from seqcli.datasets.batch import STEPS, up, word_batch
from seqcli.datasets.buckets import Buckets
from seqcli.datasets.targets import Target
from seqcli.datasets.vectors import with_vectors
from seqcli.datasets.vocabulary import Vocabulary, of_each
from seqcli.errors import SeqcliError, UsageError, did_you_mean
from seqcli.frames import Frames
from seqcli.recipe.schema import Recipe
from seqcli.records import TAGGED, Options, Sentence
from seqcli.task import BaseTask, State, adapted, beginning, without_stdin
from seqcli.tasks.tagging import data as dataset
from seqcli.tasks.tagging.predict import Tagger
from seqcli.tasks.tagging.raw import Words
from seqcli.tasks.tagging.score import Report, evaluate, fitted, headline, summary
from seqcli.tasks.tagging.tags import aimed

KEPT = ("dropout", "variational", "word_dropout", "targets")  # model keys that fine-tuning takes from its recipe
OFTEN = 2  # times that an edit of a word must be in the training split to be a label
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
        if corpus.targets and not hasattr(recipe.model, "targets"):
            said = f"data.tag: a {recipe.model.kind} has one target, not {len(corpus.targets)}"
            raise UsageError(said, hint="train one for each")
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
            "data": corpus.facts([*vocabulary.features, *vocabulary.further]),
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
        it `features` (F, T, B), `tags` (T, B), and of further targets theirs, `further` (·, T, B)."""
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
        further = np.zeros((len(v.further), *tags.shape), np.int64)
        for b, s in enumerate(sentences):
            tags[: len(s.words), b], *others = self._labels(s)
            for f, ids in enumerate(others):
                further[f, : len(s.words), b] = ids
            for f, name in enumerate(v.features):
                features[f, : len(s.words), b] = v.feature_ids(name, s.features[name])
        return {**made, "features": features, "tags": tags, **({"further": further} if v.further else {})}

    def _labels(self, sentence: Sentence) -> list[list[int]]:
        """The labels of each target; -1 for a rare edit."""
        return [
            _ids(v, aimed(sentence, name), self.corpus.schemes.get(name, self.corpus.scheme))
            for name, v in self._each.items()
        ]

    @cached_property
    def _each(self) -> dict[str, Vocabulary]:
        return of_each(self.vocabulary)

    def size(self, batch: dict[str, np.ndarray]) -> int:
        return int(batch["lengths"].sum())

    def loss(self, model: Any, batch: dict[str, np.ndarray], state: State, rng: Any) -> tuple[Any, State]:
        return model.loss({name: ops.put(a, model.output_bias) for name, a in batch.items()}, rng), ()

    def predictor(self, model: Any) -> Tagger:
        found, own = Words.of(self.header), self.corpus.schemes
        return Tagger(model, self.vocabulary, self.corpus.scheme, 1.0, found, self.frames, own)

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
        labels = [f"{len(v.labels)} labels{scheme}"]
        if v.further:
            labels = [f"{name} {len(own.labels):,} labels" for name, own in self._each.items()]
        return f"{self.corpus.name}: {splits}; {', '.join(labels)}, {len(v.words):,} words"

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
            ending.predictor, ending.header["decoding"] = fitted(ending.predictor, valid)
            own = [ending.predictor.temperature, *ending.predictor.temperatures.values()]
            said = ", ".join(f"{t:.3f}" for t in own)
            console.say(f"temperature of the probabilities, fitted on valid: {said}", level=1)
        return ending

    def figures(self, report: Report) -> str:
        if report.targets:
            each = (f"{name}: {self.figures(own)}" for name, own in report.targets.items())
            return "\n  ".join([summary(report.metrics), *each])
        return f"{summary(report.metrics)}, calibration error {report.metrics['calibration-error']:.4f}"

    def baseline(self, split: str) -> Baseline | None:
        """Give each word its most frequent tag."""
        name = "frequency-tagger"
        if self.recipe.model.kind == name:
            return None
        kind, figures = registry.load("models", name), []
        for target, v in self._each.items():
            corpus = self.corpus.of(target)
            counted, found = _count(kind, kind.Config(), corpus, v), Words.of(self.header)
            tagger = Tagger(counted, v, corpus.scheme, words=found)
            report = evaluate(tagger, corpus.splits[split], probabilities=False)
            figures.append(report.metrics[headline(tagger)])
        return Baseline(name, "the most-frequent-tag baseline", float(np.mean(figures)), "train longer")

    def example(self, predictor: Tagger) -> str:
        pool = [s for s in self.splits.get("valid", self.splits["train"]) if 4 <= len(s.words) <= 60]
        if not pool:
            return ""
        answer = predictor.answer([pool[0]])[0]
        text = answer.text
        if text is None:
            form = "conll" if answer.further else "word-tag"
            options = Options(TAGGED, gold=False)
            text = registry.load("records", form).Writer(options).write(replace(pool[0], raw=None), answer)
            text = text.rstrip("\n").replace("\n", "\n  ")
        return f"an example:\n  {text}"

    def use(self) -> str:
        text = "your text here" if self.frames is None else self.frames.sample
        if self.corpus.restore:
            text = registry.load("restoration", self.corpus.restore).lost("This is a text, isn't it?")
        return f'echo "{text}" | seqcli tag -m MODEL'


def _ids(vocabulary: Vocabulary, s: Sentence, scheme: str | None) -> list[int]:
    """The labels of a sentence's tags; -1 for a rare edit of a word."""
    labels, known = vocabulary.as_labels(s.tags or [], scheme, s.words), vocabulary.label_ids
    return [known.get(label, -1) for label in labels] if vocabulary.edits else [known[label] for label in labels]


def _check_columns(corpus: dataset.Corpus, features: list[str]) -> None:
    """Raise SeqcliError where a sentence lacks a column that the model is to read, or where that is a target."""
    if both := [name for name in features if name in corpus.targets]:
        raise UsageError(f"model.features: {both[0]} is a target (data.tag): it cannot be read too")
    for name in features:
        for s in (s for sentences in corpus.splits.values() for s in sentences):
            if name not in s.features:
                known = did_you_mean(name, s.features) or "the data has no further columns"
                hint = f"{known}\nmodel.features names columns beside the words and the tags"
                raise SeqcliError(f"{s.place(0)}: there is no column {name!r}", hint=hint)


def _check_labels(corpus: dataset.Corpus, vocabulary: Vocabulary, stored: Artifact) -> None:
    """Raise SeqcliError where a tag of the training split is none of a stored model's labels."""
    if corpus.targets != (list(vocabulary.slices) if vocabulary.further else []):
        named = ", ".join(vocabulary.slices) if vocabulary.further else "one target"
        raise UsageError(f"{stored.path} has {named}: data.tag names others", hint="a model keeps its targets")
    for name in corpus.schemes:
        _check_labels(replace(corpus.of(name), schemes={}), vocabulary.only(name), stored)
    if (corpus.scheme is None) != (vocabulary.scheme is None):
        has, lacks = ("the data", "the model's") if corpus.scheme else (f"{stored.path}", "the data's")
        raise UsageError(f"the tags of {has} are spans, {lacks} are not", hint="see data.scheme")
    for s in corpus.splits["train"]:
        tags = s.tags or []
        for t, tag in enumerate(() if vocabulary.edits else vocabulary.as_labels(tags, corpus.scheme)):
            if tag not in vocabulary.label_ids:
                raise SeqcliError(
                    f"{s.place(t, tag=True)}: {stored.path} has no label for the tag {tags[t]!r}",
                    hint=f"a model keeps its labels: {', '.join(vocabulary.labels[:20])}; train a new one instead",
                )


def _learn(corpus: dataset.Corpus, recipe: Recipe) -> Vocabulary:
    """What the training split has, and the vectors of its words."""
    config, train = recipe.model.model_dump(), corpus.splits["train"]
    first, *others = [_labels_of(corpus.of(name), name, config) for name in corpus.targets or [""]]
    found = Vocabulary.learn(
        train if recipe.frames is None else (),
        [first.labels],
        config.get("features", []),
        scheme=first.scheme,
        lowercase=config.get("lowercase", True),
        fold_digits=config.get("fold_digits", True),
        min_count=config.get("min_count", 1),
        by_character=bool(config.get("characters")),
    )
    found = replace(found, edits=first.edits)
    if others:
        further = dict(zip(corpus.targets[1:], others, strict=True))
        found = replace(found, target=corpus.targets[0], further=further)
    if recipe.data.vectors:
        found = with_vectors(found, recipe.data, recipe.base)
    return found


def _labels_of(corpus: dataset.Corpus, name: str, config: Mapping[str, Any]) -> Target:
    """The labels of a target, of the training split."""
    train = corpus.splits["train"]
    if name in corpus.edits:
        counts = Counter(edit for s in train for edit in edit_trees.scripts(s.words, s.tags or []))
        often = {edit for edit, n in counts.items() if n >= OFTEN}
        return Target(sorted({*often, edit_trees.UNCHANGED}), edits=True)
    inside = config.get("scheme", "iobes") if corpus.scheme else None
    tags = [s.tags or [] for s in train]
    if not inside or not corpus.scheme:
        return Target(sorted({tag for own in tags for tag in own}))
    labels = {tag for own in tags for tag in schemes.convert(own, corpus.scheme, inside)}
    names = {name for prefix, name in map(schemes.divide, labels) if prefix not in ("", "O")}
    parts = "BIES" if inside == "iobes" else "BI"  # every part of a span, though the training split may lack one
    whole = {f"{p}-{name}" if name else p for name in names for p in parts}  # one kind of span needs no name
    return Target(sorted({*labels, "O", *whole}), inside)


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
                pairs = zip(s.words, _ids(vocabulary, s, corpus.scheme), strict=True)
                kept = [(word, label) for word, label in pairs if label >= 0]
                yield [word for word, _ in kept], [label for _, label in kept]

        return kind.Model.fit(labelled(), len(vocabulary.labels), config, advance)
