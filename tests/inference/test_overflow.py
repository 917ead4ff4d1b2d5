"""Cells without a bound grow without end over long texts: that is said, and no answer is made of it."""

import numpy as np
import pytest

from seqcli import layers
from seqcli.inference import batch
from seqcli.layers.stack import Stack


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("block", [False, True])
def test_outputs_that_overflow_are_zero_and_others_as_they_were(block, capsys):
    batch._say_once.cache_clear()
    rng = np.random.default_rng(1)
    stack = Stack.create("irnn", 4, [6], rng, block=block)
    grown = {n: 3 * a if n.endswith("weight_hh") else a for n, a in layers.arrays(stack).items()}
    form = batch.BatchForm(layers.replace(stack, grown))
    px = form.project(rng.normal(size=(305, 4)).astype(np.float32))
    together = form.read([5, 300], lambda places, d: px[d, places])
    assert np.isfinite(together).all()
    assert not together[-1].any()
    assert together[:5].any(axis=1).all()
    assert np.array_equal(together[:5], form.read([5], lambda places, d: px[d, places]))
    assert capsys.readouterr().err.count("overflow on long texts") == 1
