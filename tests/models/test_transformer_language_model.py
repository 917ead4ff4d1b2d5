"""The transformer as a language model: one equation in training, in scoring and with caches; its window."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from seqcli import layers, ops
from seqcli.decoding.sampling import Carried, Sampling, sample
from seqcli.errors import UsageError
from seqcli.models.transformer_language_model import Config, Model
from seqcli.recipe.load import resolve_recipe

V, W = 11, 8
SETS = [{}, {"positions": "learned"}, {"norm": "post", "tied": False, "activation": "relu"}]


def made(seed: int = 0, dtype: Any = np.float64, **options: Any) -> Model:
    config = Config(**{"size": 12, "heads": 3, "layers": 2, "window": W, "dropout": 0.3, **options})
    model, rng = Model.create(config, V, np.random.default_rng(seed)), np.random.default_rng(seed + 1)
    return layers.replace(
        model, {n: (a + rng.normal(0, 0.3, a.shape)).astype(dtype) for n, a in model.arrays().items()}
    )


def in_torch(model: Model, grad: bool = False) -> Model:
    torch = pytest.importorskip("torch")
    return layers.replace(
        model, {n: torch.from_numpy(a.copy()).requires_grad_(grad) for n, a in model.arrays().items()}
    )


def texts(rows: int = 2, length: int = 30, seed: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, V, (rows, length))


def by_definition(model: Model, ids: np.ndarray) -> np.ndarray:
    """log p of what follows each token (B, T, V): each from its own window alone, nothing kept."""
    found = []
    for t in range(ids.shape[1]):
        known = t + 1
        while known > W:
            known -= W - W // 2
        h, _ = model.hidden(ids[:, t + 1 - known : t + 1])
        found.append(ops.log_softmax(model.logits(h[:, -1])))
    return np.stack(found, 1)


@pytest.mark.parametrize("options", SETS)
def test_scoring_and_stepping_see_the_same_window(options: dict[str, Any]) -> None:
    model, ids = made(**options), texts()
    expected = by_definition(model, ids)
    own = np.take_along_axis(expected[:, :-1], ids[:, 1:, None], 2)[..., 0]
    for cut in (0, 1, 7, 8, 13):
        first, state = model.score(ids[:, :cut], ids[:, 1 : cut + 1], model.initial_state(2))
        second, _ = model.score(ids[:, cut:-1], ids[:, cut + 1 :], state)
        np.testing.assert_allclose(np.concatenate([first, second], 1), own, atol=1e-9)
    state = model.initial_state(2)
    for t in range(ids.shape[1]):
        logits, after = model.step(ids[:, t], None, state)
        np.testing.assert_allclose(ops.log_softmax(logits), expected[:, t], atol=1e-9)
        other, _ = model.step((ids[:, t] + 1) % V, None, state)  # from the same state again: it is not changed
        assert not np.allclose(other, logits)
        logits, state = model.step(ids[:, t], None, state)
        np.testing.assert_allclose(ops.log_softmax(logits), expected[:, t], atol=1e-9)
        assert after[0].shape == state[0].shape


@pytest.mark.parametrize("options", SETS)
def test_numpy_and_torch_agree(options: dict[str, Any]) -> None:
    model, ids = made(**options), texts()
    there = in_torch(model)
    ours, state = model.score(ids[:, :20], ids[:, 1:21], model.initial_state(2))
    theirs, other = there.score(ids[:, :20], ids[:, 1:21], there.initial_state(2))
    np.testing.assert_allclose(ours, theirs, atol=1e-9)
    for t in range(20, 30):
        a, state = model.step(ids[:, t], None, state)
        b, other = there.step(ids[:, t], None, other)
        np.testing.assert_allclose(a, b, atol=1e-5)  # what is given is float32


@pytest.mark.parametrize("prompt", [1, 5, 8, 21])
def test_greedy_text_is_the_same_with_and_without_caches(prompt: int) -> None:
    model, begun = made(dtype=np.float32), texts(1)[0, :prompt]
    drawn = [t.id for t in sample(model, begun, Sampling(temperature=0), np.random.default_rng(0), 40)]
    ids = list(begun)
    for expected in drawn:
        known = len(ids)
        while known > W:
            known -= W - W // 2
        h, _ = model.hidden(np.array([ids[len(ids) - known :]]))
        assert int(model.logits(h[0, -1:]).argmax()) == expected
        ids.append(expected)


def test_what_was_read_in_parts_was_read() -> None:
    model, ids = made(), texts(1)[0]
    whole, parts = Carried(), Carried()
    memory = whole.read(model, ids)
    for first in range(0, 30, 7):
        parts.read(model, ids[first : first + 7])
    np.testing.assert_allclose(parts.step(model, memory), whole.step(model, memory), atol=1e-9)


def test_the_loss_is_that_of_torch_s_attention() -> None:
    torch = pytest.importorskip("torch")
    model, ids = made(), texts(2, W + 1)
    there = in_torch(model, grad=True)
    loss, _ = there.loss(torch.from_numpy(ids[:, :-1].T), torch.from_numpy(ids[:, 1:].T), ())
    places = torch.arange(W).double()
    turn = torch.polar(torch.ones(W, 2).double(), places[:, None] * 1e4 ** -torch.tensor([0.0, 0.5]).double())

    def turned(x: Any) -> Any:  # (B, T, D): pairs as complex numbers
        pairs = x.reshape(2, W, 3, 2, 2)
        out = torch.complex(pairs[..., 0, :], pairs[..., 1, :]) * turn[:, None].to(torch.complex64).to(
            torch.complex128
        )
        return torch.stack([out.real, out.imag], -2).reshape(2, W, 12)

    def heads(x: Any) -> Any:
        return x.reshape(2, W, 3, 4).transpose(1, 2)

    x = there.embedding[torch.from_numpy(ids[:, :-1])] * 12**0.5
    for block in there.blocks:
        n = torch.nn.functional.layer_norm(x, (12,), block.attention_norm.weight, block.attention_norm.bias)
        a = block.attention
        q, k, v = (n @ w.T for w in (a.query_weight, a.key_weight, a.value_weight))
        y = torch.nn.functional.scaled_dot_product_attention(
            heads(turned(q)), heads(turned(k)), heads(v), is_causal=True
        )
        x = x + y.transpose(1, 2).reshape(2, W, 12) @ a.output_weight.T
        n = torch.nn.functional.layer_norm(x, (12,), block.feedforward_norm.weight, block.feedforward_norm.bias)
        f = block.feedforward
        x = (
            x
            + torch.nn.functional.gelu(n @ f.weight_in.T + f.bias_in, approximate="tanh") @ f.weight_out.T
            + f.bias_out
        )
    x = torch.nn.functional.layer_norm(x, (12,), there.norm.weight, there.norm.bias)
    logits = x @ there.embedding.T + there.output_bias
    expected = torch.nn.functional.cross_entropy(logits.reshape(-1, V), torch.from_numpy(ids[:, 1:]).reshape(-1))
    torch.testing.assert_close(loss, expected, atol=1e-7, rtol=0)
    ours = torch.autograd.grad(loss, there.embedding)[0]
    torch.testing.assert_close(ours, torch.autograd.grad(expected, there.embedding)[0], atol=1e-7, rtol=0)


def test_a_recipe_names_it_by_what_it_is() -> None:
    """`kind: transformer` is another model in each task."""
    text = {
        "task": "language-model",
        "tokenizer": "char",
        "data": {"train": "t.txt"},
        "model": {"kind": "transformer"},
    }
    assert resolve_recipe(text).model.kind == "transformer-language-model"


def test_heads_must_be_even() -> None:
    with pytest.raises(UsageError, match="15 units cannot be divided into 3 equal heads of an even size"):
        made(size=15)
