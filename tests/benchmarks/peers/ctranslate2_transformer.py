"""A transformer's arrays in CTranslate2's specification, to measure seqcli's decoding against.

`bench_transformer.py` runs it, in a venv of its own with `pip install ctranslate2 numpy`:

    python ctranslate2_transformer.py FOLDER

reads FOLDER/arrays.npz and FOLDER/asked.json (vocabulary sizes, BOS, EOS, banned symbols, heads, layers, sources as ids,
beam, the most tokens, threads); prints JSON: the answers as ids, and the seconds that they took, the best of some rounds.
Symbols are named by their numbers. float32.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
from ctranslate2.specs import transformer_spec
from ctranslate2.specs.common_spec import Activation


def norm(spec: Any, arrays: dict[str, np.ndarray], name: str) -> None:
    spec.gamma, spec.beta = arrays[f"{name}.weight"], arrays[f"{name}.bias"]


def product(spec: Any, weights: list[np.ndarray], bias: np.ndarray | None = None) -> None:
    """A product with some weights at once; the biases that we do not have are zeros."""
    spec.weight = np.concatenate(weights)
    spec.bias = np.zeros(len(spec.weight), np.float32) if bias is None else bias


def feedforward(spec: Any, arrays: dict[str, np.ndarray], name: str) -> None:
    norm(spec.layer_norm, arrays, f"{name}.feedforward_norm")
    product(spec.linear_0, [arrays[f"{name}.feedforward.weight_in"]], arrays[f"{name}.feedforward.bias_in"])
    product(spec.linear_1, [arrays[f"{name}.feedforward.weight_out"]], arrays[f"{name}.feedforward.bias_out"])


def attention(spec: Any, arrays: dict[str, np.ndarray], name: str, *, cross: bool = False) -> None:
    """Queries, keys and values are one product; of what looks at the source, keys and values are."""
    norm(spec.layer_norm, arrays, f"{name}_norm")
    q, k, v, out = (arrays[f"{name}.{part}_weight"] for part in ("query", "key", "value", "output"))
    for linear, weights in zip(spec.linear, [[q], [k, v], [out]] if cross else [[q, k, v], [out]], strict=True):
        product(linear, weights)


def waves(count: int, size: int) -> np.ndarray:
    """Sines in even columns, cosines in odd ones: (count, size)."""
    angles = np.arange(count)[:, None] * 1e4 ** (-np.arange(0, size, 2) / size)
    return np.stack([np.sin(angles), np.cos(angles)], -1).reshape(count, -1)[:, :size].astype(np.float32)


def converted(arrays: dict[str, np.ndarray], asked: dict[str, Any]) -> Any:
    """The specification with the arrays in it."""
    spec = transformer_spec.TransformerSpec.from_config(
        (asked["layers"], asked["decoder_layers"]),
        asked["heads"],
        pre_norm=True,
        activation={"relu": Activation.RELU, "gelu": Activation.GELUTanh}[asked["activation"]],
    )
    source = arrays["source_embedding"]
    target = arrays.get("target_embedding", source)
    spec.encoder.embeddings[0].weight, spec.decoder.embeddings.weight = source, target
    for side in (spec.encoder, spec.decoder):
        side.position_encodings.encodings = waves(512, source.shape[1])
    norm(spec.encoder.layer_norm, arrays, "encoder_norm")
    norm(spec.decoder.layer_norm, arrays, "decoder_norm")
    for i, layer in enumerate(spec.encoder.layer):
        attention(layer.self_attention, arrays, f"encoder.{i}.attention")
        feedforward(layer.ffn, arrays, f"encoder.{i}")
    for i, layer in enumerate(spec.decoder.layer):
        attention(layer.self_attention, arrays, f"decoder.{i}.attention")
        attention(layer.attention, arrays, f"decoder.{i}.cross", cross=True)
        feedforward(layer.ffn, arrays, f"decoder.{i}")
    product(spec.decoder.projection, [arrays.get("output_weight", target)], arrays["output_bias"])
    spec.config.bos_token = spec.config.decoder_start_token = str(asked["bos"])
    spec.config.eos_token, spec.config.unk_token = str(asked["eos"]), str(asked["unknown"])
    spec.register_source_vocabulary([str(i) for i in range(len(source))])
    spec.register_target_vocabulary([str(i) for i in range(len(target))])
    return spec


def main() -> None:
    """Convert, answer, print."""
    folder = Path(sys.argv[1])
    asked = json.loads((folder / "asked.json").read_text())
    with np.load(folder / "arrays.npz") as stored:
        spec = converted(dict(stored), asked)
    with tempfile.TemporaryDirectory() as model:
        spec.validate()
        spec.save(model)
        translator = ctranslate2.Translator(
            model, compute_type="float32", inter_threads=1, intra_threads=asked["threads"]
        )
        sources = [[str(i) for i in ids] for ids in asked["sources"]]
        how = {
            "beam_size": asked["beam"],
            "length_penalty": 0,
            "max_decoding_length": asked["most"],
            "suppress_sequences": [[str(i)] for i in asked["banned"]],
        }
        best, found = float("inf"), []
        for _ in range(asked["rounds"]):
            begun = time.perf_counter()
            found = translator.translate_batch(sources, max_batch_size=asked["batch"], **how)
            best = min(best, time.perf_counter() - begun)
    print(json.dumps({"seconds": best, "answers": [[int(i) for i in result.hypotheses[0]] for result in found]}))


if __name__ == "__main__":
    main()
