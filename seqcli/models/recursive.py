"""Recursive network: every node of a tree gets a state, computed from its children's, and a label from that state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, Field

from seqcli import console, layers, ops
from seqcli.datasets.vocabulary import UNKNOWN, Vocabulary
from seqcli.layers import objective
from seqcli.layers.blank import Rng
from seqcli.layers.tree import CELLS, PARTS, Forest, State, TreeCell
from seqcli.models._base import ClassWeights, Rate, Size
from seqcli.models._words import ReadsWords, table
from seqcli.ops import Array
from seqcli.records import Example
from seqcli.records.trees import Tree, balanced, right_branching

TASK = "classification"
VERBS = ("classify", "eval", "embed")
TRAINED = "gradient"

NAMES = ("ids", "vectors", *PARTS, "nodes", "labels", "weights", "total")  # the parts of a batch
TOGETHER = 4096  # words read at once: bounds the memory


class Config(BaseModel, extra="forbid"):
    """Recipe keys of `model: {kind: recursive}`."""

    kind: Literal["recursive"] = "recursive"
    cell: Literal["rnn", "child-sum", "binary"] = "binary"  # rnn is the plain network, the others are Tree-LSTMs
    embedding: Size = 300  # E: of words
    hidden: Size = 150  # H
    dropout: Rate = 0.0  # of the inputs of leaves and of the softmax
    word_dropout: Rate = 0.0  # of a batch's words, which become unknown
    label_smoothing: Rate = 0.0  # share of the target probability spread evenly over all labels
    class_weights: ClassWeights = "none"  # balanced: rare labels count more, common ones less; or {label: weight}
    node_loss: Annotated[float, Field(ge=0)] = 1.0  # weight of the loss at each node but the root; 1: like the root
    fallback: Literal["balanced", "right"] = "balanced"  # the tree of a text that comes without one


@dataclass(frozen=True)
class Model(ReadsWords):
    """A model softmax(W h_n + b) at every node n; the label of a text is that of its root. Letters: see
    `layers/tree.py`; V words, D dimensions of their vectors, K labels."""

    embedding: Array  # (V + 1, E)
    tree: TreeCell
    output_weight: Array  # (K, H)
    output_bias: Array  # (K,)
    config: Config = layers.static()
    vocabulary: Vocabulary = layers.static()

    kind = "recursive"
    characters = None

    @classmethod
    def create(cls, config: Config, vocabulary: Vocabulary, rng: Rng) -> Model:
        bound = np.sqrt(1.0 / config.hidden)
        return cls(
            embedding=table(vocabulary, config.embedding, rng, unknown_is_trained=config.word_dropout > 0),
            tree=CELLS[config.cell].create(config.embedding + vocabulary.vectors.shape[1], config.hidden, rng),
            output_weight=rng.uniform(-bound, bound, (len(vocabulary.labels), config.hidden)).astype(np.float32),
            output_bias=np.zeros(len(vocabulary.labels), np.float32),
            config=config,
            vocabulary=vocabulary,
        )

    # the forward pass, written once for training (torch) and inference (NumPy)

    def leaves(self, ids: Array, vectors: Array, rng: Any = None) -> State:
        """Return the states of words: ids (L,), vectors (L, D) -> arrays (L, H)."""
        return self.tree.leaf(self.drop(self.words(ids, vectors), rng))

    def scores(self, h: Array, rng: Any = None) -> Array:
        """Return logits (M, K) of states h (M, H)."""
        return ops.linear(self.drop(h, rng), self.output_weight, self.output_bias)

    @property
    def dropout(self) -> float:  # type: ignore[override]
        return self.config.dropout

    def loss(self, batch: Mapping[str, Array], rng: Any = None) -> Array:
        """Return the weighted mean loss in nats over the batch's labelled nodes: see `prepare_batch`."""
        h = self.tree.read(self.leaves(batch["ids"], batch["vectors"], rng), batch)
        logits = self.scores(ops.embedding(batch["nodes"], h), rng)
        nats = objective.nats(logits, batch["labels"], smoothing=self.config.label_smoothing)
        return (nats * batch["weights"]).sum()

    # inference on NumPy

    def logits(self, examples: Sequence[Example]) -> np.ndarray:
        """Return the logits (N, K) at the roots, in nats up to a constant for each row; each row is independent of
        the others, to the last bit. A text without a tree gets the fallback tree."""
        return self.scores(self.summary(examples))

    def summary(self, examples: Sequence[Example]) -> np.ndarray:
        """Return the states (N, H) at the roots, from which their labels are predicted."""
        _remark(examples, self.config)
        found = [np.zeros((0, self.output_weight.shape[1]), np.float32)]
        for trees in _grouped(tree_of(example, self.config) for example in examples):
            forest = Forest.build(trees, binary=self.tree.arity == 2)
            found.append(self._states(forest)[forest.roots])
        return np.concatenate(found)

    def node_logits(self, example: Example) -> list[tuple[Tree, np.ndarray]]:
        """Return each node of the example's own or fallback tree, in post-order, with its logits (K,)."""
        tree = tree_of(example, self.config)
        forest = Forest.build([tree], binary=self.tree.arity == 2)
        return list(zip(tree.nodes(), self.scores(self._states(forest)[forest.nodes]), strict=True))

    def _states(self, forest: Forest) -> np.ndarray:
        """Return h (N, H) of every row; the state of each different word is computed once."""
        places: dict[str, int] = {}
        index = np.array([places.setdefault(word, len(places)) for word in forest.words], np.int64)
        states = self.tree.leaf(self.of_words(list(places)))
        return self.tree.read(tuple(x[index] for x in states), forest.arrays())


