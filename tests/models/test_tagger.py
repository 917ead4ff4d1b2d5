"""The recurrent tagger: its loss against all K^T paths, its two forward passes against each other and torch.nn."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cells import CELLS, OWN
from support.examples import examples
from threadpoolctl import threadpool_limits

from seqcli import layers, ops
from seqcli.datasets.vocabulary import Vocabulary
from seqcli.errors import SeqcliError
from seqcli.layers.crf import FORBIDDEN
from seqcli.models.tagger import Config, Model
from seqcli.records import Sentence

torch = pytest.importorskip("torch")

LABELS = ["B-X", "I-X", "O"]
POS = ["N", "V", "D"]
NAMES = ("ids", "vectors", "characters", "character_lengths", "index", "features", "lengths", "tags")
SMALL = {"embedding": 3, "hidden": 4, "feature_embedding": 2}
CHARACTERS = {
    "cnn": {"kind": "cnn", "embedding": 3, "filters": 4},
    "rnn": {"kind": "rnn", "embedding": 3, "hidden": 2},
}


def sentence(rng: np.random.Generator, length: int, alphabet: str = "abcdé") -> Sentence:
    """Words and their parts of speech, some of them new."""
    words = ["".join(rng.choice(list(alphabet), rng.integers(1, 6))) for _ in range(length)]
    return Sentence(words=words, features={"pos": rng.choice([*POS, "?"], length).tolist()})


def vocabulary(
    *, features: bool = True, scheme: str | None = "iob2", vectors: int = 2, labels: Sequence[str] = LABELS
) -> Vocabulary:
    rng = np.random.default_rng(8)
    known = [sentence(rng, 6, "abcd") for _ in range(6)]
    for s in known:
        s.features["pos"] = rng.choice(POS, 6).tolist()
    found = Vocabulary.learn(known, [labels], ["pos"] if features else [], scheme=scheme)
    words = found.words[::2]
    matrix = rng.standard_normal((len(words), vectors)).astype(np.float32)
    return replace(found, vector_words=words if vectors else [], vectors=matrix)


def config(own: Vocabulary, keys: dict[str, Any]) -> Config:
    characters = keys.get("characters", "cnn")
    full = {"features": list(own.features), **SMALL, **keys, "characters": CHARACTERS.get(characters, characters)}
    return Config(**full)


def make(own: Vocabulary | None = None, seed: int = 0, **keys: Any) -> Model:
    """A model whose every weight is drawn."""
    own = own or vocabulary()
    fresh = Model.create(config(own, keys), own, np.random.default_rng(seed))
    rng = np.random.default_rng(seed + 1)
    return layers.replace(
        fresh, {n: rng.normal(0, 0.4, a.shape).astype(np.float32) for n, a in fresh.arrays().items()}
    )


def batch_of(
    model: Model, sentences: Sequence[Sentence], tags: Any = None, padding: int = 1
) -> dict[str, np.ndarray]:
    """The parts that `loss` reads, padded."""
    v, lengths = model.vocabulary, np.array([len(s.words) for s in sentences])
    T, B = int(lengths.max()) + padding, len(sentences)
    different = list(dict.fromkeys(w for s in sentences for w in s.words))
    index, gold = np.zeros((2, T, B), np.int64)
    features = np.zeros((len(v.features), T, B), np.int64)
    for b, s in enumerate(sentences):
        index[: lengths[b], b] = [different.index(w) for w in s.words]
        gold[: lengths[b], b] = tags[b] if tags else 0
        for f, name in enumerate(v.features):
            features[f, : lengths[b], b] = v.feature_ids(name, s.features[name])
    characters, character_lengths = v.character_ids(different)
    ids, vectors = v.word_ids(different), v.vector_rows(different)
    found = (ids, vectors, characters, character_lengths, index, features, lengths, gold)
    return dict(zip(NAMES, found, strict=True))


def cast(model: Model, change: Any) -> Model:
    return layers.replace(model, {n: change(a) for n, a in model.arrays().items()})


def double(model: Model) -> Model:
    return cast(model, lambda a: torch.from_numpy(a.astype(np.float64)))


def put(model: Any, batch: dict[str, np.ndarray]) -> dict[str, Any]:
    return {n: ops.put(a, model.embedding) for n, a in batch.items()}


def forward(model: Any, batch: dict[str, np.ndarray], rng: Any = None) -> Any:
    b = put(model, batch)
    x, lengths = model.inputs(b)
    return model.scores(x, b["features"], lengths, rng)


def gold_of(model: Model, sentences: Sequence[Sentence], seed: int = 0) -> list[list[int]]:
    """Tags that the limits allow."""
    rng, limits = np.random.default_rng(seed), model.vocabulary.limits
    found = []
    for s in sentences:
        row: list[int] = []
        for t in range(len(s.words)):
            may = np.ones(len(model.vocabulary.labels), bool)
            if limits is not None:
                may = limits[1][row[-1]] if t else limits[0]
            row.append(int(rng.choice(np.flatnonzero(may))))
        found.append(row)
    return found


def nats(model: Model, emissions: np.ndarray, gold: Sequence[int]) -> float:
    """-log p of a sentence's tags, by the score of every path."""
    chain, K = model.chain, emissions.shape[1]

    def score(path: Sequence[int]) -> float:
        total = float(sum(emissions[t, k] for t, k in enumerate(path)))
        if chain is not None:
            total += float(chain.start[path[0]]) + float(chain.end[path[-1]])
            total += float(sum(chain.transitions[a, b] for a, b in itertools.pairwise(path)))
        return total

    scores = np.array([score(p) for p in itertools.product(range(K), repeat=len(emissions))])
    return float(np.log(np.exp(scores - scores.max()).sum()) + scores.max()) - score(gold)


