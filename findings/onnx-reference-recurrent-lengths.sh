#!/usr/bin/env bash
# onnx 1.23.2: its reference evaluator runs LSTM, GRU and RNN past the lengths that they are given.
#
# Expected: with sequence_lens [4, 2] the second sequence's outputs are zeros from the third step on, and Y_h is its state behind
# the second step, as the operators say and as onnxruntime 1.32.0 has it. onnx.reference is meant to settle such questions.
# Seen: the evaluator accepts the input and computes what it would without it, for all three operators.
#
# Output:
#   LSTM: onnxruntime ends at the length: True, as without lengths: False; onnx.reference ends: False, as without: True
#   GRU: onnxruntime ends at the length: True, as without lengths: False; onnx.reference ends: False, as without: True
#   RNN: onnxruntime ends at the length: True, as without lengths: False; onnx.reference ends: False, as without: True
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q onnx==1.23.2 onnxruntime==1.32.0
cat >"$folder/try.py" <<'PY'
import numpy as np
import onnxruntime
from onnx import TensorProto, checker, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

rng = np.random.default_rng(0)
T, B, I, H = 4, 2, 3, 5
x, lengths = rng.standard_normal((T, B, I)).astype(np.float32), np.array([4, 2], np.int32)


def made(op: str, gates: int, inputs: list[str]):
    shapes = {"W": (1, gates * H, I), "R": (1, gates * H, H), "B": (1, 2 * gates * H)}
    seeded = np.random.default_rng(1)
    weights = [numpy_helper.from_array(seeded.normal(0, 0.5, s).astype(np.float32), n) for n, s in shapes.items()]
    node = helper.make_node(op, ["X", "W", "R", "B", *inputs], ["Y", "Y_h"], hidden_size=H)
    given = [helper.make_tensor_value_info("X", TensorProto.FLOAT, [T, B, I])]
    given += [helper.make_tensor_value_info(name, TensorProto.INT32, [B]) for name in inputs]
    sizes = {"Y": [T, 1, B, H], "Y_h": [1, B, H]}
    found = [helper.make_tensor_value_info(name, TensorProto.FLOAT, size) for name, size in sizes.items()]
    model = helper.make_model(helper.make_graph([node], "g", given, found, weights),
                              opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    checker.check_model(model, full_check=True)
    return model


for op, gates in (("LSTM", 4), ("GRU", 3), ("RNN", 1)):
    said = []
    for name, run in (
        ("onnxruntime", lambda m, f: onnxruntime.InferenceSession(m.SerializeToString()).run(None, f)),
        ("onnx.reference", lambda m, f: ReferenceEvaluator(m).run(None, f)),
    ):
        plain, _ = run(made(op, gates, []), {"X": x})
        y, last = run(made(op, gates, ["lengths"]), {"X": x, "lengths": lengths})
        ends = bool((y[2:, 0, 1] == 0).all()) and np.allclose(last[0, 1], plain[1, 0, 1], atol=1e-5)
        said.append((name, ends, np.allclose(y, plain, atol=1e-5)))
    (a, one, two), (b, three, four) = said
    print(f"{op}: {a} ends at the length: {one}, as without lengths: {two}; {b} ends: {three}, as without: {four}")
PY
(cd "$folder" && venv/bin/python try.py) | tee "$folder/seen"
sed -n 's/^#   //p' "$0" | diff - "$folder/seen"
