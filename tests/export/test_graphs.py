"""Models of every kind as graphs: what NumPy's interpreter and onnxruntime make of them is what the models give."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.cells import CELLS, OWN, known
from support.graphs import CNN, RNN, drawn, generator, near, proven, texts, vocabulary
from support.translators import codec

from seqcli import registry
from seqcli.datasets.vocabulary import Vocabulary
from seqcli.errors import SeqcliError, UsageError
from seqcli.export import onnx
from seqcli.export.graphs import Options, prove, recorded
from seqcli.graph.evaluate import run
from seqcli.models import bag, classifier, tagger
from seqcli.models import transformer_classification as attending_classifier
from seqcli.models import transformer_language_model as attending
from seqcli.models import transformer_tagging as attending_tagger
from seqcli.reader import Part, Reader, with_reader
from seqcli.records import MARK, Example, Sentence
from seqcli.tasks.classification.predict import Classifier
from seqcli.tasks.classification.reading import Reading
from seqcli.tasks.language_model.predict import Generator
from seqcli.tasks.tagging.predict import Tagger

# language models


@pytest.mark.parametrize(
    "keys",
    [
        *({"cell": cell, "layers": 2} for cell in CELLS if cell not in OWN),
        {"tied": True, "embedding": 5},
        {"embedding_rank": 2},
        {"embedding_rank": 2, "tied": True, "layers": 2},
        {"cell": [{"kind": "mingru", "block": True}, {"kind": "lstm", "block": True}], "layers": 3, "embedding": 5},
    ],
    ids=str,
)  # fmt: skip
def test_language_models_carry_their_state(keys: dict[str, Any], tmp_path: Path) -> None:
    own = generator(**keys)
    model, other = own.model, proven(own, tmp_path).model
    rng = np.random.default_rng(0)
    for batch in (1, 7):
        ids = rng.integers(0, model.vocabulary_size, (batch, 30))
        wanted, last = model.score(ids[:, :-1], ids[:, 1:], model.initial_state(batch))
        first, state = other.score(ids[:, :10], ids[:, 1:11], other.initial_state(batch))
        second, state = other.score(ids[:, 10:-1], ids[:, 11:], state)
        near(np.concatenate([first, second], axis=1), wanted)
        near(other.step(ids[:, -1], None, state)[0], model.step(ids[:, -1], None, last)[0])


@pytest.mark.parametrize(
    "keys", [{"tied": False}, {"positions": "learned", "norm": "post", "activation": "relu"}], ids=str
)
def test_language_models_of_attention_forget_in_windows(keys: dict[str, Any], tmp_path: Path) -> None:
    tokenizer = codec().source
    config = attending.Config(**{"size": 8, "heads": 2, "layers": 2, "window": 12, **keys})
    model = drawn(attending.Model.create(config, tokenizer.size, np.random.default_rng(0)))
    other, ids = proven(Generator(model, tokenizer), tmp_path).model, np.arange(80).reshape(2, 40) % tokenizer.size
    wanted, last = model.score(ids[:, :-1], ids[:, 1:], model.initial_state(2))
    first, state = other.score(ids[:, :17], ids[:, 1:18], other.initial_state(2))
    second, state = other.score(ids[:, 17:-1], ids[:, 18:], state)
    near(np.concatenate([first, second], axis=1), wanted)
    near(other.step(ids[:, -1], None, state)[0], model.step(ids[:, -1], None, last)[0])


def test_a_cell_that_nobody_has_exported_before(tmp_path: Path) -> None:
    with known():
        for cell in OWN:
            proven(generator_of(cell), tmp_path)


def generator_of(cell: str) -> Generator:
    from seqcli.layers.stack import Stack

    own = generator()
    return replace(own, model=replace(own.model, stack=drawn(Stack.create(cell, 4, [5], np.random.default_rng(0)))))


# classifiers and taggers


def classify(kind: Any = classifier, vectors: int = 0, many: bool = False, **keys: Any) -> Classifier:
    own, widths = (
        vocabulary(vectors=vectors),
        {classifier: {"hidden": 4}, bag: {}, attending_classifier: {"size": 4, "heads": 2}},
    )
    config = kind.Config(**{"embedding": 3, **widths[kind], **keys})
    model = drawn(kind.Model.create(config, own, np.random.default_rng(0)))
    return Classifier(model, own, Reading(codec("word").source, 100), multi_label=many, temperature=1.7)


@pytest.mark.parametrize(
    "keys",
    [
        *({"pooling": pooling} for pooling in ("last", "mean", "max", "attention")),
        {"pooling": "last", "bidirectional": False, "layers": 2, "cell": "slstm"},
        {"characters": CNN, "vectors": 2, "many": True},
        {"characters": RNN, "cell": "gru"},
        {"cell": {"kind": "rglru", "block": True}, "layers": 2},
        {"pair": "attend", "hops": 2},
        {"pair": "compare", "characters": RNN},
        {"pair": "compare", "kind": attending_classifier},
        {"kind": bag, "characters": CNN, "vectors": 2},
        {"kind": attending_classifier, "pooling": "mean", "layers": 2},
        {"kind": attending_classifier, "activation": "gelu", "norm": "post", "layers": 1, "size": 6, "heads": 3},
    ],
    ids=str,
)
def test_classifiers(keys: dict[str, Any], tmp_path: Path) -> None:
    own = classify(**keys)
    both = [[*text, MARK, "cat", *text[:2]] for text in texts()] if keys.get("pair") else texts()
    examples = [Example(" ".join(text), words=text) for text in both]
    other = proven(own, tmp_path)
    near(other.model.logits(examples), own.model.logits(examples))
    near(other.probabilities(examples), own.probabilities(examples))
    session = onnx.Session(tmp_path / ".onnx")
    assert session.outputs == ["logits", "probabilities"]


def test_a_linear_model_beside_the_network_is_left_out(capsys) -> None:
    task, own = registry.load("tasks/classification", "export"), classify()
    assert task.alone(own, scored=False) is own
    both = replace(own, beside=own.model, share=0.5, header={"data": {"splits": {}}})
    left = task.alone(both, scored=False)
    assert (left.beside, left.share, left.temperature) == (None, 0.0, own.temperature)
    assert "model.linear) is left out" in capsys.readouterr().err


def tag(
    kind: Any = tagger, features: bool = False, vectors: int = 0, scheme: str | None = None, **keys: Any
) -> Tagger:
    own = vocabulary(features, vectors, scheme)
    width = {"hidden": 4} if kind is tagger else {"size": 4, "heads": 2, "layers": 1}
    config = kind.Config(**{"embedding": 3, "characters": CNN, "features": list(own.features), **width, **keys})
    return Tagger(drawn(kind.Model.create(config, own, np.random.default_rng(0))), own, scheme)


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"features": True, "vectors": 2, "scheme": "iob2"},
        {"characters": RNN, "cell": "gru", "layers": 2},
        {"characters": {**CNN, "width": 1}},
        {"characters": None, "head": "softmax", "scheme": "iob2"},
        {"characters": None, "head": "softmax"},
        {"kind": attending_tagger, "features": True},
    ],
    ids=str,
)
def test_taggers_and_their_best_paths(keys: dict[str, Any], tmp_path: Path) -> None:
    own = tag(**keys)
    sentences = [
        Sentence(words=text, features={"pos": list("VN" * len(text))[: len(text)]}) for text in texts() if text
    ]
    other = proven(own, tmp_path, viterbi=True)
    words, columns = [s.words for s in sentences], [s.features for s in sentences]
    for found, wanted in zip(other.model.emissions(words, columns), own.model.emissions(words, columns), strict=True):
        near(found, wanted)
    answers = [own.answer([s])[0].tags for s in sentences]
    assert [a.tags for a in other.answer(sentences)] == answers
    session = onnx.Session(tmp_path / ".onnx")
    for sentence, tags in zip(sentences, answers, strict=True):
        given = registry.load("tasks/tagging", "export").given(own.model, [sentence.words], [sentence.features])
        best = session.run(given)["best"][0]
        assert own.labels.written(best, sentence.words) == tags


def read_through(own: Vocabulary, *cells: str) -> Vocabulary:
    """A vocabulary with language models, the second of which reads from the end."""
    parts = []
    for i, cell in enumerate(cells):
        made = generator(cell=cell, hidden=3 + i)
        parts.append(Part(made.model, made.tokenizer, {"reversed": i == 1, "checksum": ""}))
    return with_reader(own, Reader(tuple(parts)))


def test_language_models_that_read_for_others(tmp_path: Path) -> None:
    export = registry.load("tasks/classification", "export")
    own = read_through(vocabulary(), "lstm", "gru")
    keys = classifier.Config(embedding=3, hidden=4, pooling="mean")
    plain = Classifier(
        drawn(classifier.Model.create(keys, own, np.random.default_rng(0))), own, Reading(codec("word").source, 100)
    )
    examples = [Example(" ".join(text), words=text) for text in texts()]
    other = proven(export.alone(plain, scored=False), tmp_path)
    near(other.model.logits(examples), plain.model.logits(examples))
    tags = tagger.Config(embedding=3, hidden=4, characters=CNN)
    labels = Tagger(drawn(tagger.Model.create(tags, own, np.random.default_rng(0))), own, None)
    export = registry.load("tasks/tagging", "export")
    sentences = [Sentence(words=text, text="  ".join(text)) for text in texts() if text]
    ready = export.alone(labels, scored=False)
    assert export.alone(ready, scored=False) is ready
    found = proven(ready, tmp_path, viterbi=True)
    assert found.answer(sentences) == labels.answer(sentences)
    with pytest.raises(UsageError, match="with a reader"):
        registry.load("tasks/classification", "export").on_page(plain)


def test_frames(tmp_path: Path) -> None:
    rng, own = np.random.default_rng(0), replace(vocabulary(), words=[], characters=[], dimensions=3)
    sequences = [rng.standard_normal((n, 3), np.float32) for n in (4, 1, 40)]
    config = tagger.Config(embedding=4, hidden=3, characters=None)
    plain = Tagger(drawn(tagger.Model.create(config, own, np.random.default_rng(0))), own, None)
    found = proven(plain, tmp_path).model.emissions(sequences)
    for scores, wanted in zip(found, plain.model.emissions(sequences), strict=True):
        near(scores, wanted)
    keys = classifier.Config(embedding=4, hidden=3, pooling="attention")
    other = Classifier(drawn(classifier.Model.create(keys, own, np.random.default_rng(0))), own, Reading(None, 100))
    examples = [Example("", frames=frames) for frames in sequences]
    near(proven(other, tmp_path).model.logits(examples), other.model.logits(examples))


def test_a_graph_that_gives_something_else_is_told() -> None:
    own = generator()
    parts, graphs, model = recorded(own, Options())
    name = next(n for n in graphs[""].initializers if n.endswith("weight_hh"))
    graphs[""].initializers[name] = graphs[""].initializers[name] + 1e-2
    with pytest.raises(SeqcliError, match="logits is off by"):
        prove(parts[""], model, partial(run, graphs[""]))


def test_int8_is_near_and_proven_against_its_own_weights(tmp_path: Path) -> None:
    own = generator(hidden=64)
    other, ids = proven(own, tmp_path, precision="int8"), np.arange(20)[None] % 7
    wanted, _ = own.model.score(ids[:, :-1], ids[:, 1:], own.model.initial_state(1))
    found, _ = other.model.score(ids[:, :-1], ids[:, 1:], own.model.initial_state(1))
    assert 1e-6 < np.abs(found - wanted).max() < 0.05
    kinds = {
        a.dtype.name
        for a in recorded(own, Options(precision="int8"))[1][""].initializers.values()
        if a.ndim > 1 and a.size > 20
    }
    assert kinds == {"int8", "float32"}  # the rows, and their scales


def test_int8_depends_on_no_later_step_and_no_batch_mate(tmp_path: Path) -> None:
    other = proven(generator(hidden=32), tmp_path, precision="int8").model
    ids = np.arange(40).reshape(2, 20) % 11
    (whole, _), (short, _) = other.read(ids, other.initial_state(2)), other.read(ids[:1, :9], other.initial_state(1))
    np.testing.assert_allclose(whole[:1, :9], short, atol=1e-5)
