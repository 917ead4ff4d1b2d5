"""The transformer against torch.nn.Transformer, stepping against reading at once, and what a result may depend on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.examples import examples
from support.transformers import BOS, EOS, VARIANTS, batch_of, cast, double, make, some
from threadpoolctl import threadpool_limits

from seqcli import layers
from seqcli.layers.positions import sinusoids
from seqcli.layers.transformer import append, gelu, with_room
from seqcli.models.transformer import Model

torch = pytest.importorskip("torch")


# the oracle


def oracle(model: Model, norm: str) -> Any:
    """torch.nn.Transformer with the model's weights, in float64; its attention's biases, which ours lacks, are 0."""
    pre = norm == "pre"
    keys = {"dropout": 0.0, "batch_first": True, "norm_first": pre, "activation": gelu}
    D, h, F = 8, 2, 12
    encoder = torch.nn.TransformerEncoder(
        torch.nn.TransformerEncoderLayer(D, h, F, **keys),
        2,
        norm=torch.nn.LayerNorm(D) if pre else None,
        enable_nested_tensor=False,
    )
    decoder = torch.nn.TransformerDecoder(
        torch.nn.TransformerDecoderLayer(D, h, F, **keys), 2, norm=torch.nn.LayerNorm(D) if pre else None
    )
    both = torch.nn.Transformer(D, h, custom_encoder=encoder, custom_decoder=decoder, batch_first=True).double()
    with torch.no_grad():
        for part in both.modules():
            if isinstance(part, torch.nn.MultiheadAttention):
                part.in_proj_bias.zero_()
                part.out_proj.bias.zero_()
        for theirs, ours in pairs(model, both):
            theirs.copy_(ours)
    return both


def pairs(model: Model, both: Any, grad: bool = False) -> list[tuple[Any, Any]]:
    """(theirs, ours) of every weight of the blocks, or of their gradients."""
    own = layers.arrays(model)
    take = (lambda w: w.grad) if grad else (lambda w: w.detach())
    found = []

    def add(theirs: Any, *names: str) -> None:
        found.append((take(theirs), torch.cat([take(own[name]) for name in names])))

    for side, stack in (("encoder", both.encoder), ("decoder", both.decoder)):
        for i, layer in enumerate(stack.layers):
            at = f"{side}.{i}"
            parts = [("attention", layer.self_attn)] + (
                [("cross", layer.multihead_attn)] if side == "decoder" else []
            )
            for name, part in parts:
                add(part.in_proj_weight, *(f"{at}.{name}.{kind}_weight" for kind in ("query", "key", "value")))
                add(part.out_proj.weight, f"{at}.{name}.output_weight")
            add(layer.linear1.weight, f"{at}.feedforward.weight_in")
            add(layer.linear1.bias, f"{at}.feedforward.bias_in")
            add(layer.linear2.weight, f"{at}.feedforward.weight_out")
            add(layer.linear2.bias, f"{at}.feedforward.bias_out")
            norms = ["attention_norm", *(["cross_norm"] if side == "decoder" else []), "feedforward_norm"]
            for number, name in enumerate(norms, 1):
                add(getattr(layer, f"norm{number}").weight, f"{at}.{name}.weight")
                add(getattr(layer, f"norm{number}").bias, f"{at}.{name}.bias")
        if stack.norm is not None:
            add(stack.norm.weight, f"{side}_norm.weight")
            add(stack.norm.bias, f"{side}_norm.bias")
    return found


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_it_is_torch_nn_transformer_forward_and_backward(norm: str) -> None:
    weights = {n: a.requires_grad_() for n, a in layers.arrays(double(make(norm=norm, activation="gelu"))).items()}
    model = layers.replace(make(norm=norm, activation="gelu"), weights)
    both = oracle(model, norm)
    batch = batch_of(*some(1, 6, 12))
    B, T = batch["inputs"].shape
    S = batch["source"].shape[1]
    memory, state = model.read(batch["source"], batch["source_lengths"])
    readout, attention = model.readouts(batch["inputs"], memory, state)
    assert attention is None  # nobody asks for it

    def embed(ids: Any, table: Any) -> Any:
        return table.detach()[ids] * 8**0.5 + torch.from_numpy(sinusoids(ids.shape[1], 8))

    outside = torch.arange(S)[None] >= batch["source_lengths"][:, None]
    expected = both(
        embed(batch["source"], model.source_embedding),
        embed(batch["inputs"], model.target_embedding),
        tgt_mask=torch.nn.Transformer.generate_square_subsequent_mask(T, dtype=torch.float64),
        src_key_padding_mask=outside,
        memory_key_padding_mask=outside,
    )
    torch.testing.assert_close(readout, expected, rtol=0, atol=1e-11)
    direction = torch.from_numpy(np.random.default_rng(2).standard_normal((B, T, 8)))
    (readout * direction).sum().backward()
    (expected * direction).sum().backward()
    for ours, theirs in pairs(model, both, grad=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-10)


def test_waves_are_the_papers() -> None:
    for size in (6, 7):
        table = sinusoids(50, size)
        for pos, i in ((0, 0), (3, 0), (49, 1), (17, 2)):
            angle = pos / 10000 ** (2 * i / size)
            assert table[pos, 2 * i] == pytest.approx(np.sin(angle), abs=1e-14)
            assert table[pos, 2 * i + 1] == pytest.approx(np.cos(angle), abs=1e-14)


def test_gelu_is_torchs() -> None:
    x = np.linspace(-6, 6, 101)
    np.testing.assert_allclose(gelu(x), gelu(torch.from_numpy(x)).numpy(), rtol=0, atol=1e-14)
    exact = torch.nn.functional.gelu(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(gelu(x), exact, rtol=0, atol=1e-3)
    assert gelu(x.astype(np.float32)).dtype == np.float32


# stepping


def at(x: Any, index: Any) -> Any:
    """A part of a state, or a beam's reorder."""
    return tuple(at(y, index) for y in x) if isinstance(x, tuple) else x[index]