def prepare_batch(
    examples: Sequence[Example],
    label_id: Callable[[str], int],
    vocabulary: Vocabulary,
    rng: np.random.Generator | None = None,
    *,
    config: Config,
    label_weights: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Return the parts of a batch that `Model.loss` reads, by NAMES, from B examples with trees or with words and a
    label.

    ids (L,) and vectors (L, D) of words, the Forest's PARTS, and for the M nodes with a label: their rows, labels and
    weights (M,), normalised to sum to 1 (a root weighs 1, another node `node_loss`, each times its label's weight
    (K,)), and the sum of the weights before.

    `label_id` returns a label's id, -1 for none: such a node has no loss. A root takes the example's own label if it
    has one. `rng` draws the words that become unknown; without it none do.
    """
    trees = [tree_of(example, config) for example in examples]
    forest = Forest.build(trees, binary=config.cell != "child-sum")
    _remark(examples, config, forest.changed)
    ids = vocabulary.word_ids(forest.words)
    if rng is not None and config.word_dropout:
        ids = np.where(rng.random(len(ids)) < config.word_dropout, UNKNOWN, ids)
    place = cache(lambda name: label_id(name) if name else -1)
    labels: list[int] = []
    last = []
    for example, tree in zip(examples, trees, strict=True):
        names = [node.label for node in tree.nodes()]
        if example.labels:
            names[-1] = example.labels[0]
        labels += map(place, names)
        last.append(len(labels) - 1)
    gold = np.array(labels, np.int64)
    by_label = np.ones(len(vocabulary.labels), np.float32) if label_weights is None else label_weights
    weights = np.full(len(gold), config.node_loss, np.float32)
    weights[last] = 1.0
    weights *= by_label[gold]  # without a label, gold -1 takes the last weight: such nodes are dropped
    kept = np.flatnonzero((gold >= 0) & (weights > 0))
    weights = weights[kept]
    total = weights.sum()
    return {
        "ids": ids,
        "vectors": vocabulary.vector_rows(forest.words),
        **forest.arrays(),
        "nodes": forest.nodes[kept],
        "labels": gold[kept],
        "weights": weights / max(float(total), 1e-30),
        "total": total,
    }


def tree_of(example: Example, config: Config) -> Tree:
    """Return an example's own tree, or the fallback tree over its words; a single unknown word if it has none."""
    if example.tree is not None:
        return example.tree
    words = example.text.split() if example.words is None else example.words
    return (balanced if config.fallback == "balanced" else right_branching)(words)


def _remark(examples: Sequence[Example], config: Config, changed: int = 0) -> None:
    """Say, once per process, what happens to texts without a tree and to nodes that do not have two children."""
    if any(e.tree is None and (e.words or e.text.strip()) for e in examples):
        shape = {"balanced": "a balanced", "right": "a right-branching"}[config.fallback]
        _once(console.say, f"text without a tree is read as {shape} one (model.fallback)")
    if changed:
        _once(
            console.warn,
            f"some trees have nodes with one child or more than two, but model.cell {config.cell} reads two: "
            "a single child replaces its parent, more are folded to the left (child-sum reads any number)",
        )


@cache
def _once(say: Callable[[str], None], text: str) -> None:
    say(text)


def _grouped(trees: Iterable[Tree]) -> Iterator[list[Tree]]:
    """Yield trees in groups of about TOGETHER words."""
    run: list[Tree] = []
    words = 0
    for tree in trees:
        run.append(tree)
        words += len(tree.leaves())
        if words >= TOGETHER:
            yield run
            run, words = [], 0
    if run:
        yield run
