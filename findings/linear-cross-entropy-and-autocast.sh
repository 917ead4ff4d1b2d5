#!/usr/bin/env bash
# torch 2.13.0: linear_cross_entropy in chunks does not take part in autocast; without chunks it does.
#
# Expected: under torch.autocast the options that save memory change the memory alone; the product with the classes'
# weights stays one of bfloat16, as it is in linear() followed by cross_entropy().
# Seen: with options the product is of float32. The loss is the exact one, to seven digits, where both other ways give
# the one of rounded products; who turns the chunks on in a training loop under autocast leaves mixed precision in its
# largest product, without a word. Given bfloat16 arrays it multiplies them as such, but then the loss is bfloat16 too.
#
#   float64, in two calls:             59.170857
#   autocast, in two calls:            59.163101 float32
#   autocast, without options:         59.163101 float32
#   autocast, with options:            59.170857 float32
#   bfloat16 arrays, with options:     59.000000 bfloat16
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install -q --disable-pip-version-check torch==2.13.0 numpy==2.2.6 2>/dev/null

env/bin/python - <<'PY'
import torch
from torch.nn import LinearCrossEntropyOptions as Options
from torch.nn.functional import cross_entropy, linear, linear_cross_entropy

torch.manual_seed(0)
x, weight = torch.randn(256, 64), torch.randn(5000, 64) * 2
target, chunks = torch.randint(5000, (256,)), Options(batch_chunk_size=64)
exact = cross_entropy(linear(x.double(), weight.double()), target).item()
with torch.autocast("cpu", torch.bfloat16):
    two = cross_entropy(linear(x, weight), target)
    one = linear_cross_entropy(x, weight, target)
    chunked = linear_cross_entropy(x, weight, target, options=chunks)
half = linear_cross_entropy(x.bfloat16(), weight.bfloat16(), target, options=chunks)
print(f"float64 {exact:.6f}")
for name, loss in {"two calls": two, "without options": one, "with options": chunked, "bfloat16": half}.items():
    print(f"{name} {loss.item():.6f} {loss.dtype}")
assert abs(two.item() - exact) > 1e-3 and one.item() == two.item()  # rounded products
assert abs(chunked.item() - exact) < 1e-4  # exact ones
assert half.dtype == torch.bfloat16
PY