SHAPES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "crf, spans": ({}, {}),
    "crf, no spans": ({"scheme": None}, {"cell": "gru"}),
    "softmax": ({}, {"head": "softmax", "layers": 2}),
    "forward only": ({"vectors": 0}, {"bidirectional": False, "characters": "rnn"}),
    "words alone": ({"vectors": 0, "features": False}, {"characters": None, "cell": "rnn"}),
    **{name: ({}, {"cell": name, "layers": 2}) for name in OWN},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_loss_is_that_of_all_paths(shape: str) -> None:
    about, keys = SHAPES[shape]
    model = make(vocabulary(**about), **keys)
    sentences = [sentence(np.random.default_rng(i), n) for i, n in enumerate([4, 1, 3, 5])]
    tags = gold_of(model, sentences)
    wide, exact = double(model), cast(model, lambda a: a.astype(np.float64))
    batch = batch_of(model, sentences, tags)
    emissions = forward(exact, batch)  # NumPy's
    assert emissions.dtype == np.float64
    least = 1e-7 if shape == "forward only" else 1e-12  # NumPy's rnn over characters works in float32
    np.testing.assert_allclose(forward(wide, batch).numpy(), emissions, rtol=0, atol=least)
    total = sum(nats(exact, emissions[: len(t), b], t) for b, t in enumerate(tags))
    assert wide.loss(put(wide, batch)).item() == pytest.approx(total / 13, abs=10 * least)
    assert model.loss(batch) == pytest.approx(total / 13, abs=1e-4)
    spoilt = batch | {n: np.where(np.arange(6)[:, None] < batch["lengths"], batch[n], 1) for n in ("index", "tags")}
    assert wide.loss(put(wide, spoilt)).item() == pytest.approx(total / 13, abs=10 * least)  # padding is not read


