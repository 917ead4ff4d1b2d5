"""Train taggers: a label for every word, or every character, of a sentence."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np

from seqcli import console, ops, registry
from seqcli.artifact import Artifact
from seqcli.closing import Baseline, Ending, Headline
from seqcli.datasets import framed
from seqcli.datasets.batch import STEPS, up, word_batch
from seqcli.datasets.buckets import Buckets
from seqcli.datasets.replay import SPLIT as REPLAY
from seqcli.datasets.replay import share_of
from seqcli.datasets.vocabulary import Vocabulary, of_each
from seqcli.errors import SeqcliError, UsageError, did_you_mean
from seqcli.former import Former, replaying
from seqcli.frames import Frames
from seqcli.growing import lacking, of_vocabulary
from seqcli.reader import known, of_recipe, to_artifact, with_reader
from seqcli.recipe.schema import Recipe
from seqcli.records import TAGGED, Options, Sentence
from seqcli.task import (
    BaseTask,
    State,
    adapted,
    beginning,
    grows,
    say_lacking,
    with_readers,
    without_stdin,
    without_vectors,
)
from seqcli.tasks.tagging import data as dataset
from seqcli.tasks.tagging.labels import Labels
from seqcli.tasks.tagging.learning import count, label_ids, learn, rule_for_words
from seqcli.tasks.tagging.partial import Meaning
from seqcli.tasks.tagging.predict import Tagger
from seqcli.tasks.tagging.raw import Words
from seqcli.tasks.tagging.score import Report, evaluate, fitted, headline, summary
from seqcli.tasks.tagging.tags import aimed, in_schemes

KEPT = ("dropout", "variational", "word_dropout", "targets")  # model keys that fine-tuning takes from its recipe
SENTENCES, TEXTS = ("sentences", "tokens", "words"), ("texts", "characters", "characters")  # names of counted units


@dataclass
class Task(BaseTask):
    """The task of tagging: sentences with tags, and a model of the tags."""

    checked: ClassVar = {"probabilities": False}

    corpus: dataset.Corpus = None  # type: ignore[assignment]
    vocabulary: Vocabulary = None  # type: ignore[assignment]
    buckets: Buckets = None  # type: ignore[assignment]  # of a gradient-trained kind
    frames: Frames | None = None

    @classmethod
    def prepare(
        cls, recipe: Recipe, saved: Artifact | None, start: Artifact | None, former: Former | None = None
    ) -> Self:
        corpus = dataset.open_corpus(recipe.data, recipe.base, numbers=recipe.frames is not None)
        corpus = replaying(corpus, recipe, former)
        recipe = without_stdin(recipe, corpus.files["train"][0])
        recipe = adapted(recipe, start, KEPT, "the vocabulary")
        _check_columns(corpus, getattr(recipe.model, "features", []))
        if corpus.targets and not hasattr(recipe.model, "targets"):
            said = f"data.tag: a {recipe.model.kind} has one target, not {len(corpus.targets)}"
            raise UsageError(said, hint="train one model for each target")
        if recipe.frames is not None and recipe.frames.augment.shift:
            raise UsageError(
                "frames.augment.shift: each frame has its own tag, which a shift would not move",
                hint="remove it",
            )
        frames = framed.of_corpus(recipe, corpus, saved or start)
        if getattr(recipe.model, "reader", []) and (frames or corpus.restore):
            what = "frames" if frames else f"data.restore: {corpus.restore}"
            raise UsageError(f"model.reader reads words of a text; this recipe has {what}", hint="remove it")
        if stored := saved or start:
            before, splitting = known(stored), stored.header["splitting"]
            vocabulary = before.grown(learn(corpus, without_vectors(recipe))) if start else before
            if start and not grows(start, former):
                lacks, vocabulary = lacking(before, vocabulary), before
                say_lacking(former, lacks)
            _check_labels(corpus, vocabulary, stored)
        else:
            vocabulary, splitting = learn(corpus, recipe), {"vectors": True} if frames else rule_for_words(corpus)
            vocabulary = replace(vocabulary, dimensions=frames.dimensions) if frames else vocabulary
            vocabulary = with_reader(vocabulary, of_recipe(recipe.model, corpus.splits))
        if recipe.data.partial:
            whose = f"{stored.path} has" if stored else "the training split has"
            own = Labels(vocabulary.labels, vocabulary.scheme, corpus.scheme)
            meaning = Meaning(own)
            meaning.check([*corpus.splits["train"], *corpus.earlier], whose)
            meaning.check_spans(corpus.splits.get("valid", ()), "the validation split")
        growth = of_vocabulary(before, vocabulary) if grows(start, former) else None
        model, t = beginning(recipe, vocabulary, start, growth), recipe.train
        if vocabulary.reader and not (t and t.reads_anew):
            vocabulary.reader.attach({s: r for s, r in corpus.splits.items() if s != "test"})
        model = with_readers(model, vocabulary.reader, t)
        earlier = corpus.pieces(REPLAY)
        own = corpus.pieces("train")
        buckets = Buckets(own, t.batch_size, t.seed, earlier, share_of(recipe.data)) if t else None
        header, arrays = to_artifact(vocabulary)
        header["data"] = corpus.facts([*vocabulary.features, *vocabulary.further])
        header["splitting"] = splitting
        if frames is not None:
            header["frames"], own = frames.stored()
            arrays |= own
        return cls(recipe, model, header, arrays, corpus, vocabulary, buckets, frames, growth=growth)  # type: ignore[arg-type]

    # batches

    @property
    def batches(self) -> int:  # type: ignore[override]
        return self.buckets.batches

    def batch(self, epoch: int, index: int) -> Any:
        """Return the input of `models/tagger.py` for B sentences, padded to T words or frames: what
        `ReadsWords.inputs` reads, `features` (F, T, B), `tags` (T, B), and for further targets `further` (·, T, B);
        for partly known tags `allowed` (T, B, K), true for allowed labels, replaces `tags`."""
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
            if v.states:
                made |= self.read(v.reader, sentences, steps, (epoch, index))
        tags = np.zeros((steps, len(sentences)), np.int64)
        features = np.zeros((len(v.features), *tags.shape), np.int64)
        further = np.zeros((len(v.further), *tags.shape), np.int64)
        if self.corpus.config.partial:
            made["allowed"] = np.ones((*tags.shape, v.width), bool)
        for b, s in enumerate(sentences):
            for f, name in enumerate(v.features):
                features[f, : len(s.words), b] = v.feature_ids(name, s.features[name])
            if self.corpus.config.partial:
                made["allowed"][: len(s.words), b] = self.meaning.of(s.tags or []).allowed
                continue
            tags[: len(s.words), b], *others = self._labels(s)
            for f, ids in enumerate(others):
                further[f, : len(s.words), b] = ids
        return {**made, "features": features, "tags": tags, **({"further": further} if v.further else {})}

    def _labels(self, sentence: Sentence) -> list[list[int]]:
        """Return the labels of each target; -1 for a rare edit."""
        return [
            label_ids(v, aimed(sentence, name), self.corpus.schemes.get(name, self.corpus.scheme))
            for name, v in self._each.items()
        ]

    @cached_property
    def meaning(self) -> Meaning:
        """The meaning of partly known tags in terms of the model's labels."""
        return Meaning(Labels(self.vocabulary.labels, self.vocabulary.scheme, self.corpus.scheme))

    @cached_property
    def _each(self) -> dict[str, Vocabulary]:
        return of_each(self.vocabulary)

    def size(self, batch: dict[str, np.ndarray]) -> int:
        return int(batch["lengths"].sum())

    def weight(self, batch: dict[str, np.ndarray]) -> float:
        """Return the number of tokens whose tag is known at least in part."""
        return int((~batch["allowed"].all(-1)).sum()) if "allowed" in batch else self.size(batch)

    def loss(self, model: Any, batch: dict[str, np.ndarray], state: State, rng: Any) -> tuple[Any, State]:
        return model.loss({name: ops.put(a, model.output_bias) for name, a in batch.items()}, rng), ()

    def predictor(self, model: Any) -> Tagger:
        found, own = Words.of(self.header), self.corpus.schemes
        partial = self.corpus.config.partial
        return Tagger(model, self.vocabulary, self.corpus.scheme, 1.0, found, self.frames, own, partial=partial)

    def count(self, kind: Any) -> Any:
        return count(kind, kind.Config(**self.recipe.model.model_dump()), self.corpus, self.vocabulary)

    # what a person sees

    def opening(self) -> str:
        texts, tokens, words = TEXTS if self.corpus.restore else SENTENCES
        splits = ", ".join(
            f"{split} {len(s):,} {texts} of {sum(len(x.words) for x in s):,} {tokens}"
            for split, s in self.corpus.splits.items()
        )
        v = self.vocabulary
        scheme = f" ({v.scheme} inside, {self.corpus.scheme} in the data)" if v.scheme else ""
        labels = [f"{len(v.labels)} labels{scheme}"]
        if v.further:
            labels = [f"{name} {len(own.labels):,} labels" for name, own in self._each.items()]
        return f"{self.corpus.name}: {splits}; {', '.join(labels)}, {len(v.words):,} {words}"

    def details(self) -> list[str]:
        v, (texts, tokens, words) = self.vocabulary, TEXTS if self.corpus.restore else SENTENCES
        inside = "" if self.corpus.restore else f", characters: {len(v.characters):,}"
        lines = [f"labels: {', '.join(v.labels)}", f"{words}: {len(v.words):,}{inside}"]
        for split, sentences in self.corpus.splits.items():
            lines.append(f"{split}: {len(sentences):,} {texts}, {sum(len(s.words) for s in sentences):,} {tokens}")
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

    def scored_on(self, predictor: Tagger, corpus: dataset.Corpus, split: str) -> Report:
        data = predictor.header["data"]
        how = (data["scheme"], data.get("schemes", {}), corpus.called(split))
        sentences = in_schemes(corpus.splits[split], *how, partial=corpus.config.partial)
        return super().scored_on(predictor, replace(corpus, splits={split: sentences}), split)

    def figures(self, report: Report) -> str:
        if report.targets:
            each = (f"{name}: {self.figures(own)}" for name, own in report.targets.items())
            return "\n  ".join([summary(report.metrics), *each])
        found = report.metrics.get("calibration-error")  # absent if no label is certain
        return summary(report.metrics) + ("" if found is None else f", calibration error {found:.4f}")

    def baseline(self, split: str) -> Baseline | None:
        """Score a tagger that gives each word its most frequent tag."""
        name = "frequency-tagger"
        if self.recipe.model.kind == name:
            return None
        kind, figures = registry.load("models", name), []
        for target, v in self._each.items():
            corpus = self.corpus.of(target)
            counted, found = count(kind, kind.Config(), corpus, v), Words.of(self.header)
            tagger = Tagger(counted, v, corpus.scheme, words=found, partial=corpus.config.partial)
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


