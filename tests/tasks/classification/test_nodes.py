"""Labels of nodes: where each stands in the text, and that the root's is the text's own."""

from __future__ import annotations

import numpy as np
import pytest

from seqcli.datasets.vocabulary import Vocabulary
from seqcli.errors import UsageError
from seqcli.models.recursive import Config, Model
from seqcli.records import LABELLED, Example, Options
from seqcli.records.trees import Reader
from seqcli.streams import Chunk
from seqcli.tasks.classification.predict import Classifier, Settings
from seqcli.tasks.classification.reading import Reading
from seqcli.tokenizers.word import Tokenizer


def classifier() -> Classifier:
    words = ["it", "was", "not", "good"]
    vocabulary = Vocabulary(words, [], {}, ["bad", "good"], lowercase=True, fold_digits=False)
    model = Model.create(Config(embedding=5, hidden=4), vocabulary, np.random.default_rng(3))
    return Classifier(model, vocabulary, Reading(Tokenizer(words, True, "rule"), 100), temperature=1.7)


def test_every_node_has_its_place_and_label() -> None:
    own = classifier()
    reader = Reader(Options(LABELLED))
    (example,) = list(reader.feed(Chunk("(bad (x It) (bad (x was) (bad (x not) (good good))))\n", "f", 1))) + list(
        reader.close()
    )
    example = own.ready(example)
    (answer,) = own.answer([example], Settings(nodes=True))
    assert answer.nodes is not None
    shown = [example.text[start:end] for start, end, _, _ in answer.nodes]
    assert shown == ["It", "was", "not", "good", "not good", "was not good", "It was not good"]
    assert answer.nodes[-1][2:] == answer.ranking[0]
    assert all(0.5 <= p <= 1 for *_, p in answer.nodes)  # of two labels
    assert answer == own.answer([example])[0]._replace(nodes=answer.nodes)


def test_raw_text_is_a_tree_of_its_words() -> None:
    own = classifier()
    example = own.ready(Example("It wasn't  good."))
    nodes = own.nodes(example)
    leaves = [example.text[a:b] for a, b, _, _ in nodes if " " not in example.text[a:b]]
    assert {"It", "was", "n't", "good", "."} <= set(leaves)
    assert nodes[-1][:2] == (0, len(example.text))
    assert len(nodes) == 2 * 5 - 1
    assert own.nodes(own.ready(Example(" "))) == []


def test_other_models_have_none(lab) -> None:
    with pytest.raises(UsageError, match="no labels at nodes"):
        lab.lookup([[0.0, 1.0, 2.0]]).answer(lab.texts(["bad"]), Settings(nodes=True))
