"""Models of every kind as graphs: what NumPy's interpreter and onnxruntime make of them is what the models give."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.cells import CELLS, OWN, known
from support.pages import NODE, runner
from support.transformers import cast
from support.translators import codec, translator

from seqcli import ops, registry
from seqcli.datasets.vocabulary import Vocabulary
from seqcli.decoding.beam import Search
from seqcli.errors import SeqcliError
from seqcli.export import onnx
from seqcli.export.graphs import Options, prove, recorded
from seqcli.frames import Frames
from seqcli.frames.values import Config as Values
from seqcli.graph.evaluate import run
from seqcli.models import bag, classifier, ctc, language_model, seq2seq, tagger, transducer, transformer
from seqcli.models import transformer_classification as attending_classifier
from seqcli.models import transformer_language_model as attending
from seqcli.models import transformer_tagging as attending_tagger
from seqcli.records import MARK, Example, Sentence
from seqcli.tasks.classification.predict import Classifier
from seqcli.tasks.classification.reading import Reading
from seqcli.tasks.language_model.predict import Generator
from seqcli.tasks.sequence_to_sequence.codec import Codec
from seqcli.tasks.sequence_to_sequence.predict import Translator
from seqcli.tasks.tagging.predict import Tagger

LABELS = ["B-X", "I-X", "O"]
RNN, CNN = {"kind": "rnn", "embedding": 3, "hidden": 2}, {"kind": "cnn", "embedding": 3, "filters": 4, "width": 3}
WORDS = ["the", "cat", "sat", "on", "a", "mat", "Émile", "x", "unheard-of"]


def drawn(model: Any, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    return cast(model, lambda a: a + rng.normal(0, 0.5 * a.shape[-1] ** -0.5, a.shape).astype(np.float32))


def texts(count: int = 9) -> list[list[str]]:
    rng = np.random.default_rng(3)
    return [rng.choice(WORDS, n).tolist() for n in [1, 2, 40, 0, 7, 3, 3, 12, 5][:count]]


def vocabulary(features: bool = False, vectors: int = 0, scheme: str | None = None) -> Vocabulary:
    seen = [Sentence(words=text, features={"pos": list("NV" * len(text))[: len(text)]}) for text in texts()]
    found = Vocabulary.learn([s for s in seen if s.words], [LABELS], ["pos"] if features else [], scheme=scheme)
    found = replace(found, words=found.words[:-1])  # one is unknown
    return replace(
        found,
        vector_words=found.words[:3] if vectors else [],
        vectors=np.random.default_rng(1).standard_normal((3 if vectors else 0, vectors), np.float32),
    )


def proven(own: Any, folder: Path, **options: Any) -> Any:
    """The predictor with its model run by onnxruntime, each graph proven."""
    parts, graphs, model = recorded(own, Options(**options))
    sessions = {}
    for name, part in parts.items():
        onnx.write(folder / f"{name}.onnx", graphs[name], {})
        sessions[name] = onnx.Session(folder / f"{name}.onnx")
        prove(part, model, partial(run, graphs[name]))
        if NODE:
            prove(part, model, runner(graphs[name]))
        prove(part, model, sessions[name].run)
    return registry.load(f"tasks/{own.task}", "export").running(own, {n: s.run for n, s in sessions.items()})


def near(found: Any, wanted: Any) -> None:
    np.testing.assert_allclose(found, wanted, atol=1e-5 * max(1, float(np.abs(wanted).max(initial=0))))


# language models


def generator(**keys: Any) -> Generator:
    config = language_model.Config(**{"embedding": 4, "hidden": 5, **keys})
    tokenizer = codec().source
    fresh = language_model.Model.create(config, tokenizer.size, np.random.default_rng(0))
    return Generator(drawn(fresh), tokenizer)


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


# from one sequence to another


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"attention": "none", "bridge": "mean"},
        {"attention": "additive", "bridge": "zero", "cell": "lstm", "layers": 2},
        {"attention": {"kind": "multihead", "heads": 2}, "input_feeding": True},
        {"attention": "dot", "copy_source": True, "decoder_hidden": 8},
        {"cell": {"kind": "mingru", "block": True}, "decoder_cell": "slstm", "layers": 2},
        {"bidirectional": False, "tied": "output", "decoder_cell": "local-attention", "cell": "gru"},
    ],
    ids=str,
)
def test_encoder_and_decoder(keys: dict[str, Any], tmp_path: Path) -> None:
    stepped_alike(translator(codec("word", "word"), **keys), tmp_path)


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"positions": "learned", "longest": 64, "norm": "post", "tied": "output"},
        {"copy_source": True, "layers": 1},
    ],
    ids=str,
)
def test_encoder_and_decoder_of_attention(keys: dict[str, Any], tmp_path: Path) -> None:
    of = codec("word", "word")
    config = transformer.Config(**{"size": 8, "heads": 2, "layers": 2, **keys})
    stepped_alike(
        Translator(drawn(transformer.Model.create(config, of.sizes, np.random.default_rng(0))), of, 1.0), tmp_path
    )


def stepped_alike(own: Translator, tmp_path: Path, sources: Any = None) -> None:
    """Both models step, each from its own state, and score, to the same numbers."""
    other = proven(own, tmp_path)
    sources = [np.array(ids) for ids in ([3, 1, 4], [1], [2, 2, 2, 2, 2, 0])] if sources is None else sources
    copies = ([np.minimum(ids, 3) for ids in sources], 0) if own.copies else ()
    (memory, state), (theirs, after) = own.model.start(sources, *copies), other.model.start(sources, *copies)
    rows = np.repeat(np.arange(3), 2)
    ids = np.array([1, 0, 2, 3, 1, 1])
    state, after = ops.take(state, rows), ops.take(after, rows)
    for _ in range(3):
        wanted, state, attention = own.model.step(ids, memory, state)
        found, after, looked = other.model.step(ids, theirs, after)
        near(np.exp(found), np.exp(wanted))
        if attention is not None:
            shorter = min(looked.shape[1], attention.shape[1])
            near(looked[:, :shorter], attention[:, :shorter])
    targets = [np.array([1, 2]), np.array([0]), np.array([2, 1, 0])]
    for a, b in zip(
        other.model.score(sources, targets, *copies), own.model.score(sources, targets, *copies), strict=True
    ):
        near(np.exp(a), np.exp(b))


@pytest.mark.parametrize("keys", [{}, {"bridge": "zero", "cell": "gru", "decoder_layers": 2}], ids=str)
def test_edits(keys: dict[str, Any], tmp_path: Path) -> None:
    of = codec("char")
    config = transducer.Config(embedding=5, hidden=4, **keys)
    own = Translator(drawn(transducer.Model.create(config, of.sizes, np.random.default_rng(0))), of, 2.0)
    other = proven(own, tmp_path)
    for search in (Search(), Search(beam=3, n_best=2)):
        answers = [list(each.filter(["the cat", "a", "dogs run"], search=search)) for each in (own, other)]
        assert answers[0] == answers[1]
    sources = [np.append(of.source.encode(text), of.eos) for text in ("the cat", "no")]
    targets = [of.target_ids(text) for text in ("le chat", "non")]
    for a, b in zip(other.model.score(sources, targets), own.model.score(sources, targets), strict=True):
        near(np.exp(a), np.exp(b))


FRAMED = [None, {"kind": "conv", "layers": 2, "width": 3}, {"kind": "conv", "width": 4, "stride": 3, "norm": False}]


def heard(kind: Any, front: Any, **keys: Any) -> Translator:
    """A model of frames, unnormalised ones of three numbers."""
    frames = Frames(Values(), 3, 1, np.zeros(3, np.float32), np.ones(3, np.float32))
    of = Codec(None, codec("word", "word").target, 100, frames)
    config = kind.Config(**{"embedding": 5, "hidden": 4, "front_end": front, **keys})
    return Translator(drawn(kind.Model.create(config, of.sizes, np.random.default_rng(0))), of, 1.0)


@pytest.mark.parametrize("front", FRAMED, ids=str)
def test_frames_as_sources(front: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    sources = [rng.standard_normal((n, 3), np.float32) for n in (7, 1, 20)]
    stepped_alike(heard(seq2seq, front), tmp_path, sources)
    stepped_alike(heard(seq2seq, front, attention="none", bridge="last"), tmp_path, sources)
    own = heard(ctc, front)
    other = proven(own, tmp_path)
    for found, wanted in zip(other.model.posteriors(sources), own.model.posteriors(sources), strict=True):
        near(np.exp(found), np.exp(wanted))
    targets = [np.array([0, 1]), np.array([1]), np.array([1, 1, 1])]
    near(other.model.score(sources[::2], targets[:2])[0], own.model.score(sources[::2], targets[:2])[0])


def test_ctc_of_symbols(tmp_path: Path) -> None:
    of = codec("word", "word")
    config = ctc.Config(embedding=5, hidden=4)
    own = Translator(drawn(ctc.Model.create(config, of.sizes, np.random.default_rng(0))), of, 1.0)
    sources = [np.array(ids) for ids in ([3, 1, 4], [1], [2, 2, 2, 2, 2, 0])]
    other = proven(own, tmp_path)
    for found, wanted in zip(other.model.posteriors(sources), own.model.posteriors(sources), strict=True):
        near(np.exp(found), np.exp(wanted))


@pytest.mark.parametrize("front", FRAMED[1:], ids=str)
def test_frames_behind_convolutions(front: Any, tmp_path: Path) -> None:
    rng, own = np.random.default_rng(0), replace(vocabulary(), words=[], characters=[], dimensions=3)
    sequences = [rng.standard_normal((n, 3), np.float32) for n in (4, 1, 40)]
    keys = classifier.Config(embedding=4, hidden=3, pooling="attention", front_end=front)
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
