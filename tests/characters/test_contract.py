"""Every encoder of characters, and a new one as soon as its file is there; each against a plain reference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from support.examples import examples

from seqcli import layers, registry
from seqcli.characters import CharactersSpec
from seqcli.errors import UsageError
from seqcli.layers.blank import Blank
from seqcli.layers.choice import options_of
from seqcli.recipe.load import load_recipe

torch = pytest.importorskip("torch")

NAMES = registry.names("characters")
CHARACTERS = 11
SPEC: TypeAdapter[Any] = TypeAdapter(CharactersSpec)

VARIANTS: list[dict[str, Any]] = [{"kind": name} for name in NAMES]
VARIANTS += [{"kind": "cnn", "embedding": 3, "filters": 5, "width": width} for width in (1, 2, 3, 4, 7)]
VARIANTS += [{"kind": "rnn", "embedding": 4, "hidden": 5, "cell": cell} for cell in registry.names("cells")]
VARIANTS += [
    {"kind": "rnn", "embedding": 4, "hidden": 5, "cell": {"kind": cell, key: value}}
    for cell in registry.names("cells")
    for key, values in options_of("cells", cell).items()
    for value in values[1:]
    if not isinstance(value, type)
]


def make(spec: dict[str, Any], seed: int = 0) -> Any:
    """An encoder in float32, every weight drawn: fresh biases are 0 and would hide mistakes."""
    module = registry.load("characters", spec["kind"])
    encoder = module.Encoder.create(module.Config(**spec), CHARACTERS, np.random.default_rng(seed))
    rng = np.random.default_rng(seed + 1)
    drawn = {n: rng.normal(0, 0.5, a.shape).astype(np.float32) for n, a in layers.arrays(encoder).items()}
    return layers.replace(encoder, drawn)


def cast(encoder: Any, change: Any) -> Any:
    return layers.replace(encoder, {n: change(a) for n, a in layers.arrays(encoder).items()})


def some_words(rng: np.random.Generator, count: int, longest: int = 9, padding: int = 0) -> Any:
    """ids (U, L), 0 behind each word, and lengths (U,) of 2 and more; the longest word is not always as long as L."""
    lengths = rng.integers(2, longest + 1, count)
    ids = rng.integers(1, CHARACTERS, (count, int(lengths.max(initial=2)) + padding))
    ids[np.arange(ids.shape[1]) >= lengths[:, None]] = 0
    return ids, lengths


@pytest.mark.parametrize("spec", VARIANTS, ids=str)
def test_numpy_equals_torch_and_the_size_is_as_said(spec: dict[str, Any]) -> None:
    encoder, (ids, lengths) = make(spec), some_words(np.random.default_rng(2), 20, padding=1)
    ours = encoder.encode(ids, lengths)
    exact = cast(encoder, lambda a: torch.from_numpy(a.astype(np.float64)))
    theirs = exact.encode(torch.from_numpy(ids), torch.from_numpy(lengths))
    assert ours.dtype == np.float32
    assert ours.shape == tuple(theirs.shape) == (20, encoder.output_size)
    np.testing.assert_allclose(ours, theirs.numpy(), rtol=0, atol=2e-6)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_reach_every_array_and_are_finite(name: str) -> None:
    weights = {n: torch.from_numpy(a).requires_grad_() for n, a in layers.arrays(make({"kind": name})).items()}
    encoder = layers.replace(make({"kind": name}), weights)
    ids, lengths = some_words(np.random.default_rng(3), 12)
    encoder.encode(torch.from_numpy(ids), torch.from_numpy(lengths)).square().sum().backward()
    for array, weight in weights.items():
        assert weight.grad is not None, array
        assert bool(weight.grad.isfinite().all()), array
        assert bool(weight.grad.any()), array


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    spec = {"cnn": {"filters": 3}, "rnn": {"hidden": 2}}.get(name, {})
    encoder = make({"kind": name, "embedding": 2, **spec})
    ids, lengths = some_words(np.random.default_rng(4), 3, longest=4)
    arrays = layers.arrays(encoder)
    leaves = [torch.from_numpy(a.astype(np.float64)).requires_grad_() for a in arrays.values()]

    def run(*weights: Any) -> Any:
        own = layers.replace(encoder, dict(zip(arrays, weights, strict=True)))
        return own.encode(torch.from_numpy(ids), torch.from_numpy(lengths))

    assert torch.autograd.gradcheck(run, leaves, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 70), data=st.data())
@settings(max_examples=examples(25))
def test_a_word_does_not_depend_on_its_batch_to_the_last_bit(
    name: str, seed: int, count: int, data: st.DataObject
) -> None:
    rng, encoder = np.random.default_rng(seed), make({"kind": name}, seed % 3)
    ids, lengths = some_words(rng, count)
    whole = encoder.encode(ids, lengths)
    chosen = rng.permutation(count)[: data.draw(st.integers(1, count))]
    padding = data.draw(st.integers(0, 5))
    shorter = int(lengths[chosen].max())
    part = np.concatenate([ids[chosen, :shorter], np.zeros((len(chosen), padding), ids.dtype)], axis=1)
    np.testing.assert_array_equal(encoder.encode(part, lengths[chosen]), whole[chosen])


@pytest.mark.parametrize("name", NAMES)
def test_what_stands_behind_a_word_is_not_read(name: str) -> None:
    encoder, rng = make({"kind": name}), np.random.default_rng(5)
    ids, lengths = some_words(rng, 9, padding=2)
    other = np.where(ids == 0, rng.integers(1, CHARACTERS, ids.shape), ids)
    np.testing.assert_array_equal(encoder.encode(ids, lengths), encoder.encode(other, lengths))
    tensors = cast(encoder, torch.from_numpy)
    a, b = (tensors.encode(torch.from_numpy(x), torch.from_numpy(lengths)) for x in (ids, other))
    assert torch.allclose(a, b, atol=1e-7)


@pytest.mark.parametrize("longest", [2, 3, 9])
@pytest.mark.parametrize("width", [1, 2, 3, 4, 6, 9, 15])
def test_cnn_is_the_largest_of_all_windows(width: int, longest: int) -> None:
    """Window by window, with zeros in place of what lies outside the word: L windows, the first begins before it."""
    encoder = cast(make({"kind": "cnn", "embedding": 3, "filters": 4, "width": width}), np.float64)
    ids, lengths = some_words(np.random.default_rng(width), 15, longest, padding=0 if longest < 9 else 3)
    found = encoder.encode(ids, lengths)
    assert found.dtype == np.float64
    for row, (word, length) in enumerate(zip(ids, lengths, strict=True)):
        answers = []
        for t in range(length):
            places = range(t - (width - 1) // 2, t - (width - 1) // 2 + width)
            window = [encoder.embedding[word[p]] if 0 <= p < length else np.zeros(3) for p in places]
            answers.append(np.maximum(encoder.weight @ np.concatenate(window) + encoder.bias, 0))
        np.testing.assert_allclose(found[row], np.max(answers, axis=0), rtol=0, atol=1e-12)


def test_cnn_agrees_with_torch_conv1d() -> None:
    encoder = cast(make({"kind": "cnn", "embedding": 3, "filters": 4, "width": 3}), np.float64)
    ids, lengths = some_words(np.random.default_rng(6), 15)
    kernel = torch.from_numpy(encoder.weight.reshape(4, 3, 3).transpose(0, 2, 1).copy())  # (C, E, w)
    for row, (word, length) in enumerate(zip(ids, lengths, strict=True)):
        x = torch.from_numpy(encoder.embedding[word[:length]].T[None])
        y = torch.nn.functional.conv1d(x, kernel, torch.from_numpy(encoder.bias), padding=1).relu().amax(-1)[0]
        np.testing.assert_allclose(encoder.encode(ids, lengths)[row], y.numpy(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_rnn_is_the_last_states_of_torch_on_packed_words(cell: str) -> None:
    encoder = make({"kind": "rnn", "embedding": 3, "hidden": 4, "cell": cell})
    oracle = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rnn": torch.nn.RNN}[cell](3, 4, bidirectional=True)
    for d, suffix in enumerate(["", "_reverse"]):
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            weight = layers.arrays(encoder)[f"stack.cells.0.{d}.{name}"]
            getattr(oracle, f"{name}_l0{suffix}").data.copy_(torch.from_numpy(weight))
    oracle = oracle.double()
    ids, lengths = some_words(np.random.default_rng(7), 15, padding=1)
    x = torch.from_numpy(encoder.embedding[ids].astype(np.float64))
    packed = torch.nn.utils.rnn.pack_padded_sequence(
        x, torch.from_numpy(lengths), batch_first=True, enforce_sorted=False
    )
    state = oracle(packed)[1]
    h = state[0] if cell == "lstm" else state  # (2, U, H)
    wanted = torch.cat([h[0], h[1]], dim=1).detach()
    np.testing.assert_allclose(encoder.encode(ids, lengths), wanted.numpy(), rtol=0, atol=2e-6)
    exact = cast(encoder, lambda a: torch.from_numpy(a.astype(np.float64)))
    own = exact.encode(torch.from_numpy(ids), torch.from_numpy(lengths))
    assert torch.allclose(own, wanted, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_weights_are_the_seeds_and_blank_gives_the_shapes(name: str) -> None:
    module = registry.load("characters", name)
    one, two, other = (
        layers.arrays(module.Encoder.create(module.Config(), CHARACTERS, np.random.default_rng(s))) for s in (1, 1, 2)
    )
    blank = layers.arrays(module.Encoder.create(module.Config(), CHARACTERS, Blank()))
    assert list(one) == list(blank)
    for n, a in one.items():
        assert a.dtype == blank[n].dtype == np.float32
        assert a.shape == blank[n].shape
        np.testing.assert_array_equal(a, two[n])
    assert any((a != other[n]).any() for n, a in one.items())


# recipes


def test_specs_are_filled_in() -> None:
    for name in NAMES:
        full = SPEC.validate_python(name)
        assert full["kind"] == name
        assert full == SPEC.validate_python({"kind": name}) == SPEC.validate_python(full)
        assert registry.summary("characters", name)
    assert SPEC.validate_python("none") is SPEC.validate_python(None) is None
    assert SPEC.validate_python({"kind": "rnn", "hidden": 7})["hidden"] == 7


BAD: list[tuple[Any, list[str]]] = [
    ("cnm", ["'cnm'", "did you mean 'cnn'?"]),
    ({"kind": "cnm", "width": 3}, ["'cnm'", "did you mean 'cnn'?"]),
    ({"width": 3}, ["needs a kind", "{kind: cnn}"]),
    ({"kind": 3}, ["needs a kind"]),
    ({"kind": "cnn", "hidden": 3}, ["hidden", "unknown key", "embedding, filters, width"]),
    ({"kind": "cnn", "width": 0}, ["width", "greater than or equal to 1"]),
    ({"kind": "rnn", "hidden": "many"}, ["hidden", "integer"]),
    ({"kind": "rnn", "cell": "lstmm"}, ["cell", "'lstmm'", "did you mean 'lstm'?"]),
]


@pytest.mark.parametrize(("spec", "said"), BAD, ids=[str(spec) for spec, _ in BAD])
def test_mistakes_are_named(spec: Any, said: list[str]) -> None:
    with pytest.raises(ValidationError) as caught:
        SPEC.validate_python(spec)
    assert all(part in str(caught.value) for part in said), str(caught.value)


@pytest.mark.parametrize(("spec", "said"), [BAD[0], BAD[4]], ids=["kind", "key"])
def test_mistakes_in_a_recipe_have_their_place(tmp_path: Path, spec: Any, said: list[str]) -> None:
    path = tmp_path / "r.yaml"
    shown = "{kind: cnn, hidden: 3}" if isinstance(spec, dict) else spec
    path.write_text(f"task: tagging\ndata: {{train: x.txt}}\nmodel:\n  characters: {shown}\n")
    with pytest.raises(UsageError) as caught:
        load_recipe(path)
    assert "r.yaml:4" in caught.value.message
    assert "model.characters" in caught.value.message
    assert all(part in caught.value.message for part in said), caught.value.message
