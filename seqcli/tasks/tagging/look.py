"""Look into a tagger: its network, sentence by sentence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from seqcli import ops
from seqcli.errors import SeqcliError
from seqcli.insight.flow import Unrolled, embeddings, network
from seqcli.insight.why import Asked
from seqcli.records import Sentence, spaced
from seqcli.tasks.tagging.predict import Tagger


def unrolled(own: Tagger, records: Sequence[Sentence], steps: int, rows: int, *, recurrent: bool = True) -> Unrolled:
    """Unroll the network over the first `steps` words of sentences that have as many, or over the longest sentences.
    The losses are those of the tags that the model predicts for each word by itself; of several targets the first."""
    own = own.first
    model = network(own, recurrent=recurrent)
    sentences = [own.ready(own.prepare(record, own.settings())) for record in records]
    steps = min(steps, max((len(s.words) for s in sentences), default=0))
    chosen = [s for s in sentences if len(s.words) >= steps][:rows]
    if steps < 2:
        raise SeqcliError("a sentence needs at least two words to be looked at")
    x = np.stack([of_words(model, s, steps) for s in chosen], axis=1)
    ids = np.stack([np.array([own.vocabulary.label_ids[t] for t in _labels(own, s)[:steps]]) for s in chosen], axis=1)

    def losses(bound: Any, y: Any) -> Any:
        logits = ops.linear(y, bound.output_weight, bound.output_bias)
        flat = ops.integers(ids.reshape(-1), y)
        return ops.cross_entropy(logits.reshape(-1, logits.shape[-1]), flat).reshape(ids.shape)

    return Unrolled(model, x, losses)


def of_words(model: Any, sentence: Sentence, steps: int) -> np.ndarray:
    """Return the stack's input (T, I) for the first words."""
    parts = [model.of_words(sentence.words[:steps])]
    parts += [own[:steps] for own in model.states([sentence])]
    for table, name in zip(model.features, model.vocabulary.features, strict=True):
        parts.append(table[model.vocabulary.feature_ids(name, sentence.features[name][:steps])])
    return np.concatenate(parts, axis=1)


def _labels(own: Tagger, sentence: Sentence) -> list[str]:
    """Return the most probable label of each word by its emission alone."""
    (_, emissions, _, _), *_ = own.scores([sentence])
    return [own.vocabulary.labels[k] for k in emissions[0].argmax(axis=1).tolist()]


def why(own: Tagger, records: Iterable[Sentence], most: int) -> Asked:
    """Ask about the tags of the first sentence of 2 to `most` words, each by itself; by default the least certain."""
    own = own.first
    network(own, recurrent=False)
    for record in records:
        sentence = own.ready(own.prepare(record, own.settings()))
        if lacking := set(own.vocabulary.features) - set(sentence.features):
            raise SeqcliError(
                f"this model reads {', '.join(sorted(lacking))} besides the words: the text has no such column",
                hint="give a file that has it",
            )
        if 2 <= len(sentence.words) <= most:
            text, places = spaced(sentence.words)
            tags = [f"{word}: {tag}" for word, tag in zip(sentence.words, _labels(own, sentence), strict=True)]
            return Asked(text, places, unrolled(own, [record], most, 1, recurrent=False), None, tags)
    raise SeqcliError(f"no sentence of 2 to {most:,} words to look at")


def table(own: Tagger) -> tuple[list[str], np.ndarray]:
    """Return the words and their embeddings."""
    return ["<unknown>", *own.vocabulary.words], embeddings(own)