def _check_columns(corpus: dataset.Corpus, features: list[str]) -> None:
    """Raise SeqcliError if a sentence lacks a column that the model reads, or if such a column is a target."""
    if both := [name for name in features if name in corpus.targets]:
        raise UsageError(f"model.features: {both[0]} is a target (data.tag) and cannot be an input too")
    for name in features:
        for s in (s for sentences in corpus.splits.values() for s in sentences):
            if name not in s.features:
                known = did_you_mean(name, s.features) or "the data has no further columns"
                hint = f"{known}\nmodel.features names columns besides the words and the tags"
                raise SeqcliError(f"{s.place(0)}: there is no column {name!r}", hint=hint)


def _check_labels(corpus: dataset.Corpus, vocabulary: Vocabulary, stored: Artifact) -> None:
    """Raise SeqcliError if a tag of the training split is not among a stored model's labels."""
    if corpus.targets != (list(vocabulary.slices) if vocabulary.further else []):
        named = ", ".join(vocabulary.slices) if vocabulary.further else "one target"
        raise UsageError(f"{stored.path} has {named}, but data.tag names others", hint="a model keeps its targets")
    for name in corpus.schemes:
        _check_labels(replace(corpus.of(name), schemes={}), vocabulary.only(name), stored)
    if (corpus.scheme is None) != (vocabulary.scheme is None):
        has, lacks = ("the data", "the model's") if corpus.scheme else (f"{stored.path}", "the data's")
        raise UsageError(f"the tags of {has} are spans, but {lacks} are not", hint="see data.scheme")
    checked = [s for split in ("train", REPLAY) for s in corpus.splits.get(split, ())]
    for s in () if corpus.config.partial else checked:
        tags = s.tags or []
        for t, tag in enumerate(() if vocabulary.edits else vocabulary.as_labels(tags, corpus.scheme)):
            if tag not in vocabulary.label_ids:
                raise SeqcliError(
                    f"{s.place(t, tag=True)}: {stored.path} has no label for the tag {tags[t]!r}",
                    hint=f"a model keeps its labels: {', '.join(vocabulary.labels[:20])}; --grow adds new ones",
                )
