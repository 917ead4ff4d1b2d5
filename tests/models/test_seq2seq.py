"""The recurrent encoder and decoder against torch.nn and formulas; what its keys make, and which do not go together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from support.recurrent import SHARED, VARIANTS, make, sizes_of
from support.transformers import SIZES, batch_of, double, some

from seqcli import layers, ops, registry
from seqcli.errors import UsageError
from seqcli.models import Sizes
from seqcli.models.seq2seq import Config, Model

torch = pytest.importorskip("torch")


def net(spec: str, stack: Any, prefix: str, w: dict[str, Any], own: dict[str, Any]) -> Any:
    """torch's module with the weights of a stack; its parameters go into `own` by our names."""
    kinds = {"gru": torch.nn.GRU, "lstm": torch.nn.LSTM, "rnn": torch.nn.RNN}
    first, both = stack.cells[0][0], len(stack.cells[0]) == 2
    made = kinds[spec](first.input_size, first.hidden_size, len(stack.cells), batch_first=True, bidirectional=both)
    made = made.double()
    with torch.no_grad():
        for depth, layer in enumerate(stack.cells):
            for direction in range(len(layer)):
                for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                    parameter = getattr(made, f"{name}_l{depth}{'_reverse' * direction}")
                    ours = f"{prefix}.cells.{depth}.{direction}.{name}"
                    parameter.copy_(w[ours])
                    own[ours] = parameter
    return made


def look(kind: dict[str, Any], w: dict[str, Any], q: Any, m: Any) -> Any:
    """The context (C,) of a query (Q,) and all that is inside (n, M), straight from the papers."""
    at = {name.removeprefix("attention."): a for name, a in w.items() if name.startswith("attention.")}
    if kind["kind"] == "multihead":
        heads, found = kind.get("heads", 4), []
        d = len(q) // heads
        for h in range(heads):
            own = slice(h * d, (h + 1) * d)
            scores = (m @ at["key_weight"][own].T) @ (at["query_weight"][own] @ q) / d**0.5
            found.append(scores.softmax(0) @ (m @ at["value_weight"][own].T))
        return at["output_weight"] @ torch.cat(found)
    scores = {
        "dot": lambda: m @ q / (len(q) ** 0.5 if kind.get("scaled") else 1),
        "general": lambda: m @ (at["weight"] @ q),
        "additive": lambda: (
            torch.tanh(at["query_weight"] @ q + m @ at["memory_weight"].T + at["bias"]) @ at["context"][0]
        ),
    }
    return scores[kind["kind"]]().softmax(0) @ m


