"""Models from one sequence to another as graphs: encoders and steps of decoders, edits, CTC, frames."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.graphs import drawn, near, proven, vocabulary
from support.translators import codec, translator

from seqcli import ops
from seqcli.decoding.beam import Search
from seqcli.frames import Frames
from seqcli.frames.values import Config as Values
from seqcli.models import classifier, ctc, seq2seq, transducer, transformer
from seqcli.records import Example
from seqcli.tasks.classification.predict import Classifier
from seqcli.tasks.classification.reading import Reading
from seqcli.tasks.sequence_to_sequence.codec import Codec
from seqcli.tasks.sequence_to_sequence.predict import Translator

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
