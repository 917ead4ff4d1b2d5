"""Write a recorded graph as an ONNX model, and run one with onnxruntime. Both packages are in the extra `export`."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from seqcli.errors import SeqcliError, UsageError
from seqcli.graph import OPSET, Graph, Node, Value

IR = 9  # the version of the file format, which onnxruntime reads since 2023
LARGEST = 1 << 31  # the size limit of an ONNX file, bytes


def require(*packages: str) -> None:
    """Raise UsageError if a package is missing."""
    import importlib.util

    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise UsageError(f"--to onnx needs {package}", hint="pip install 'seqcli[export]'")


def write(path: Path, graph: Graph, metadata: Mapping[str, str]) -> None:
    """Write a graph with its metadata. Raises SeqcliError if it is too large."""
    import onnx
    from onnx import helper

    model = helper.make_model(
        _graph(graph, "seqcli"),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR,
        producer_name="seqcli",
    )
    for key, text in metadata.items():
        model.metadata_props.add(key=key, value=text)
    if model.ByteSize() >= LARGEST:
        raise SeqcliError(f"{path}: {model.ByteSize():,} bytes; an ONNX file holds at most 2 GB", hint="try --int8")
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString(deterministic=True))


def quantize(path: Path, metadata: Mapping[str, str]) -> None:
    """Replace a file by its dynamic quantization by onnxruntime."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    logging.disable(logging.WARNING)  # it suggests preprocessing for every file
    try:
        quantize_dynamic(path, path, weight_type=QuantType.QInt8)
    finally:
        logging.disable(logging.NOTSET)
    model = onnx.load(path)
    del model.metadata_props[:]
    for key, text in metadata.items():
        model.metadata_props.add(key=key, value=text)
    onnx.save(model, path)


def _graph(graph: Graph, name: str) -> Any:
    from onnx import helper, numpy_helper

    nodes = [helper.make_node(n.op, n.inputs, n.outputs, **_attributes(n)) for n in graph.nodes]
    values = ([_value(v) for v in given] for given in (graph.inputs, graph.outputs))
    arrays = [numpy_helper.from_array(np.asarray(a, order="C"), own) for own, a in graph.initializers.items()]
    return helper.make_graph(nodes, name, *values, initializer=arrays)


def _attributes(node: Node) -> dict[str, Any]:
    from onnx import helper

    found = dict(node.attributes)
    if "body" in found:
        found |= {"body": _graph(found["body"], "step"), "num_scan_inputs": found["num_scan_inputs"]}
    if node.op == "Cast":
        found["to"] = helper.np_dtype_to_tensor_dtype(np.dtype(found["to"]))
    return found


def _value(value: Value) -> Any:
    from onnx import helper

    return helper.make_tensor_value_info(value.name, helper.np_dtype_to_tensor_dtype(value.dtype), list(value.shape))


class Session:
    """An ONNX file opened by onnxruntime, on one thread, like the filters."""

    def __init__(self, path: str | Path, threads: int = 1):
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = threads
        options.log_severity_level = 3
        self.session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.inputs = [value.name for value in self.session.get_inputs()]
        self.outputs = [value.name for value in self.session.get_outputs()]
        self.metadata: dict[str, str] = self.session.get_modelmeta().custom_metadata_map

    def run(self, given: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the outputs by name."""
        asked = {name: given[name] for name in self.inputs}
        found: list[Any] = list(self.session.run(None, asked))
        return dict(zip(self.outputs, found, strict=True))
