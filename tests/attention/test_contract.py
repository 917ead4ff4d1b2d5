"""Every kind of attention, and a new one as soon as its file is there; each against its formula."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from support.examples import examples

from seqcli import attention, layers, registry
from seqcli.errors import UsageError
from seqcli.layers.blank import Blank
from seqcli.layers.choice import AttentionSpec, options_of

torch = pytest.importorskip("torch")

NAMES = registry.names("attention")
SPEC: TypeAdapter[Any] = TypeAdapter(AttentionSpec)
VARIANTS: list[dict[str, Any]] = [
    *({"kind": name} for name in NAMES),
    {"kind": "dot", "scaled": True},
    {"kind": "additive", "size": 5},
    *({"kind": "multihead", "heads": heads} for heads in (1, 2, 8)),
]
B, T, S, D = 3, 5, 7, 8  # queries and memory of one size: dot asks for it


def make(spec: dict[str, Any], seed: int = 0, memory: int = D) -> Any:
    """Float32, every weight drawn: fresh biases are 0 and would hide mistakes."""
    fresh = attention.create(spec, D, memory, np.random.default_rng(seed))
    rng = np.random.default_rng(seed + 1)
    return cast(fresh, lambda a: rng.normal(0, 0.5, a.shape).astype(np.float32))


def cast(layer: Any, change: Any) -> Any:
    return layers.replace(layer, {n: change(a) for n, a in layers.arrays(layer).items()})


def double(layer: Any) -> Any:
    return cast(layer, lambda a: torch.from_numpy(a.astype(np.float64)))


def run(layer: Any, query: Any, memory: Any, inside: Any) -> tuple[Any, Any]:
    return layer.attend(query, layer.keys(memory), layer.values(memory), inside)


def some(seed: int, rows: int = B, queries: int = T, positions: int = S, memory: int = D) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, positions + 1, rows)
    inside = np.arange(positions) < lengths[:, None]
    return (
        rng.standard_normal((rows, queries, D), np.float32),
        rng.standard_normal((rows, positions, memory), np.float32),
        inside,
    )


def formula(layer: Any, spec: dict[str, Any], q: np.ndarray, m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of one query (Q,) and what is inside (n, M), straight from the papers: context, weights."""
    w = {name: a.numpy() for name, a in layers.arrays(layer).items()}

    def softmax(x: np.ndarray) -> np.ndarray:
        return np.exp(x) / np.exp(x).sum()

    if spec["kind"] == "multihead":
        heads = spec.get("heads", 4)
        d, found, weights = D // heads, [], []
        for h in range(heads):
            own = slice(h * d, (h + 1) * d)
            k, v = m @ w["key_weight"][own].T, m @ w["value_weight"][own].T
            a = softmax(k @ (w["query_weight"][own] @ q) / np.sqrt(d))
            found.append(a @ v)
            weights.append(a)
        return w["output_weight"] @ np.concatenate(found), np.mean(weights, axis=0)
    scores = {
        "dot": lambda: m @ q / (np.sqrt(D) if spec.get("scaled") else 1),
        "general": lambda: m @ (w["weight"] @ q),
        "additive": lambda: np.tanh(w["query_weight"] @ q + m @ w["memory_weight"].T + w["bias"]) @ w["context"][0],
    }
    if spec["kind"] not in scores:
        pytest.skip(f"no formula is written here for {spec['kind']}")
    a = softmax(scores[spec["kind"]]())
    return a @ m, a


@pytest.mark.parametrize("spec", VARIANTS, ids=str)
def test_it_is_its_formula(spec: dict[str, Any]) -> None:
    layer, (query, memory, inside) = double(make(spec)), some(1)
    inside = np.random.default_rng(1).random((B, S)) < 0.6  # any mask, not of lengths alone
    inside[:, 3] = True
    q, m = query.astype(np.float64), memory.astype(np.float64)
    context, weights = run(layer, torch.from_numpy(q), torch.from_numpy(m), torch.from_numpy(inside))
    for b, t in np.ndindex(B, T):
        wanted, a = formula(layer, spec, q[b, t], m[b][inside[b]])
        np.testing.assert_allclose(context[b, t].numpy(), wanted, rtol=0, atol=1e-12)
        np.testing.assert_allclose(weights[b, t].numpy()[inside[b]], a, rtol=0, atol=1e-12)
        assert not weights[b, t].numpy()[~inside[b]].any()