@pytest.mark.parametrize("keys", VARIANTS, ids=str)
@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_step_by_step_is_all_at_once(keys: dict[str, Any], library: str) -> None:
    """In float64, 20 positions (more than a tile, and than the learned positions), three sources of several lengths."""
    put = (lambda a: a) if library == "numpy" else torch.from_numpy
    model = cast(make(**keys), lambda a: put(a.astype(np.float64)))
    rng = np.random.default_rng(3)
    source, inputs = put(rng.integers(0, 13, (3, 11))), put(rng.integers(0, 17, (3, 20)))
    memory, state = model.read(source, put(np.array([11, 1, 6])))
    readouts, weights = model.readouts(inputs, memory, state)
    assert (weights is not None) == bool(keys.get("copy_source"))
    for t in range(20):
        found, looked, state = model.advance(inputs[:, t], memory, state)
        np.testing.assert_allclose(np.asarray(found), np.asarray(readouts[:, t]), rtol=0, atol=1e-10)
        np.testing.assert_allclose(np.asarray(looked).sum(-1), 1, atol=1e-12)
        assert not np.asarray(looked)[1, 1:].any()
        if weights is not None:
            np.testing.assert_allclose(np.asarray(looked), np.asarray(weights[:, t]), rtol=0, atol=1e-10)


@pytest.mark.parametrize("keys", VARIANTS, ids=str)
def test_scores_of_numpy_are_those_of_torch(keys: dict[str, Any]) -> None:
    model, (sources, targets) = make(**keys), some(4, 7, 25)
    exact = double(model).score(sources, targets)
    for x, y in zip(model.score(sources, targets), exact, strict=True):
        assert x.dtype == np.float32
        np.testing.assert_allclose(x, y, rtol=0, atol=2e-5)


