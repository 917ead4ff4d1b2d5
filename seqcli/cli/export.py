"""Write a model for other programs, or a smaller one for seqcli itself.

--to safetensors --precision float16 or int8: a file of a half or a quarter of the size, which every verb opens like
any other. Its matrices become float32 again when it is opened. The scores on the held-out splits of the model's own
data, before and after, are printed and kept in the file.

--to onnx: the network as a graph for any ONNX runtime, with any batch size and length. FILE holds tokenizer,
vocabulary and labels as metadata. A sequence-to-sequence model gives two files, FILE with .encoder and .decoder in
its name. Each file is checked with onnxruntime at once, and its scores are printed beside those of NumPy.

--to html: a page in which a browser runs the model, without a network or anything installed: it generates, tags,
classifies or translates as you type, and shows where the model attends.
"""

from __future__ import annotations

from typing import Annotated

import typer

from seqcli.cli._complete import runs
from seqcli.cli._options import option
from seqcli.errors import SeqcliError, UsageError

FORMS = ("onnx", "html", "safetensors")


def command(
    to: Annotated[str, option("The format to write.", metavar="|".join(FORMS))],
    output: Annotated[str, option("The file to write.", "-o", "--output", metavar="FILE")],
    model: Annotated[
        str | None,
        typer.Argument(help="A model file, run folder or run name. Default: the newest run.", autocompletion=runs),
    ] = None,
    precision: Annotated[
        str | None,
        option("safetensors, html: the precision of matrices. Default for html: float16.", metavar="float16|int8"),
    ] = None,
    int8: Annotated[bool, option("onnx: store matrices as rows of int8 with a scale each.", "--int8")] = False,
    dynamic_int8: Annotated[
        bool, option("onnx: onnxruntime's own dynamic quantization; see docs/export.md.", "--dynamic-int8")
    ] = False,
    viterbi: Annotated[bool, option("onnx, taggers: add the best path as an output.", "--viterbi")] = False,
    unscored: Annotated[bool, option("Do not score the model before and after.", "--unscored")] = False,
) -> None:
    from pathlib import Path

    from seqcli import runs
    from seqcli.cli import _exporting
    from seqcli.export.graphs import Options
    from seqcli.precision import KINDS

    if to not in FORMS:
        raise UsageError(f"--to {to}: expected one of {', '.join(FORMS)}")
    flags = (("--precision", precision is not None, ("safetensors", "html")), ("--int8", int8, ("onnx",)),
             ("--dynamic-int8", dynamic_int8, ("onnx",)), ("--viterbi", viterbi, ("onnx",)))  # fmt: skip
    for flag, given, of in flags:
        if given and to not in of:
            raise UsageError(f"{flag} does not apply to --to {to}", hint=f"it is for --to {' or '.join(of)}")
    if int8 and dynamic_int8:
        raise UsageError("--int8 and --dynamic-int8 both make the file smaller: give one")
    if to == "html" and precision is None:
        precision = "float16"
    if to != "onnx" and precision not in KINDS:
        raise UsageError(f"--to {to} needs --precision, one of {', '.join(KINDS)}")
    stored, path = runs.open_model(model, "inspect"), Path(output)
    if not path.parent.is_dir():
        raise SeqcliError(f"cannot write {path}: the folder {path.parent} does not exist")
    if path.exists() and not path.is_file():  # the new file would replace it
        raise SeqcliError(f"cannot write {path}: it exists and is not a file", hint="name a file")
    if path.exists() and path.samefile(stored.path):
        raise UsageError(f"--output is the model itself, {path}", hint="name another file")
    if to == "safetensors":
        _exporting.smaller(stored, str(precision), path, scored=not unscored)
    elif to == "html":
        _exporting.page(
            stored, path, Options(precision, viterbi=stored.header["task"] == "tagging", scored=not unscored)
        )
    else:
        _exporting.graphs(stored, path, Options("int8" if int8 else None, dynamic_int8, viterbi, not unscored))
