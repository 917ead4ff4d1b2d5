"""The modes of `seqcli look`, and what they share: opening the model, finding the records, writing the results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import typer

from seqcli import console
from seqcli.cli._options import option
from seqcli.errors import SeqcliError, UsageError
from seqcli.streams import Output

Files = Annotated[
    list[str] | None,
    typer.Argument(
        help="Files, read like the training data; - is standard input. Default: the model's own validation data."
    ),
]
Json = Annotated[bool, option("Print the numbers as one JSON object.", "--json")]
Plot = Annotated[str | None, option("Draw a picture: .png, .svg or .pdf.", "--plot", metavar="FILE")]
EXCERPT = 600  # the most characters of a text that are drawn


def opened(mode: str, model: str | None, plot: str | None) -> tuple[Any, Any]:
    """Return the predictor, and the mode's function for its task. Raises UsageError if the task has none."""
    from seqcli import predictor, registry, runs

    if plot:
        from seqcli.insight import chart

        chart.check(plot)
    stored = runs.open_model(model, "look")
    task = stored.header["task"]
    seen = registry.load(f"tasks/{task}", "look") if "look" in registry.names(f"tasks/{task}") else None
    if not hasattr(seen, mode):
        others = [t for t in registry.names("tasks") if "look" in registry.names(f"tasks/{t}")]
        fit = [t for t in others if hasattr(registry.load(f"tasks/{t}", "look"), mode)]
        raise UsageError(f"{stored.path} is a model for {task}: `look {mode}` is for {', '.join(fit)}")
    return predictor.load(stored), getattr(seen, mode)


def records(own: Any, files: list[str] | None) -> Any:
    """Return the records to look at: files, or the validation split of the model's own data, else the training
    split."""
    from seqcli import scoring
    from seqcli.datasets.reading import Reading

    split = "valid" if "valid" in own.header["data"].get("splits", {}) else "train"
    try:
        what, found = scoring.records(own, files or [], Reading(), split)
    except SeqcliError as error:
        if files:
            raise
        said = f"the data that {own.path} was trained on cannot be read: {error.message}"
        raise type(error)(said, hint="name files to look at (`why` and `attention` take --text too)") from None
    console.say(f"looking at {what}")
    return found


def given_text(own: Any, text: str) -> Any:
    """Return the records of a text from the command line, as a filter reads a line."""
    from seqcli.streams import Chunk

    chunk = Chunk(f"{text}\n", "<text>", 1)
    return [Chunk(text, "<text>", 1)] if own.task == "language-model" else list(own.reader().feed(chunk))


def write(found: Mapping[str, Any], lines: Iterable[str], as_json: bool) -> None:
    """Write the numbers as JSON, or lines, in which the only terminal controls are the colours of `draw`."""
    output = Output()
    if as_json:
        output.json(dict(found))
    else:
        output.write("".join(f"{line}\n" for line in lines))
    output.flush()


def draw(text: str, weights: list[tuple[int, int, float]], head: str, plot: str | None) -> str:
    """Return the beginning of a text, coloured for the terminal; draw all of it as a picture if `plot` is given."""
    from seqcli.insight import attention, coloured

    if plot:
        attention.draw([attention.Looked(text, weights, head)], plot)
    if not coloured.can_colour():
        return ""
    shown = [w for w in weights if w[1] <= EXCERPT]
    return coloured.painted(text[: shown[-1][1] if shown else 0], shown)