@pytest.mark.parametrize("keys", VARIANTS, ids=str)
def test_scores_add_up_to_the_loss(keys: dict[str, Any]) -> None:
    model, (sources, targets) = double(make(**keys)), some(5, 7, 25)
    sources = [np.minimum(s, 11) for s in sources]  # copies are target symbols
    total = sum(x.sum() for x in model.score(sources, targets))
    batch = batch_of(sources, targets, extra=2)
    atol = 1e-5 if keys.get("copy_source") else 1e-6  # log-probabilities of copies are float32
    assert float(model.loss(batch)) == pytest.approx(-total / batch["total"], abs=atol)


# independence, to the last bit


@pytest.mark.parametrize("keys", VARIANTS, ids=str)
def test_scores_depend_neither_on_batch_nor_order_nor_padding_nor_threads(keys: dict[str, Any]) -> None:
    model, (sources, targets) = make(**keys), some(6, 64)
    whole = model.score(sources, targets)
    rng = np.random.default_rng(7)
    for count in (1, 1, 1, 7, 7, 63):
        chosen = rng.permutation(64)[:count]
        found = model.score([sources[i] for i in chosen], [targets[i] for i in chosen])
        for i, x in zip(chosen, found, strict=True):
            np.testing.assert_array_equal(x, whole[i])
    with threadpool_limits(2, user_api="blas"):
        for x, y in zip(model.score(sources[:20], targets[:20]), whole, strict=False):
            np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("keys", VARIANTS, ids=str)
