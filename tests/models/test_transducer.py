"""The transducer: one equation in training and in steps, its beam against all programs, what answers and scores are."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqcli import layers, tokenizers
from seqcli.decoding.beam import Search, search
from seqcli.errors import UsageError
from seqcli.models import Sizes, transducer
from seqcli.models.transducer import Config, Model
from seqcli.records import Pair
from seqcli.tasks.sequence_to_sequence import batches
from seqcli.tasks.sequence_to_sequence._copying import Copying
from seqcli.tasks.sequence_to_sequence.codec import Codec
from seqcli.tasks.sequence_to_sequence.columns import Together
from seqcli.tasks.sequence_to_sequence.predict import Settings, Translator
from seqcli.tokenizers import char, word

torch = pytest.importorskip("torch")

CODEC = Codec(tokenizers.learn(char.Config(), ["abc\n"], any_character=True), None, 50)
V = CODEC.sizes.target
A = 2 * V + 2
BOS, EOS, DELETE, COPY = V - 2, V - 1, 2 * V, 2 * V + 1
PAIRS = [Pair(*x) for x in (("abc", "abcc"), ("cab", "b"), ("", "ab"), ("bb", ""), ("acxa", "xac"), ("a", "a"))]
COLUMNS = ((1, "p"), (0, "q r p"), (2, "q"), (3, "p x"), (4, "q"), (5, ""))  # words that are conditions
VARIANTS: list[dict[str, Any]] = [
    {},
    {"cell": "gru", "decoder_layers": 2, "bridge": "mean", "bidirectional": False},
    {"cell": "mingru", "decoder_cell": "rnn", "bridge": "zero", "decoder_hidden": 4, "layers": 2},
]


def make(seed: int = 0, sizes: Sizes = CODEC.sizes, scale: float = 0.4, **keys: Any) -> Model:
    """Small, every weight drawn."""
    config = Config(**{"embedding": 5, "hidden": 3, **keys})
    rng = np.random.default_rng(seed)
    model = Model.create(config, sizes, rng)
    drawn = {n: a + rng.normal(0, scale, a.shape).astype(np.float32) for n, a in model.arrays().items()}
    return layers.replace(model, drawn)


def double(model: Model) -> Model:
    return layers.replace(model, {n: torch.from_numpy(a.astype(np.float64)) for n, a in model.arrays().items()})


def with_words(*, first: bool) -> tuple[Codec, list[Pair]]:
    """PAIRS with words in a column before or behind the text."""
    parts = [(CODEC.target, "text"), (tokenizers.learn(word.Config(), ["p q r\n"], any_character=True), "words")]
    both = [(words, PAIRS[i].text, PAIRS[i].target) for i, words in COLUMNS]
    pairs = [Pair("\t".join((w, t) if first else (t, w)), target) for w, t, target in both]
    own = parts[:: -1 if first else 1]
    return Codec(Together([name for _, name in own], [part for part, _ in own]), CODEC.target, 50), pairs


def encoded(model: Model, codec: Codec = CODEC, pairs: list[Pair] = PAIRS) -> list[batches.Encoded]:
    """Pairs as edits."""
    (found,) = batches.as_edits(model, codec, batches.encode(codec, pairs, copy=True))
    return found


def in_torch(pairs: list[batches.Encoded], codec: Codec = CODEC) -> dict[str, Any]:
    return {n: torch.from_numpy(np.asarray(a)) for n, a in batches.batch(pairs, codec).items()}


def given() -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """Sources, targets and what can be copied, of PAIRS."""
    every = batches.encode(CODEC, PAIRS, copy=True)
    return [e.source for e in every], [e.target for e in every], [e.copies for e in every]  # type: ignore[misc]


# training


@pytest.mark.parametrize("keys", VARIANTS, ids=str)
def test_the_loss_is_that_of_the_steps_of_each_program(keys: dict[str, Any]) -> None:
    model, pairs = make(**keys), encoded(make(**keys))
    sources, _, copies = given()
    nats = 0.0
    for e, source, own in zip(pairs, sources, copies, strict=True):
        memory, state = model.start([source], [own])
        for fed, edit in zip([BOS, *e.target[:-1].tolist()], e.target.tolist(), strict=True):
            logprobs, state, looked = model.step(np.array([fed]), memory, state)
            assert looked is not None
            assert looked.sum() == 1
            nats -= float(logprobs[0, edit])
    total = sum(len(e.target) for e in pairs)
    assert float(double(model).loss(in_torch(pairs))) == pytest.approx(nats / total, abs=1e-6)
    alone = [float(double(model).loss(in_torch([e]))) * len(e.target) for e in pairs]  # without padding
    assert sum(alone) == pytest.approx(float(double(model).loss(in_torch(pairs))) * total, abs=1e-10)


@pytest.mark.parametrize("keys", VARIANTS, ids=str)
def test_numpy_is_torch_in_float64_and_gradients_reach_every_array(keys: dict[str, Any]) -> None:
    model, pairs = make(**keys), encoded(make(**keys))
    wide = layers.replace(model, {n: a.astype(np.float64) for n, a in model.arrays().items()})
    made = batches.batch(pairs, CODEC)
    bound = double(model)
    memory, state = bound.read(*(in_torch(pairs)[n] for n in ("source", "source_lengths")))
    theirs, _ = bound.readouts(torch.from_numpy(made["inputs"]), memory, state)
    plain = tuple(a.numpy() for a in memory)
    ours, _ = wide.readouts(made["inputs"], plain, _numpy(state))
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-12)
    weights = {n: torch.from_numpy(a).double().requires_grad_() for n, a in model.arrays().items()}
    loss = layers.replace(model, weights).loss(in_torch(pairs), torch.Generator().manual_seed(1))
    for name, gradient in zip(weights, torch.autograd.grad(loss, list(weights.values())), strict=True):
        assert bool(gradient.isfinite().all()), name
        assert bool(gradient.any()), name


@pytest.mark.parametrize("first", [True, False])
def test_conditions_reach_every_step_and_are_not_edited(first: bool) -> None:
    codec, pairs = with_words(first=first)
    model = make(7, codec.sizes)
    made = encoded(model, codec, pairs)
    plain = encoded(make())
    nats = 0.0
    for (i, _), e, pair in zip(COLUMNS, made, pairs, strict=True):
        assert e.target.tolist() == plain[i].target.tolist()  # the edits of the text alone
        texts = [*codec.source_texts(pair.text), "<eos>"]
        memory, state = model.start([e.source], [codec.copies(pair.text)[0]])
        looked = []
        for fed, edit in zip([BOS, *e.target[:-1].tolist()], e.target.tolist(), strict=True):
            logprobs, state, at = model.step(np.array([fed]), memory, state)
            assert at is not None
            looked.append(texts[int(at.argmax())])
            nats -= float(logprobs[0, edit])
        assert not {"p", "q", "r", "x"} & set(looked) or "x" in PAIRS[i].text
        assert looked[0] == [*PAIRS[i].text, "<eos>"][0]
    total = sum(len(e.target) for e in made)
    assert float(double(model).loss(in_torch(made, codec))) == pytest.approx(nats / total, abs=1e-6)
    translator = Translator(model, codec, 2.0)
    whole = translator.answer(pairs, Settings(Search(4), attention=True))
    for pair, (answer,) in zip(pairs, whole, strict=True):
        (alone,) = translator.answer([pair], Settings(Search(4), attention=True))[0]
        assert (alone.text, alone.logprobs) == (answer.text, answer.logprobs)
        assert answer.attention is not None
        assert answer.attention.shape[1] == len(answer.source_symbols)
    weights = {n: torch.from_numpy(a).double().requires_grad_() for n, a in model.arrays().items()}
    loss = layers.replace(model, weights).loss(in_torch(made, codec), torch.Generator().manual_seed(1))
    for name, gradient in zip(weights, torch.autograd.grad(loss, list(weights.values())), strict=True):
        assert bool(gradient.any()), name


def test_conditions_are_a_set() -> None:
    codec, _ = with_words(first=True)
    model = make(8, codec.sizes)
    one, other, third = (translated(model, codec, f"{words}\tcab") for words in ("p q r", "r p q", "p q"))
    assert one == pytest.approx(other, abs=1e-5)
    assert abs(one - third) > 1e-3


def translated(model: Model, codec: Codec, text: str) -> float:
    """nats of a target."""
    return Translator(model, codec, 2.0).costs([Pair(text, "cabb")])[0].nll


def _numpy(nested: Any) -> Any:
    return tuple(map(_numpy, nested)) if isinstance(nested, tuple) else nested.numpy()


def test_gradients_are_those_of_differences() -> None:
    model, batch, rng = make(), in_torch(encoded(make())), np.random.default_rng(0)
    weights = {n: torch.from_numpy(a).double().requires_grad_() for n, a in model.arrays().items()}
    gradients = torch.autograd.grad(layers.replace(model, weights).loss(batch), list(weights.values()))
    for _ in range(3):
        way = {n: torch.from_numpy(rng.standard_normal(a.shape)) for n, a in model.arrays().items()}
        step = 1e-6
        up, down = (
            float(
                layers.replace(model, {n: w.detach() + sign * step * way[n] for n, w in weights.items()}).loss(batch)
            )
            for sign in (1, -1)
        )
        slope = sum(float((g * way[n]).sum()) for n, g in zip(weights, gradients, strict=True))
        assert slope == pytest.approx((up - down) / (2 * step), rel=1e-5)


# decoding


def programs(model: Model, source: np.ndarray, copies: np.ndarray, most: int) -> Iterator[tuple[list[int], float]]:
    """All programs of at most so many edits before the end, and their log-probabilities, by single steps."""
    last = len(source) - 1
    banned = set(model.never(CODEC.banned))
    for n in range(most + 1):
        for edits in itertools.product([e for e in range(A) if e not in banned and e != EOS], repeat=n):
            at, legal = 0, True
            for edit in edits:
                legal = legal and not (edit >= V and at == last) and not (edit == COPY and copies[at] < 0)
                at += edit >= V
            if legal:
                memory, state = model.start([source], [copies])
                total = 0.0
                for fed, edit in zip([BOS, *edits], [*edits, EOS], strict=True):
                    logprobs, state, _ = model.step(np.array([fed]), memory, state)
                    total += float(logprobs[0, edit])
                yield list(edits), total


@pytest.mark.parametrize("text", ["ab", "bx", ""])
def test_a_wide_beam_finds_the_best_of_all_programs(text: str) -> None:
    model = make(2, scale=0.8)
    source, (copies, extra) = CODEC.source_ids(text), CODEC.copies(text)
    every = sorted(programs(model, source, copies, 2), key=lambda x: -x[1])
    asked = Copying(model, [copies], CODEC.unknown)
    how: dict[str, Any] = {"bos": BOS, "eos": EOS, "limits": [3], "banned": model.never(CODEC.banned)}
    (found,) = search(asked, [source], Search(beam=400, n_best=5, length_penalty=0.0), **how)
    for hypothesis, (edits, total) in zip(found, every, strict=False):
        assert hypothesis.ids.tolist() == edits
        assert hypothesis.logprob == pytest.approx(total, abs=1e-4)
    best: dict[str, float] = {}
    for edits, total in every:
        at, ids = 0, []
        for edit in edits:
            if edit != DELETE:
                ids.append(int(copies[at]) if edit == COPY else edit % V)
            at += edit >= V
        best.setdefault(CODEC.text(ids, extra), total)
    translator = replace(Translator(model, CODEC, 0.0), search=Search(beam=400, n_best=4, length_penalty=0.0))
    answers = [a for a in translator.answer([Pair(text)], Settings(translator.search))[0] if len(a.text) <= 1]
    for answer in answers if text else []:
        assert answer.logprob >= best[answer.text] - 1e-4  # longer programs may write it too
        assert answer.logprob == pytest.approx(sum(answer.logprobs), abs=1e-6)


def test_scores_are_of_the_best_program_that_writes_a_target(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transducer, "BEAM", 64)
    model = make(3)
    sources, _, copies = given()
    (source, own), texts = (sources[1], copies[1]), ["", "c", "b", "cb", "ac"]
    found = model.score([source] * 5, [CODEC.target_ids(t) for t in texts], [own] * 5, CODEC.unknown)
    best = dict.fromkeys(texts, -np.inf)
    for edits, total in programs(model, source, own, 3):
        at, ids = 0, []
        for edit in edits:
            if edit != DELETE:
                ids.append(int(own[at]) if edit == COPY else edit % V)
            at += edit >= V
        if (text := CODEC.text(ids)) in best:
            best[text] = max(best[text], total)
    for text, logprobs in zip(texts, found, strict=True):
        assert len(logprobs) == len(text) + 1
        assert logprobs.sum() == pytest.approx(best[text], abs=1e-4), text


def test_what_no_edit_writes_has_no_probability() -> None:
    model = make(4)
    source, copies = CODEC.source_ids("ax"), CODEC.copies("ax")
    inside, outside = (CODEC.copied_targets(t, copies[1]) for t in ("xa", "ax"))
    found = model.score([source] * 2, [inside, outside], [copies[0]] * 2, CODEC.unknown)
    assert np.isfinite(found[1]).all()  # x is copied
    assert np.isfinite(found[0]).all()  # and before a, which is deleted, or inserted behind it
    (other,) = model.score([CODEC.source_ids("a")], [np.array([V, EOS])], None, CODEC.unknown)
    assert (other == -np.inf).all()


@pytest.mark.parametrize(
    "settings", [Settings(Search(1)), Settings(Search(4, 3), attention=True)], ids=["greedy", "beam"]
)
def test_an_answer_depends_on_nothing_beside_it(settings: Settings) -> None:
    translator = Translator(make(5), CODEC, 2.0)
    whole = translator.answer(PAIRS, settings)
    for pair, answers in zip(PAIRS, whole, strict=True):
        (alone,) = translator.answer([pair], settings)
        for a, b in zip(alone, answers, strict=True):
            assert (a.text, a.logprob, a.logprobs) == (b.text, b.logprob, b.logprobs)
            assert a.attention is None or np.array_equal(a.attention, b.attention)  # type: ignore[arg-type]
    costs = translator.costs(PAIRS)
    assert costs == [translator.costs([pair])[0] for pair in PAIRS]


def test_answers_differ_and_are_as_short_as_asked() -> None:
    translator = Translator(make(6, scale=0.1), CODEC, 2.0)
    (found,) = translator.answer([Pair("abc")], Settings(Search(8, 4)))
    assert len({a.text for a in found}) == 4
    (cut,) = translator.answer([Pair("abc")], Settings(Search(8, 4), max_length=1))
    for a in cut:
        assert len(a.text) <= 1
        assert a.logprob == pytest.approx(sum(a.logprobs), abs=1e-6)


@pytest.mark.parametrize(
    ("asked", "flag"),
    [
        ({"prefix": "a"}, "--prefix"),
        ({"no_repeat": 2}, "--no-repeat"),
        ({"min_length": 2}, "--min-length"),
        ({"coverage_penalty": 1.0}, "--coverage-penalty"),
        ({"must": ["a"], "beam": 3}, "--must"),
    ],
)
def test_what_edits_cannot_do_is_refused(asked: dict[str, Any], flag: str) -> None:
    with pytest.raises(UsageError, match=f"{flag} is for models that write symbols, not edits"):
        Translator(make(), CODEC, 2.0).translate("abc", **asked)


# symbols of two kinds, and learning


def test_sides_share_what_their_symbols_show(capsys: pytest.CaptureFixture[str]) -> None:
    def codec(targets: str) -> Codec:
        own = tokenizers.learn(word.Config(), [targets + "\n"], any_character=True)
        return Codec(CODEC.reads, own, 50)

    shared, apart = codec("a b ʃ"), codec("ʃ ʒ")
    assert [i >= 0 for i in shared.copies("abcx")[0]] == [True, True, False, False, True]
    for own, warned in ((shared, False), (apart, True)):
        model = make(sizes=own.sizes)
        batches.as_edits(model, own, batches.encode(own, [Pair("ab", "a ʃ")], copy=True))
        assert ("sources and targets share no symbols" in capsys.readouterr().err) == warned


def test_it_learns_endings_and_copies_what_it_never_saw(tmp_path: Path) -> None:
    """A suffix that hangs on the last letter, before which the word is copied; other letters are copied too."""
    from support.inprocess import seqcli

    rng = np.random.default_rng(1)
    words = {"".join(rng.choice(list("abcdefgh"), rng.integers(2, 8))) for _ in range(300)}
    rows = [f"{w}\t{w}ed" if w[-1] in "abcd" else f"{w}\t{w[:-1]}xy" for w in sorted(words)]
    (tmp_path / "train.tsv").write_text("\n".join(rows[50:]) + "\n")
    (tmp_path / "test.tsv").write_text("\n".join(rows[:50]) + "\n")
    (tmp_path / "recipe.yaml").write_text(
        "task: sequence-to-sequence\ntokenizer: char\ndata: {train: train.tsv, test: test.tsv}\n"
        "model: {kind: transducer, embedding: 12, hidden: 16}\n"
        "train: {epochs: 12, batch_size: 16, learning_rate: 1e-2}\n"
    )
    done = seqcli("-q", "train", "recipe.yaml", "--name", "it", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    done = seqcli("-q", "eval", "-m", "it", "--json", cwd=tmp_path)
    assert json.loads(done.stdout)["exact-match"] >= 0.95
    done = seqcli("-q", "generate", "-m", "it", cwd=tmp_path, input="ZÉza\n\nżh\n")
    assert done.stdout.decode() == "ZÉzaed\n\nżxy\n"


def test_the_encoder_gives_states_of_what_is_edited_alone() -> None:
    model = make(sizes=Sizes(8, V, False, 0, ((0, 5, True), (5, 6, False))))
    sources = [np.array([0, 3, 5, 1, 7]), np.array([5, 2, 7])]
    (memory, *_), _ = model.start(sources)
    for source, states, kept in zip(sources, model.encoded(sources), memory, strict=True):
        assert len(states) == len(model.edited(source)) == len(source) - 1
        assert np.array_equal(states, kept[: len(states)])