@pytest.mark.parametrize("characters", [*CHARACTERS, None])
def test_the_forward_pass_is_torch_nns_sentence_by_sentence(characters: str | None) -> None:
    """x_t = [word; vector; characters; feature] through torch.nn.LSTM on each sentence alone, then a linear map."""
    model = make(characters=characters, layers=2)
    v, lstm = model.vocabulary, torch.nn.LSTM(model.stack.cells[0][0].input_size, 4, 2, bidirectional=True)
    for name, a in model.arrays().items():
        if name.startswith("stack.cells."):
            depth, direction, weight = name.removeprefix("stack.cells.").split(".")
            getattr(lstm, f"{weight}_l{depth}{'_reverse' * int(direction)}").data.copy_(torch.from_numpy(a))
    lstm = lstm.double()
    sentences = [sentence(np.random.default_rng(i), n) for i, n in enumerate([4, 1, 6])]
    found = model.emissions([s.words for s in sentences], [s.features for s in sentences])
    for s, scores in zip(sentences, found, strict=True):
        rows = []
        for word, tag in zip(s.words, s.features["pos"], strict=True):
            plain = v.normal(word)
            at = v.words.index(plain) + 1 if plain in v.words else 0
            parts = [model.embedding[at], np.zeros(2, np.float32)]
            if word in v.vector_words:
                parts[1] = v.vectors[v.vector_words.index(word)]
            if model.characters is not None:
                parts.append(model.characters.encode(*v.character_ids([word]))[0])
            parts.append(model.features[0][v.features["pos"].index(tag) + 1 if tag in POS else 0])
            rows.append(np.concatenate(parts).astype(np.float64))
        y, _ = lstm(torch.from_numpy(np.stack(rows)))
        wanted = y.detach().numpy() @ model.output_weight.T.astype(np.float64) + model.output_bias
        np.testing.assert_allclose(scores, wanted, rtol=0, atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_reach_every_array(shape: str) -> None:
    about, keys = SHAPES[shape]
    model = make(vocabulary(**about), **keys)
    leaves = {n: torch.from_numpy(a).requires_grad_() for n, a in model.arrays().items()}
    bound = layers.replace(model, leaves)
    sentences = [sentence(np.random.default_rng(i), 7) for i in range(8)]
    bound.loss(put(bound, batch_of(model, sentences, gold_of(model, sentences)))).backward()
    for name, leaf in leaves.items():
        assert leaf.grad is not None, name
        assert bool(leaf.grad.isfinite().all()), name
        assert bool(leaf.grad.any()), name


OF_CELLS = [{"cell": name} for name in CELLS]
FORMS = [*OF_CELLS, *({**c, "layers": 2} for c in OF_CELLS), *(keys for _, keys in SHAPES.values())]


@pytest.mark.parametrize("keys", FORMS, ids=str)
@pytest.mark.parametrize("features", [True, False], ids=["features", "plain"])
def test_emissions_are_the_scores_of_torch(keys: dict[str, Any], features: bool) -> None:
    model = make(vocabulary(features=features), **keys)
    sentences = [sentence(np.random.default_rng(i), n) for i, n in enumerate([5, 17, 1, 9])]
    found = model.emissions([s.words for s in sentences], [s.features for s in sentences] if features else ())
    wanted = forward(double(model), batch_of(model, sentences)).numpy()
    for b, (s, scores) in enumerate(zip(sentences, found, strict=True)):
        assert scores.dtype == np.float32
        assert scores.shape == (len(s.words), len(model.vocabulary.labels))
        np.testing.assert_allclose(scores, wanted[: len(s.words), b], rtol=0, atol=1e-5)


def alone(model: Model, s: Sentence) -> np.ndarray:
    """The emissions of a sentence from a model that has read nothing else."""
    return layers.replace(model, model.arrays()).emissions([s.words], [s.features])[0]


@given(seed=st.integers(0, 2**32), kept=st.sampled_from([1, 4 * 32 * 7, 4 * 32 * 40, 64 << 20]), data=st.data())
@settings(max_examples=examples(40))
def test_emissions_depend_on_nothing_but_their_sentence(seed: int, kept: int, data: st.DataObject) -> None:
    """Neither on batch-mates, nor on what was asked before, nor on what the bank could keep: 1, 7, 40, all words."""
    rng = np.random.default_rng(seed)
    keys: dict[str, Any] = {"layers": 2} if seed % 3 else {"characters": "rnn"}
    model = make(None, seed % 2, **keys)
    pool = [sentence(rng, int(n)) for n in rng.integers(1, 25, 20)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("seqcli.inference.words.KEPT_BYTES", kept)
        for _ in range(data.draw(st.integers(1, 3))):
            chosen = [pool[i] for i in rng.permutation(20)[: data.draw(st.integers(1, 20))]]
            found = model.emissions([s.words for s in chosen], [s.features for s in chosen])
            for place in rng.permutation(len(chosen))[:3]:
                np.testing.assert_array_equal(found[place], alone(model, chosen[place]))


def test_the_bank_keeps_no_more_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "seqcli.inference.words.KEPT_BYTES", 4 * 32 * 50
    )  # 50 words of 2 directions, 4 gates, 4 units
    model = make()
    for seed in range(30):
        s = sentence(np.random.default_rng(seed), 5)
        model.emissions([s.words], [s.features])
        assert len(model._bank._known) <= 50
        assert set(s.words) <= model._bank._known.keys()
    many = sentence(np.random.default_rng(99), 400)
    np.testing.assert_array_equal(model.emissions([many.words], [many.features])[0], alone(make(), many))
    assert len(model._bank._known) <= 50


def test_the_bank_grows_and_encodes_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """More words than its first table holds, more than are encoded at once."""
    s = Sentence(words=[f"w{i}é" for i in range(2500)], features={"pos": ["N"] * 2500})
    whole = alone(make(), s)
    assert len(whole) == 2500
    monkeypatch.setattr("seqcli.inference.words.ENCODED", 7)
    np.testing.assert_array_equal(alone(make(), s), whole)


def test_threads_change_no_bit() -> None:
    model = make(hidden=70, embedding=60)
    pool = [sentence(np.random.default_rng(i), 30) for i in range(40)]
    asked = [s.words for s in pool], [s.features for s in pool]
    with threadpool_limits(1, user_api="blas"):
        one = layers.replace(model, model.arrays()).emissions(*asked)
    with threadpool_limits(2, user_api="blas"):
        two = layers.replace(model, model.arrays()).emissions(*asked)
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


def test_no_words_no_emissions() -> None:
    model = make(vocabulary(features=False))
    assert [e.shape for e in model.emissions([["a"], [], ["b", "c"]])] == [(1, 3), (0, 3), (2, 3)]
    assert model.emissions([]) == []


# dropout


def test_dropout_is_the_generators_alone() -> None:
    model = double(make(dropout=0.5, layers=2))
    sentences = [sentence(np.random.default_rng(i), 6) for i in range(3)]
    batch = batch_of(model, sentences, gold_of(model, sentences))

    def loss(seed: int | None) -> float:
        rng = None if seed is None else torch.Generator().manual_seed(seed)
        return model.loss(put(model, batch), rng).item()

    assert loss(None) == loss(None)
    assert loss(1) == loss(1) != loss(2)
    assert loss(None) == double(make(layers=2)).loss(put(model, batch), torch.Generator()).item()


@pytest.mark.parametrize("variational", [False, True])
def test_what_is_dropped(variational: bool) -> None:
    """Half of the numbers, the others doubled; a variational mask is one for all time steps."""
    model, x = make(dropout=0.5, variational=variational), torch.ones(30, 5, 20)
    y = model.drop(x, torch.Generator().manual_seed(3))
    assert set(y.unique().tolist()) == {0.0, 2.0}
    assert abs(y.mean().item() - 1) < (0.25 if variational else 0.05)
    assert bool((y == y[:1]).all()) == variational


# configuration, weights, storage


def test_limits_are_in_the_chain_and_not_in_the_weights() -> None:
    model = make()
    start, transitions, _ = model.vocabulary.limits  # type: ignore[misc]
    assert model.chain is not None
    assert (model.chain.transitions < FORBIDDEN / 2).tolist() == (~transitions).tolist()
    assert (model.chain.start < FORBIDDEN / 2).tolist() == (~start).tolist()
    assert abs(model.crf.transitions).max() < 10  # type: ignore[union-attr]
    assert make(vocabulary(scheme=None)).chain.transitions.min() > -10  # type: ignore[union-attr]
    assert make(head="softmax").chain is None


@pytest.mark.parametrize("shape", SHAPES)
def test_stored_and_restored(shape: str) -> None:
    about, keys = SHAPES[shape]
    own = vocabulary(**about)
    model, s = make(own, **keys), sentence(np.random.default_rng(1), 8)
    about_it = config(own, keys)
    again = Model.restore(about_it, own, model.arrays())
    np.testing.assert_array_equal(alone(again, s), alone(model, s))
    assert not any("vocabulary" in name for name in model.arrays())
    assert all(a.dtype == np.float32 for a in model.arrays().values())
    with pytest.raises(SeqcliError, match="output_weight"):
        Model.restore(about_it, replace(own, labels=[*LABELS, "Z"]), model.arrays())
    drawn = [Model.create(about_it, own, np.random.default_rng(seed)).arrays() for seed in (4, 4, 5)]
    assert all(np.array_equal(a, drawn[1][n]) for n, a in drawn[0].items())
    assert any((a != drawn[2][n]).any() for n, a in drawn[0].items())