@given(seed=st.integers(0, 2**32), K=st.sampled_from([1, 2, 5, 7]), data=st.data())
@settings(max_examples=examples(10), deadline=None)
def test_hypotheses_in_a_beam_are_those_alone(keys: dict[str, Any], seed: int, K: int, data: st.DataObject) -> None:
    """K hypotheses a source, reordered after every step as a beam does: each has the score of its own symbols."""
    model, (sources, _) = make(**keys), some(seed, data.draw(st.integers(1, 4)), 20)
    B, rng, steps = len(sources), np.random.default_rng(seed), data.draw(st.sampled_from([1, 5, 18]))

    memory, state = model.start(sources)
    state = at(state, np.repeat(np.arange(B), K))
    ids, said, scores = np.full(B * K, BOS), np.zeros((B * K, 0), int), np.zeros((B * K, 0), np.float32)
    for _ in range(steps):
        logprobs, state, attention = model.step(ids, memory, state)
        assert attention is not None
        assert attention.shape[0] == B * K
        np.testing.assert_allclose(np.exp(logprobs.astype(float)).sum(-1), 1, atol=1e-5)
        ids = rng.integers(0, 15, B * K)
        said = np.column_stack([said, ids])
        scores = np.column_stack([scores, logprobs[np.arange(B * K), ids]])
        order = (np.arange(B)[:, None] * K + rng.integers(0, K, (B, K))).reshape(-1)
        state, ids, said, scores = at(state, order), ids[order], said[order], scores[order]
    for row in rng.permutation(B * K)[:4]:
        np.testing.assert_array_equal(model.score([sources[row // K]], [said[row]])[0], scores[row])


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_a_state_can_be_stepped_from_twice(library: str) -> None:
    model = make() if library == "numpy" else double(make())
    memory, state = model.start([np.array([1, 2, 12])])
    for ids in range(5):
        _, state, _ = model.step(np.array([ids]), memory, state)
    first, one, _ = model.step(np.array([3]), memory, state)
    _, other, _ = model.step(np.array([4]), memory, state)
    np.testing.assert_array_equal(model.step(np.array([3]), memory, state)[0], first)
    after = [model.step(np.array([1]), memory, s)[0] for s in (one, other)]
    assert (after[0] != after[1]).any()


def test_rows_of_a_cache_may_be_of_several_lengths_and_a_place_is_written_once() -> None:
    caches, count = ((np.zeros((2, 0, 3), np.float32),) * 2,), np.array([0, 0])
    used = count
    for value in range(1, 20):
        before = caches
        caches, used = with_room(caches, count, used)
        assert (caches is before) == (
            value not in (1, 17) and value < 18
        )  # 18: the second row's place is taken again
        append(caches[0][0], np.full((2, 3), value, np.float32), count)
        count = count + np.array([1, value > 18 or value < 17])
    keys = caches[0][0]
    assert keys.shape == (2, 32, 3)
    np.testing.assert_array_equal(keys[0, :19, 0], np.arange(1, 20))
    np.testing.assert_array_equal(keys[1, :17, 0], [*range(1, 17), 19])


def test_a_part_of_a_state_and_the_whole_do_not_meet() -> None:
    """A slice shares its arrays with the whole: whichever steps first, the other does not see it."""
    model = make()
    memory, state = model.start([np.array([1, 2, 12])])
    state = at(state, np.zeros(4, int))
    for ids in range(3):
        _, state, _ = model.step(np.full(4, ids), memory, state)
    part = at(state, slice(1, 3))
    model.step(np.array([5, 6]), memory, part)
    _, whole, _ = model.step(np.array([7, 8, 9, 10]), memory, state)
    found = model.step(np.full(4, 1), memory, whole)[0]
    for row, ids in enumerate([7, 8, 9, 10]):
        _, one, _ = model.step(np.array([ids]), memory, at(state, slice(row, row + 1)))
        np.testing.assert_array_equal(model.step(np.array([1]), memory, one)[0][0], found[row])


def test_padding_of_a_source_is_not_read() -> None:
    model, rng = make(), np.random.default_rng(8)
    lengths, source = np.array([3, 9, 1]), rng.integers(0, 13, (3, 9))
    other = np.where(np.arange(9) < lengths[:, None], source, (source + 1) % 13)
    inputs = rng.integers(0, 17, (3, 5))
    found = []
    for own in (model, cast(model, torch.from_numpy)):
        put = (lambda a: a) if own is model else torch.from_numpy
        for ids in (source, other):
            memory, state = own.read(put(ids), put(lengths))
            found.append(np.asarray(own.readouts(put(inputs), memory, state)[0]))
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[2], found[3])


def test_huge_values_behind_a_source_and_behind_now_change_nothing() -> None:
    """What a mask leaves out is finite garbage here: 0 times infinity would be none of its promises."""
    model = make()
    memory, state = model.start([np.array([1, 2, 12]), np.arange(13)])
    for ids in range(3):
        _, state, _ = model.step(np.full(2, ids), memory, state)
    (inside, sources), (count, used, caches) = memory, state
    huge = np.float32(1e30)
    spoilt = tuple(tuple(np.where(inside[..., None], x, huge) for x in pair) for pair in sources)
    so_far = np.arange(16) < count[:, None]
    ahead = tuple(tuple(np.where(so_far[..., None], x, huge) for x in pair) for pair in caches)
    ids = np.array([5, 6])
    with np.errstate(over="ignore"):
        found = model.step(ids, (inside, spoilt), (count, used.copy(), ahead))[0]
    np.testing.assert_array_equal(found, model.step(ids, memory, state)[0])


def test_blank_and_long_sources() -> None:
    model, rng = make(), np.random.default_rng(9)
    blank, long = np.array([12]), np.append(rng.integers(0, 12, 1000), 12)
    targets = [np.array([EOS]), rng.integers(0, 15, 40)]
    both = model.score([blank, long], targets)
    np.testing.assert_array_equal(model.score([blank], targets[:1])[0], both[0])
    np.testing.assert_array_equal(model.score([long], targets[1:])[0], both[1])
    exact = double(model).score([blank, long], targets)
    np.testing.assert_allclose(both[1], exact[1], atol=1e-4)
    assert model.score([], []) == []


def test_learned_positions_beyond_the_last_share_it() -> None:
    model = make(positions="learned", longest=4)
    places = model._places(np.array([0, 3, 4, 1000]), model.source_positions)
    np.testing.assert_array_equal(places[1], places[2])
    np.testing.assert_array_equal(places[1], places[3])
    assert (places[0] != places[1]).any()
