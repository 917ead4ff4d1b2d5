#!/usr/bin/env bash
# onnxruntime 1.32.0 (with onnx 1.23.2, numpy 2.4.6): in a dynamically quantized LSTM the future changes the past.
#
# Expected: an LSTM that reads forward gives the same first outputs whatever comes later, and a row the same whatever other
# rows stand in its batch. Dynamic quantization, which measures the input as it runs, would round each step by its own range.
# Seen: DynamicQuantizeLSTM takes one scale for the whole input, (T, B, I) at once. A larger number in the last step, or in
# another row, makes the grid coarser for all, so that earlier outputs, and those of other rows, change by a tenth and more. In
# float32 they are the same to the bit. A GRU is left in float32, without a word: quantize_dynamic knows LSTM alone.
#
# Output:
#   float32: a later step changes earlier outputs: False
#   int8: a later step changes earlier outputs by more than 0.05: True
#   int8: another row of the batch changes a row by more than 0.05: True
#   operators of a quantized GRU: ['GRU']
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6
cat >"$folder/try.py" <<'PY'
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import quantize_dynamic

rng, I, H, T, where = np.random.default_rng(1), 16, 16, 8, sys.argv[1]


def saved(kind, gates):
    arrays = {"W": rng.normal(0, 0.6, (1, gates * H, I)), "R": rng.normal(0, 0.3, (1, gates * H, H))}
    node = helper.make_node(kind, ["x", "W", "R"], ["y"], hidden_size=H)
    shape = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("x", [T, "B", I]), ("y", [T, 1, "B", H]))]
    held = [numpy_helper.from_array(a.astype(np.float32), n) for n, a in arrays.items()]
    graph = helper.make_graph([node], kind, shape[:1], shape[1:], held)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), f"{where}/{kind}.onnx")
    quantize_dynamic(f"{where}/{kind}.onnx", f"{where}/{kind}.int8.onnx")


saved("LSTM", 4), saved("GRU", 3)
x = rng.normal(0, 1, (T, 1, I)).astype(np.float32)
later, beside = x.copy(), np.concatenate([x, 20 * x], axis=1)
later[-1] *= 20
for name, path in (("float32", "LSTM.onnx"), ("int8", "LSTM.int8.onnx")):
    run = onnxruntime.InferenceSession(f"{where}/{path}", providers=["CPUExecutionProvider"])
    y, other, pair = (run.run(None, {"x": given})[0] for given in (x, later, beside))
    gap, mates = np.abs(y[:-1] - other[:-1]).max(), np.abs(y - pair[:, :, :1]).max()
    if name == "float32":
        print("float32: a later step changes earlier outputs:", bool(gap > 0))
    else:
        print("int8: a later step changes earlier outputs by more than 0.05:", bool(gap > 0.05))
        print("int8: another row of the batch changes a row by more than 0.05:", bool(mates > 0.05))
print("operators of a quantized GRU:", [n.op_type for n in onnx.load(f"{where}/GRU.int8.onnx").graph.node])
PY
"$folder/venv/bin/python" "$folder/try.py" "$folder" | tee "$folder/seen"
sed -n 's/^#   //p' "$0" | diff - "$folder/seen"
