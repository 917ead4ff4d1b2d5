"""Generate text from a model.

With --prompt the text is written as it comes. Without, every line of FILES or standard input is a prompt, and one
line comes back for each, ended at its first line end or after --max-tokens. What is written is the continuation
alone; --echo writes the prompt before it. Each (seed, line, sample) draws from its own stream of random numbers.
"""

from __future__ import annotations

from typing import Annotated

import typer

from seqcli.cli._options import Model, nothing_to_read, show_help
from seqcli.errors import UsageError


def command(
    files: Annotated[
        list[str] | None, typer.Argument(help="Files of prompts, one a line; - is standard input.")
    ] = None,
    prompt: Annotated[
        str | None, typer.Option("--prompt", help="Continue this text; standard input is ignored.")
    ] = None,
    model: Model = None,
    max_tokens: Annotated[int, typer.Option("--max-tokens", min=0, help="Tokens at most.")] = 200,
    temperature: Annotated[float, typer.Option(help="0 is greedy; below 1 safer, above 1 wilder.")] = 1.0,
    top_k: Annotated[int | None, typer.Option(help="Draw from the K most probable tokens only.")] = None,
    top_p: Annotated[
        float | None, typer.Option(help="Draw from the smallest set with this much probability.")
    ] = None,
    repetition_penalty: Annotated[
        float, typer.Option(help="Above 1: make tokens that were there less probable.")
    ] = 1.0,
    samples: Annotated[int, typer.Option("-n", "--samples", min=1, help="Texts for each prompt.")] = 1,
    stop: Annotated[
        list[str] | None, typer.Option(help=r"End before this text; \n and \t are understood. Repeatable.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Of the random numbers. Default: drawn, and said on stderr.")
    ] = None,
    next_: Annotated[
        int | None, typer.Option("--next", metavar="K", min=1, help="List the K most probable next tokens instead.")
    ] = None,
    echo: Annotated[bool, typer.Option("--echo", help="Write the prompt before its continuation.")] = False,
    jsonl: Annotated[
        bool, typer.Option("--jsonl", help="One JSON object a text, with log-probabilities (nats).")
    ] = False,
    field: Annotated[
        str | None, typer.Option(help="Input lines are JSON objects, the prompt is this field; implies --jsonl.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu runs on NumPy; cuda and mps on torch.")] = "cpu",
    threads: Annotated[
        int | None, typer.Option(min=1, help="BLAS threads. Default: what a short probe prefers.")
    ] = None,
) -> int | None:
    from seqcli.decoding.sampling import Sampling

    sampling = Sampling(temperature, top_k, top_p, repetition_penalty)
    from seqcli.cli import _generating

    if prompt is not None and (files or field):
        raise UsageError(
            f"--prompt does not go with {'FILES' if files else '--field'}: it is the one prompt there is"
        )
    if "" in (stop or []):
        raise UsageError("--stop needs a text to stop at")
    if prompt is None and not files and nothing_to_read():
        return show_help("generate")
    settings = _generating.Settings(
        sampling,
        max_tokens,
        samples,
        [_generating.unescape(s) for s in stop or []],
        seed,
        next_,
        echo,
        jsonl or field is not None,
        field,
    )
    generator = _generating.Generator.open(model, settings, device, threads)
    if prompt is not None:
        generator.one(prompt)
    else:
        generator.lines(files or ["-"])
    return None