@pytest.mark.parametrize("spec", VARIANTS, ids=str)
@pytest.mark.parametrize("own", [False, True], ids=["mask a source", "mask a query"])
def test_numpy_equals_torch(spec: dict[str, Any], own: bool) -> None:
    layer, (query, memory, inside) = make(spec), some(2)
    if own:
        inside = np.tril(np.ones((T, S), bool))[None] & inside[:, None]
        inside[..., 0] = True
    ours = run(layer, query, memory, inside)
    theirs = run(
        double(layer), *(torch.from_numpy(x.astype(np.float64)) for x in (query, memory)), torch.from_numpy(inside)
    )
    for x, y in zip(ours, theirs, strict=True):
        assert x.dtype == np.float32
        np.testing.assert_allclose(x, y.numpy(), rtol=0, atol=5e-6)
    exact = run(cast(layer, lambda a: a.astype(np.float64)), query.astype(float), memory.astype(float), inside)
    for x, y in zip(exact, theirs, strict=True):
        np.testing.assert_allclose(x, y.numpy(), rtol=0, atol=1e-12)
    assert ours[0].shape == (B, T, layer.context_size(D))
    np.testing.assert_allclose(ours[1].sum(-1), 1, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_memory_of_another_size(name: str) -> None:
    try:
        layer = make({"kind": name}, memory=6)
    except UsageError as error:
        assert "model.attention" in error.message  # noqa: PT017
        return
    query, memory, inside = some(3, memory=6)
    context, weights = run(layer, query, memory, inside)
    assert context.shape == (B, T, layer.context_size(6))
    assert weights.shape == (B, T, S)


@pytest.mark.parametrize("spec", VARIANTS, ids=str)
def test_gradients_are_those_of_finite_differences(spec: dict[str, Any]) -> None:
    layer, (query, memory, inside) = make(spec), some(4, rows=2, queries=2, positions=3)
    arrays = layers.arrays(layer)
    leaves = [torch.from_numpy(a.astype(np.float64)).requires_grad_() for a in (query, memory, *arrays.values())]

    def f(query: Any, memory: Any, *weights: Any) -> Any:
        return run(
            layers.replace(layer, dict(zip(arrays, weights, strict=True))), query, memory, torch.from_numpy(inside)
        )

    assert torch.autograd.gradcheck(f, leaves, atol=1e-6)


@pytest.mark.parametrize("spec", VARIANTS, ids=str)
@given(seed=st.integers(0, 2**32), rows=st.integers(1, 5), data=st.data())
@settings(max_examples=examples(15), deadline=None)
def test_a_query_depends_neither_on_the_others_nor_on_padding_to_the_last_bit(
    spec: dict[str, Any], seed: int, rows: int, data: st.DataObject
) -> None:
    queries, positions = data.draw(st.integers(1, 20)), data.draw(st.integers(1, 40))
    layer, (query, memory, inside) = make(spec), some(seed, rows, queries, positions)
    context, weights = run(layer, query, memory, inside)
    rng = np.random.default_rng(seed)
    b, some_of = int(rng.integers(rows)), rng.permutation(queries)[: data.draw(st.integers(1, queries))]
    length, more = int(inside[b].sum()), data.draw(st.integers(0, 20))
    other = rng.standard_normal((1, length + more, D), np.float32) * np.float32(1e6)
    other[0, :length] = memory[b, :length]
    c, w = run(layer, query[b : b + 1, some_of], other, np.arange(length + more)[None] < length)
    np.testing.assert_array_equal(c[0], context[b, some_of])
    np.testing.assert_array_equal(w[0, :, :length], weights[b, some_of, :length])
    assert not w[0, :, length:].any()


@pytest.mark.parametrize("spec", VARIANTS, ids=str)
def test_torch_reads_nothing_outside(spec: dict[str, Any]) -> None:
    layer, (query, memory, inside) = double(make(spec)), some(5)
    garbage = np.where(inside[..., None], memory, np.float32(1e6))
    found = [
        run(layer, *(torch.from_numpy(x.astype(np.float64)) for x in (query, m)), torch.from_numpy(inside))
        for m in (memory, garbage)
    ]
    for x, y in zip(*found, strict=True):
        assert torch.equal(x, y)


# multihead: what a transformer takes of it


@pytest.mark.parametrize("heads", [1, 2, 8])
@pytest.mark.parametrize("causal", [False, True])
def test_heads_are_torchs_scaled_dot_product_attention(heads: int, causal: bool) -> None:
    layer = double(make({"kind": "multihead", "heads": heads}))
    query, memory, inside = some(6, queries=S if causal else T)
    q, m = (torch.from_numpy(x.astype(np.float64)) for x in (query, memory))
    mask = None if causal else torch.from_numpy(inside)
    keys, values = layer.keys(m), layer.values(m)

    def apart(x: Any) -> Any:
        return x.reshape(B, -1, heads, D // heads).transpose(1, 2)

    wanted = torch.nn.functional.scaled_dot_product_attention(
        apart(q),
        apart(keys),
        apart(values),
        attn_mask=None if mask is None else mask[:, None, None],
        is_causal=causal,
    )
    wanted = wanted.transpose(1, 2).reshape(q.shape)
    fused, none = layer.look(q, keys, values, mask)
    plain, weights = layer.look(q, keys, values, mask, weigh=True)
    ours, own = layer.look(*(x.numpy() for x in (q, keys, values)), None if causal else inside, weigh=True)
    assert none is None
    for found in (fused, plain, torch.from_numpy(ours)):
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)
    np.testing.assert_allclose(own, weights.numpy(), rtol=0, atol=1e-12)
    if not causal:
        for found in (
            layer.glance(q, keys, values, mask),
            layer.glance(*(x.numpy() for x in (q, keys, values)), inside),
        ):
            np.testing.assert_allclose(np.asarray(found[0]), wanted.numpy(), rtol=0, atol=1e-12)
            np.testing.assert_allclose(np.asarray(found[1]), own, rtol=0, atol=1e-12)


@pytest.mark.parametrize("causal", [False, True])
def test_the_fused_way_has_the_equations_gradients_in_both_precisions(causal: bool) -> None:
    layer, (query, memory, inside) = make({"kind": "multihead", "heads": 2}), some(7, queries=S)
    mask = None if causal else torch.from_numpy(inside)

    def gradients(kind: Any, weigh: bool) -> Any:
        q, k, v = (torch.from_numpy(x).to(kind).requires_grad_() for x in (query, memory, memory + 1))
        y, _ = layer.look(q, k, v, mask, weigh=weigh)
        (y * torch.arange(D).to(kind)).sum().backward()
        return [x.double() for x in (y.detach(), q.grad, k.grad, v.grad)]

    exact = gradients(torch.float64, True)
    for kind, tolerance in ((torch.float64, 1e-12), (torch.float32, 1e-4), (torch.bfloat16, 0.4)):
        for x, y in zip(gradients(kind, False), exact, strict=True):
            torch.testing.assert_close(x, y, rtol=0, atol=tolerance)


def test_dropout_of_weights_keeps_their_mean_and_is_the_generators() -> None:
    layer, (query, memory, inside) = cast(make({"kind": "multihead"}), torch.from_numpy), some(8)
    q, m, mask = torch.from_numpy(query), torch.from_numpy(memory), torch.from_numpy(inside)

    def drawn(seed: int) -> Any:
        return layer.look(q, m, m, mask, dropout=0.3, rng=torch.Generator().manual_seed(seed))[0]

    assert torch.equal(drawn(1), drawn(1))
    assert not torch.equal(drawn(1), drawn(2))
    plain = layer.look(q, m, m, mask, dropout=0.3)[0]
    mean = torch.stack([drawn(seed) for seed in range(800)]).mean(0)
    torch.testing.assert_close(mean, plain, rtol=0, atol=0.2)


def test_many_scores_are_computed_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, (query, memory, inside) = make({"kind": "multihead"}), some(9, rows=5)
    whole = run(layer, query, memory, inside)
    monkeypatch.setattr(registry.load("attention", "multihead"), "SCORES", 2 * 4 * T * S + 1)
    for x, y in zip(run(layer, query, memory, inside), whole, strict=True):
        np.testing.assert_array_equal(x, y)


# making them


@pytest.mark.parametrize("name", NAMES)
def test_weights_are_the_seeds_and_blank_gives_the_shapes(name: str) -> None:
    one, two, other = (
        layers.arrays(attention.create({"kind": name}, D, D, np.random.default_rng(seed))) for seed in (1, 1, 2)
    )
    blank = layers.arrays(attention.create({"kind": name}, D, D, Blank()))
    assert list(one) == list(blank)
    for n, a in one.items():
        assert a.dtype == blank[n].dtype == np.float32
        assert a.shape == blank[n].shape
        np.testing.assert_array_equal(a, two[n])
    assert not one or any((a != other[n]).any() for n, a in one.items())


@pytest.mark.parametrize("name", NAMES)
def test_specs_are_filled_in(name: str) -> None:
    assert SPEC.validate_python(name) == SPEC.validate_python({"kind": name}) == {"kind": name}
    assert registry.summary("attention", name)
    for option in options_of("attention", name):
        with pytest.raises(ValidationError, match=option):
            SPEC.validate_python({"kind": name, option: "many"})


def test_none_is_a_choice_too() -> None:
    assert SPEC.validate_python("none") == SPEC.validate_python({"kind": "none"}) == {"kind": "none"}


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("genral", ["'genral'", "did you mean 'general'?"]),
        ({"heads": 4}, ["needs a kind", "{kind: general}"]),
        ({"kind": "dot", "heads": 4}, ["the attention dot", "'heads'"]),
        ({"kind": "multihead", "head": 4}, ["'head'", "did you mean 'heads'?"]),
    ],
    ids=str,
)
def test_mistakes_are_named(spec: Any, said: list[str]) -> None:
    with pytest.raises(ValidationError) as caught:
        SPEC.validate_python(spec)
    assert all(part in str(caught.value) for part in said), str(caught.value)


@pytest.mark.parametrize("heads", [0, 3])
def test_heads_must_divide_the_size(heads: int) -> None:
    with pytest.raises(UsageError, match="equal heads"):
        attention.create({"kind": "multihead", "heads": heads}, D, D, Blank())