def reference(model: Model, keys: dict[str, Any], batch: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Logits (B, T, V) for the real positions of inputs, and the leaves that they came from by our names."""
    config = Config(**keys)
    w = {n: a.detach().clone().requires_grad_() for n, a in layers.arrays(model).items()}
    own = {n: a for n, a in w.items() if ".cells." not in n}
    encoder_kind = config.cell["kind"]
    decoder_kind = (config.decoder_cell or config.cell)["kind"]
    encoder = net(encoder_kind, model.encoder, "encoder", w, own)
    decoder = net(decoder_kind, model.decoder, "decoder", w, own)
    lengths, pack = batch["source_lengths"], torch.nn.utils.rnn.pack_padded_sequence
    x = pack(w["source_embedding"][batch["source"]], lengths, batch_first=True, enforce_sorted=False)
    y, last = encoder(x)
    y, _ = torch.nn.utils.rnn.pad_packed_sequence(y, batch_first=True)
    last = last[0] if encoder_kind == "lstm" else last  # (layers · directions, B, hidden)
    B, depth, H = len(lengths), decoder.num_layers, decoder.hidden_size
    if config.bridge == "zero":
        flat = torch.zeros(B, depth * H * (1 + (decoder_kind == "lstm"))).double()
    else:
        ends = torch.cat([*last[-1 - config.bidirectional :]], dim=-1)
        mean = torch.stack([y[b, :n].mean(0) for b, n in enumerate(lengths)])
        summary = ends if config.bridge == "last" else mean
        flat = torch.tanh(summary @ w["bridge_weight"].T + w["bridge_bias"])
    parts = flat.split(H, dim=-1)
    if decoder_kind == "lstm":
        state: Any = (torch.stack(parts[::2]), torch.stack(parts[1::2]))
    else:
        state = torch.stack(parts)
    table = w.get("target_embedding", w["source_embedding"])
    feed, found = torch.zeros(B, len(w["readout_bias"])).double(), []
    for t in range(batch["inputs"].shape[1]):
        x = table[batch["inputs"][:, t]]
        h, state = decoder(torch.cat([x, feed], dim=-1)[:, None] if config.input_feeding else x[:, None], state)
        h = h[:, 0]
        if config.attention["kind"] != "none":
            context = torch.stack([look(config.attention, w, h[b], y[b, :n]) for b, n in enumerate(lengths)])
            h = torch.cat([h, context], dim=-1)
        feed = torch.tanh(h @ w["readout_weight"].T + w["readout_bias"])
        found.append(feed)
    return torch.stack(found, dim=1) @ w.get("output_weight", table).T + w["output_bias"], own


@pytest.mark.parametrize("keys", VARIANTS, ids=str)
def test_it_is_torch_nn_and_the_formulas_forward_and_backward(keys: dict[str, Any]) -> None:
    model = double(make(**keys))
    weights = {n: a.requires_grad_() for n, a in layers.arrays(model).items()}
    model, sizes = layers.replace(model, weights), sizes_of(keys)
    batch = batch_of(*some(1, 4, 7), sizes=sizes)
    memory, state = model.read(batch["source"], batch["source_lengths"])
    readout, attention = model.readouts(batch["inputs"], memory, state)
    logits = ops.linear(readout, model.output, model.output_bias)
    expected, leaves = reference(model, keys, batch)
    torch.testing.assert_close(logits, expected, rtol=0, atol=1e-11)
    if attention is not None:
        outside = torch.arange(batch["source"].shape[1]) >= batch["source_lengths"][:, None]
        torch.testing.assert_close(attention.sum(-1), torch.ones(attention.shape[:2]).double())
        assert not attention.masked_select(outside[:, None]).any()
    direction = torch.from_numpy(np.random.default_rng(2).standard_normal(tuple(logits.shape)))
    (logits * direction).sum().backward()
    (expected * direction).sum().backward()
    assert leaves.keys() == weights.keys()
    for name, a in weights.items():
        if name.startswith("copy_"):  # neither reads it
            assert a.grad is None
        else:
            torch.testing.assert_close(a.grad, leaves[name].grad, rtol=0, atol=1e-10, msg=name)


def test_every_kind_of_attention_is_among_them() -> None:
    kinds = {Config(**keys).attention["kind"] for keys in VARIANTS}  # type: ignore[index]
    assert kinds == {*registry.names("attention"), "none"}


def test_weights_are_the_seeds_and_a_stored_model_is_itself() -> None:
    for keys in VARIANTS:
        config = Config(**{"embedding": 5, "hidden": 4, **keys})
        one, two = (Model.create(config, SHARED, np.random.default_rng(1)) for _ in range(2))
        again = Model.restore(config, SHARED, one.arrays())
        assert again.sizes == Sizes(17, 17, False)
        for name, a in one.arrays().items():
            assert a.dtype == np.float32
            np.testing.assert_array_equal(a, two.arrays()[name])
            np.testing.assert_array_equal(a, again.arrays()[name])


def test_tying_shares_what_it_says() -> None:
    counts = {tied: layers.parameters(make(sizes=SHARED, tied=tied)) for tied in ("none", "output", "all")}
    assert counts["none"] - counts["output"] == counts["output"] - counts["all"] == 17 * 5


def test_sizes_of_the_parts() -> None:
    model = make(layers=2, hidden=3, decoder_cell="lstm", decoder_layers=3, decoder_hidden=7, input_feeding=True)
    assert [[c.hidden_size for c in layer] for layer in model.encoder.cells] == [[3, 3], [3, 3]]
    assert [cell.hidden_size for (cell,) in model.decoder.cells] == [7, 7, 7]
    assert model.decoder.cells[0][0].input_size == 5 + 5
    assert model.bridge_weight.shape == (3 * 2 * 7, 6)
    assert model.readout_weight.shape == (5, 7 + 6)
    assert [cell.hidden_size for (cell,) in make(hidden=3).decoder.cells] == [6]
    assert make(bridge="zero").bridge_weight is None
    for bias in ("bridge_bias", "readout_bias", "output_bias"):
        assert not Model.create(Config(), SIZES, np.random.default_rng(1)).arrays()[bias].any()


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"attention": "dot", "decoder_hidden": 5}, "dot compares queries of 5 units with a memory of 8"),
        ({"attention": "multihead", "decoder_hidden": 6}, "6 units cannot be divided into 4"),
        ({"tied": "all"}, "model.tied: all needs one tokenizer"),
        ({"attention": {"kind": "additive", "size": -3}}, "additive cannot have -3 units"),
        ({"attention": "none", "bridge": "zero"}, "nothing of the source reaches the decoder"),
        ({"attention": "none", "decoder_cell": "local-attention"}, "nothing of the source reaches the decoder"),
        ({"attention": "none", "copy_source": True}, "model.copy_source copies what attention points to"),
        ({"sources": "apart"}, "model.sources: apart needs several columns"),
    ],
    ids=str,
)
def test_keys_that_do_not_go_together(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        make(sizes=SIZES, **keys)
    assert said in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"cell": "grru"}, "gru"),
        ({"decoder_cell": {"kind": "gru", "size": 3}}, "has no option 'size'"),
        ({"attention": "dott"}, "dot"),
        ({"attention": {"kind": "multihead", "head": 3}}, "heads"),
        ({"bridge": "first"}, "last"),
        ({"tied": True}, "output"),
        ({"dropout": 1.0}, "less than 1"),
        ({"beam": 0}, "greater than 0"),
        ({"length_penalty": -1}, "greater than or equal to 0"),
        ({"length_penalty": 11}, "less than or equal to 10"),
        ({"heads": 3}, "Extra inputs"),
    ],
    ids=str,
)
def test_keys_are_checked(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Config(**keys)


@pytest.mark.parametrize(
    "keys", [{}, {"layers": 2, "cell": "lstm"}, {"bidirectional": False, "bridge": "mean"}], ids=str
)
def test_columns_apart_are_sequences_of_their_own(keys: dict[str, Any]) -> None:
    sizes = Sizes(12, 9, False, columns=((0, 4, False), (4, 10, True)))
    model = make(sizes=sizes, sources="apart", **keys)
    rows = [[1, 2, 3, 5, 9, 11], [6, 7, 11], [2, 11], [11], [0, 4, 8, 8, 8, 8, 8, 11]]  # 11 ends a source
    lengths = np.array([len(row) for row in rows])
    source = np.array([row + [0] * (8 - len(row)) for row in rows])
    whole, _ = double(model).outputs(torch.from_numpy(source), torch.from_numpy(lengths))
    flat, counts = model.outputs_flat(source, lengths)
    assert counts.tolist() == lengths.tolist()
    for b, (row, own) in enumerate(zip(rows, np.split(flat, np.cumsum(lengths)[:-1]), strict=True)):
        np.testing.assert_allclose(own, whole[: len(row), b].numpy(), atol=1e-6)
        n = sum(id < 4 for id in row)
        for at, ids in ((0, row[:n]), (n, row[n:])):
            if ids:
                alone = (torch.tensor([ids]), torch.tensor([len(ids)]))
                y, _ = double(replace(model, begins=())).outputs(*alone)
                np.testing.assert_allclose(own[at : at + len(ids)], y[:, 0].numpy(), atol=1e-6)
    steps, state = model.start([np.array(row) for row in rows])
    logprobs, *_ = model.step(np.full(5, 7), steps, state)
    memory, state = model.start([np.array(rows[0])])
    assert np.array_equal(model.step(np.full(1, 7), memory, state)[0][0], logprobs[0])
    weights = {n: torch.from_numpy(a).double().requires_grad_() for n, a in model.arrays().items()}
    y, _ = layers.replace(model, weights).outputs(torch.from_numpy(source), torch.from_numpy(lengths))
    (gradient,) = torch.autograd.grad((y[:, 0] ** 2).sum(), [weights["source_embedding"]])
    assert [bool(g.any()) for g in gradient] == [id in rows[0] for id in range(12)]
