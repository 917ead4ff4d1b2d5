"""CTC models: the loss is -log p of the brute force, padding changes nothing, answers beside a language model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import ctc as brute

from seqcli import artifact, layers, models, tokenizers
from seqcli.decoding import ctc as decoding
from seqcli.decoding.beam import Search
from seqcli.errors import UsageError
from seqcli.frames import Frames
from seqcli.frames.values import Config as Values
from seqcli.metrics.sequences import distance
from seqcli.models import Sizes
from seqcli.models.ctc import Config, Model
from seqcli.records import Pair
from seqcli.tasks.sequence_to_sequence import transcribing
from seqcli.tasks.sequence_to_sequence.batches import Encoded, batch, with_steps
from seqcli.tasks.sequence_to_sequence.codec import Codec
from seqcli.tasks.sequence_to_sequence.predict import Settings, Translator
from seqcli.tokenizers import char

torch = pytest.importorskip("torch")

NET = Path(__file__).parents[1] / "net" / "models"
D, TEXT = 3, "abc"
RNG = np.random.default_rng(4)
TARGET = tokenizers.learn(char.Config(), [TEXT + "\n"], any_character=True)
FRAMES = Frames(Values(), D, 2, np.zeros(D, np.float32), np.ones(D, np.float32))
CODEC = Codec(None, TARGET, 500, FRAMES)
LENGTHS, WORDS = [6, 4, 9, 3], ["ab", "", "abca", "cc"]
SOURCES = [RNG.standard_normal((n, D)).astype(np.float32) for n in LENGTHS]


def make(**said: Any) -> Model:
    keys = {"embedding": 4, "hidden": 5, "layers": 1, "cell": "gru", **said}
    own = Model.create(Config(**keys), CODEC.sizes, np.random.default_rng(3))
    scale = {n: (a * 3 if n == "output_weight" else a) for n, a in own.arrays().items()}
    return layers.replace(own, scale)


def encoded() -> list[Encoded]:
    return [Encoded(x, CODEC.target_ids(w)) for x, w in zip(SOURCES, WORDS, strict=True)]


def in_torch(own: Model, pairs: list[Encoded]) -> tuple[Model, dict[str, Any]]:
    bound = layers.replace(own, {n: torch.from_numpy(a.astype(np.float64)) for n, a in own.arrays().items()})
    made = {n: torch.from_numpy(np.asarray(a)) for n, a in batch(pairs, CODEC).items()}
    made["source"] = made["source"].to(torch.float64)
    return bound, made


VARIANTS = [{}, {"front_end": {"kind": "conv", "stride": 1}}, {"bidirectional": False, "layers": 2, "cell": "lstm"}]


@pytest.mark.parametrize("said", VARIANTS, ids=str)
def test_loss_is_the_sum_over_all_paths(said):
    own, pairs = make(**said), encoded()
    loss = in_torch_loss(own, pairs)
    nats = []
    for logprobs, pair in zip(own.posteriors(SOURCES), pairs, strict=True):
        short = logprobs.astype(np.float64)
        mine = decoding.log_probability(short, pair.target[:-1], own.blank)
        if len(short) <= 4:
            blank, text = own.blank, tuple(pair.target[:-1].tolist())
            assert mine == pytest.approx(brute.texts(short, blank)[text], abs=1e-6)
        nats.append(-mine)
    assert loss == pytest.approx(sum(nats) / sum(len(p.target) for p in pairs), abs=1e-5)


def in_torch_loss(own: Model, pairs: list[Encoded]) -> float:
    bound, made = in_torch(own, pairs)
    return float(bound.loss(made))


@pytest.mark.parametrize("said", VARIANTS, ids=str)
def test_padding_and_batch_mates_change_nothing(said):
    own, pairs = make(**said), encoded()
    total = sum(len(p.target) for p in pairs)
    alone = sum(in_torch_loss(own, [p]) * len(p.target) for p in pairs)
    assert in_torch_loss(own, pairs) == pytest.approx(alone / total, abs=1e-10)
    for together, source in zip(own.posteriors(SOURCES), SOURCES, strict=True):
        np.testing.assert_array_equal(own.posteriors([source])[0], together)


def test_scores_add_up_to_the_probability():
    own, targets = make(), [p.target for p in encoded()]
    for score, logprobs, target in zip(own.score(SOURCES, targets), own.posteriors(SOURCES), targets, strict=True):
        assert len(score) == len(target)
        assert score.sum() == pytest.approx(decoding.log_probability(logprobs, target[:-1], own.blank), abs=1e-6)
    assert own.score([], []) == []


def test_a_target_too_long_for_its_source_counts_nothing(capsys):
    """Twins need a step between them. Training leaves such pairs out; where a shift made it so, the loss does."""
    own, pairs = make(), encoded()
    twins = Encoded(SOURCES[3][:2], CODEC.target_ids("cc"))
    assert own.lacks(2, twins.target[:-1])
    assert not own.lacks(3, twins.target[:-1])
    bound, made = in_torch(own, [*pairs, twins])
    arrays = {n: a.requires_grad_() for n, a in layers.arrays(bound).items()}
    loss = bound.loss(made)
    loss.backward()
    loss = loss.detach()
    assert all(torch.isfinite(a.grad).all() for a in arrays.values())
    total = sum(len(p.target) for p in pairs)
    assert float(loss) == pytest.approx(in_torch_loss(own, pairs) * total / (total + 3), abs=1e-10)
    assert with_steps(own, [*pairs, twins]) == pairs
    assert "1 of 5 training pairs are left out" in capsys.readouterr().err


def test_a_front_end_leaves_fewer_steps():
    own = make(front_end={"kind": "conv", "layers": 2, "stride": 2})
    for steps in range(1, 12):
        there = len(own.posteriors([RNG.standard_normal((steps, D)).astype(np.float32)])[0])
        assert own.lacks(steps, np.zeros(1)) == (there < 1)
        assert own.lacks(steps, np.array([0, 1])) == (there < 2)


def test_there_is_no_front_end_for_text():
    with pytest.raises(UsageError, match="front_end reads frames"):
        Model.create(Config(front_end="conv"), Sizes(5, 5, False), np.random.default_rng(0))


# answers


def translator(own: Model | None = None) -> Translator:
    return Translator(own or make(), CODEC, 2.0, Search(beam=8, length_penalty=0.0))


def answered(own: Translator, **said: Any) -> list[list[Any]]:
    pairs = [Pair(text="x", frames=x) for x in SOURCES]
    return own.answer(pairs, Settings(replace(own.search, **said)))


def test_greedy_is_the_search_where_the_steps_are_sure():
    own = translator(layers.replace(make(), {"output_weight": make().output_weight * 40}))
    assert [a[0].text for a in answered(own, beam=1)] == [a[0].text for a in answered(own, beam=8)]


def test_the_best_answer_is_the_best_text():
    own = translator()
    for found, source in zip(answered(own, beam=60, n_best=3), SOURCES, strict=True):
        if len(source) > 4:
            continue
        (logprobs,) = own.model.posteriors([source])
        every = brute.texts(logprobs.astype(np.float64), own.model.blank)
        banned = set(CODEC.banned)
        best = sorted((p for ids, p in every.items() if not banned & set(ids)), reverse=True)[:3]
        np.testing.assert_allclose([a.logprob for a in found], best, atol=1e-5)


def test_what_a_model_without_a_decoder_cannot_do():
    own = translator()
    for said, flag in (({"min_length": 2}, "--min-length"), ({"no_repeat": 2}, "--no-repeat")):
        with pytest.raises(UsageError, match=f"{flag} is for models with a decoder"):
            answered(own, **said)


# beside a language model


@pytest.fixture(params=["lm", "lm-attention", "lm-counted", "lm-words"])
def any_lm(request) -> artifact.Artifact:
    return artifact.read(NET / f"{request.param}.safetensors")


@pytest.fixture(params=["lm", "lm-attention"])
def lm(request) -> artifact.Artifact:
    return artifact.read(NET / f"{request.param}.safetensors")


def test_lines_are_scored_as_the_model_does(any_lm):
    """Two lines grown side by side, symbol by symbol, their ends counted; and one at another place than the other."""
    lm = any_lm
    own = tokenizers.from_artifact(lm)
    lines = transcribing.Lines(lm, own, own.size + 1)
    model = models.restore(lm, lm.header["vocabulary"])
    texts = [own.encode(text) for text in ("the cat sat", "a dog")]
    start = lines.start()
    totals, rows = [0.0, 0.0], [(start.symbols[0], start.ends[0], start.states[0])] * 2
    for t in range(max(map(len, texts)) + 1):
        for i, text in enumerate(texts):
            totals[i] += rows[i][0][text[t]] if t < len(text) else rows[i][1] if t == len(text) else 0.0
        grown = [i for i, text in enumerate(texts) if t < len(text)]
        states = [rows[i][2] for i in grown]
        if grown == [0, 1] and t:  # a third one is shorter than these
            states, grown = [*states, start.states[0]], [0, 1, 2]
        if grown:
            ids = np.array([texts[i % 2][t] if i < 2 else texts[0][0] for i in grown])
            now = lines.step(states, ids)
            for row, i in enumerate(grown[:2]):
                rows[i] = now.symbols[row], now.ends[row], now.states[row]
            if len(grown) == 3:
                alone = lines.step([start.states[0]], ids[2:])
                np.testing.assert_allclose(now.symbols[2], alone.symbols[0], atol=1e-6)
    for text, total in zip(texts, totals, strict=True):
        line = np.array([own.newline_id, *text, own.newline_id])[None]
        wanted, _ = model.score(line[:, :-1], line[:, 1:], model.initial_state(1))
        assert total == pytest.approx(float(np.sum(wanted)), abs=1e-4)


def test_symbols_that_a_language_model_lacks(lm):
    own = tokenizers.from_artifact(lm)
    lines = transcribing.Lines(lm, TARGET, CODEC.sizes.target - 1)
    known = set(own.vocabulary())
    symbols = lines.start().symbols[0]
    for id, symbol in enumerate(TARGET.vocabulary()):
        assert (symbols[id] == transcribing.UNHEARD) == (symbol not in known)
    assert symbols[-1] == transcribing.UNHEARD  # the blank


def test_a_language_model_of_other_symbols_is_refused():
    for name, said in (("lm-words", "reads symbols of the kind word"), ("waves", "is not a language model")):
        with pytest.raises(UsageError, match=said):
            transcribing.Lines(artifact.read(NET / f"{name}.safetensors"), TARGET, 5)


def test_a_language_model_under_a_condition_is_refused(lm):
    under = {**lm.header, "data": {**lm.header["data"], "condition": {"name": "by", "values": ["a", "b"]}}}
    with pytest.raises(UsageError, match=r"--lm: .* writes under a condition"):
        transcribing.Lines(replace(lm, header=under), TARGET, 5)


def test_the_weights_are_the_best_of_the_grid(lm, monkeypatch):
    monkeypatch.setattr(transcribing, "WEIGHTS", (0.0, 0.5))
    monkeypatch.setattr(transcribing, "BONUSES", (-1.0, 2.0))
    own = translator()
    lines = transcribing.Lines(lm, TARGET, len(own.model.output_bias))
    pairs = [Pair(text="x", target=w, frames=x) for x, w in zip(SOURCES, WORDS, strict=True)]
    settings = Settings(own.search, fusion=transcribing.Fusion(lines))
    best = transcribing.fitted(own, settings, pairs)
    wrong = {}
    for weight in (0.0, 0.5):
        for bonus in (-1.0, 2.0):
            asked = replace(settings, fusion=transcribing.Fusion(lines, weight, bonus))
            texts = [a[0].text for a in own.answer(pairs, asked)]
            wrong[weight, bonus] = sum(distance(list(a), list(w)) for a, w in zip(texts, WORDS, strict=True))
    assert wrong[best.weight, best.bonus] == min(wrong.values())
    assert len(set(wrong.values())) > 1
