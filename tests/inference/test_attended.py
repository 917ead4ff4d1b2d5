"""Blocks of attention that read words: as torch's own encoder, and for each sequence the same whatever is beside it."""

import numpy as np
import pytest
import torch

from seqcli import layers
from seqcli.inference.attended import PADDED, AttendedForm
from seqcli.layers.positions import sinusoids
from seqcli.layers.transformer import Encoder, Style


def encoder(norm: str = "pre", activation: str = "relu") -> Encoder:
    return Encoder.create(5, 8, 2, 16, 2, Style(norm, activation), np.random.default_rng(1))


def as_torch(own: Encoder) -> torch.nn.TransformerEncoder:
    """torch's encoder with the same weights."""
    style = own.blocks[0].style
    activation = torch.nn.functional.relu if style.activation == "relu" else torch.nn.GELU(approximate="tanh")
    layer = torch.nn.TransformerEncoderLayer(
        8, 2, 16, 0.0, activation, batch_first=True, norm_first=style.norm == "pre", bias=True, dtype=torch.float64
    )
    final = torch.nn.LayerNorm(8, dtype=torch.float64) if own.norm is not None else None
    whole = torch.nn.TransformerEncoder(layer, len(own.blocks), final, enable_nested_tensor=False)
    t = lambda a: torch.from_numpy(np.array(a, np.float64))  # noqa: E731
    with torch.no_grad():
        for theirs, block in zip(whole.layers, own.blocks, strict=True):
            a = block.attention
            theirs.self_attn.in_proj_weight.copy_(t(np.concatenate([a.query_weight, a.key_weight, a.value_weight])))
            theirs.self_attn.in_proj_bias.zero_()
            theirs.self_attn.out_proj.weight.copy_(t(a.output_weight))
            theirs.self_attn.out_proj.bias.zero_()
            for linear, weight, bias in (
                (theirs.linear1, block.feedforward.weight_in, block.feedforward.bias_in),
                (theirs.linear2, block.feedforward.weight_out, block.feedforward.bias_out),
            ):
                linear.weight.copy_(t(weight))
                linear.bias.copy_(t(bias))
    return whole.eval()


@pytest.mark.parametrize("norm", ["pre", "post"])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_it_is_the_encoder_of_torch(norm, activation):
    own, rng = encoder(norm, activation), np.random.default_rng(2)
    double = layers.replace(own, {n: np.array(a, np.float64) for n, a in layers.arrays(own).items()})
    x, lengths = rng.normal(size=(6, 3, 5)), np.array([6, 4, 1])
    found = double.read(x, lengths)
    read = (x @ double.weight.T + double.bias) * 8**0.5 + sinusoids(6, 8)[:, None]
    outside = np.arange(6)[None] >= lengths[:, None]
    wanted = as_torch(own)(torch.from_numpy(read.swapaxes(0, 1)), src_key_padding_mask=torch.from_numpy(outside))
    for b, length in enumerate(lengths):
        np.testing.assert_allclose(found[:length, b], wanted[b, :length].detach().numpy(), rtol=0, atol=1e-10)


def test_each_sequence_is_the_same_whatever_stands_beside_it():
    own, rng = encoder(), np.random.default_rng(3)
    form, lengths = AttendedForm(own), [3, 0, 17, 1, 9, PADDED // 40, 17]
    px = form.project(rng.normal(size=(sum(lengths), 5)).astype(np.float32))
    together = form.read(lengths, lambda places, d: px[d, places])
    at = 0
    for length in lengths:
        alone = form.read([length], lambda places, d, at=at: px[d, at + places])
        assert np.array_equal(together[at : at + length], alone)
        at += length


def test_the_form_is_the_layer():
    own, rng = encoder(), np.random.default_rng(4)
    lengths, x = np.array([5, 2]), rng.normal(size=(5, 2, 5)).astype(np.float32)
    form = AttendedForm(own)
    flat = form.project(np.concatenate([x[:5, 0], x[:2, 1]]))
    found, wanted = form.read(lengths, lambda places, d: flat[d, places]), own.read(x, lengths)
    np.testing.assert_allclose(found[:5], wanted[:, 0], atol=1e-6)
    np.testing.assert_allclose(found[5:], wanted[:2, 1], atol=1e-6)
