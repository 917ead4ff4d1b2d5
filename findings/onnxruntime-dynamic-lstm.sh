#!/usr/bin/env bash
# onnxruntime 1.32.0 (with onnx 1.23.2): a dynamically quantized LSTM looks ahead, and at its batch-mates.
#
# Expected: an output of an LSTM is a function of the steps up to it, of its own sequence.
# Seen: DynamicQuantizeLSTM takes one scale for all inputs of a call, so that the greatest number of a later step, or of another
# sequence, changes how every step is rounded. quantize_dynamic leaves a GRU as it is, in float32.
#
# Output:
#   LSTM becomes DynamicQuantizeLSTM
#   outputs before a larger last step change with it: True
#   outputs change with a louder batch-mate: True
#   GRU becomes GRU
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q onnx==1.23.2 onnxruntime==1.32.0
cat >"$folder/try.py" <<'PY'
import logging

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import quantize_dynamic

logging.disable(logging.WARNING)
rng, H, I = np.random.default_rng(0), 32, 8


def made(op: str, gates: int) -> onnxruntime.InferenceSession:
    shapes = {"W": (1, gates * H, I), "R": (1, gates * H, H)}
    weights = [numpy_helper.from_array(rng.normal(0, 0.3, s).astype(np.float32), n) for n, s in shapes.items()]
    node = helper.make_node(op, ["x", "W", "R"], ["y"], hidden_size=H)
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["T", "B", I])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["T", 1, "B", H])
    graph = helper.make_graph([node], "g", [x], [y], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), "plain.onnx")
    quantize_dynamic("plain.onnx", "small.onnx")
    print(op, "becomes", *(n.op_type for n in onnx.load("small.onnx").graph.node))
    return onnxruntime.InferenceSession("small.onnx", providers=["CPUExecutionProvider"])


lstm = made("LSTM", 4)
x = rng.normal(0, 1, (10, 1, I)).astype(np.float32)
louder, mate = x.copy(), np.concatenate([x, 10 * x], axis=1)
louder[-1] *= 10
(plain,), (last,), (both,) = (lstm.run(None, {"x": given}) for given in (x, louder, mate))
later, beside = np.abs(plain[:-1] - last[:-1]).max(), np.abs(plain[:, :, :1] - both[:, :, :1]).max()
print("outputs before a larger last step change with it:", bool(later > 0.01))
print("outputs change with a louder batch-mate:", bool(beside > 0.01))
made("GRU", 3)
PY
(cd "$folder" && venv/bin/python try.py) | tee "$folder/seen"
sed -n 's/^#   //p' "$0" | diff - "$folder/seen"
