"""The modes of `seqcli look`, and what they share: whose model, which records, how what is found is written."""

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
        help="Files read as the training data were; - is standard input. Default: its own validation data."
    ),
]
Json = Annotated[bool, option("The numbers, as one JSON object.", "--json")]
Plot = Annotated[str | None, option("A picture: .png, .svg or .pdf.", "--plot", metavar="FILE")]
EXCERPT = 600  # characters of a text that are drawn


def opened(mode: str, model: str | None, plot: str | None) -> tuple[Any, Any]:
    """The predictor, and the mode's function for its task. Raises UsageError where it has none."""
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
        raise UsageError(f"{stored.path} is a model for {task}: this way of looking serves {', '.join(fit)}")
    return predictor.load(stored), getattr(seen, mode)


def records(own: Any, files: list[str] | None) -> Any:
    """What is looked at: files, or the validation split of the model's own data, else the training split."""
    from seqcli import scoring
    from seqcli.datasets.reading import Reading

    split = "valid" if "valid" in own.header["data"].get("splits", {}) else "train"
    try:
        what, found = scoring.records(own, files or [], Reading(), split)
    except SeqcliError as error:
        if files:
            raise
        said = f"the data that {own.path} was trained on cannot be looked at: {error.message}"
        raise type(error)(said, hint="name files to look at (`why` and `attention` take --text too)") from None
    console.say(f"looking at {what}")
    return found


def given_text(own: Any, text: str) -> Any:
    """The records of a text from the command line, as a filter reads a line of it."""
    from seqcli.streams import Chunk

    chunk = Chunk(f"{text}\n", "<text>", 1)
    return [Chunk(text, "<text>", 1)] if own.task == "language-model" else list(own.reader().feed(chunk))


def write(found: Mapping[str, Any], lines: Iterable[str], as_json: bool) -> None:
    """The numbers as JSON, or lines in which nothing but our own colours steers a terminal."""
    output = Output()
    if as_json:
        output.json(dict(found))
    else:
        output.write("".join(f"{line}\n" for line in lines))
    output.flush()


def draw(text: str, weights: list[tuple[int, int, float]], head: str, plot: str | None) -> str:
    """A text coloured for the terminal, its beginning; all of it as a picture where one is asked for."""
    from seqcli.insight import attention, coloured

    if plot:
        attention.draw([attention.Looked(text, weights, head)], plot)
    if not coloured.can_colour():
        return ""
    shown = [w for w in weights if w[1] <= EXCERPT]
    return coloured.painted(text[: shown[-1][1] if shown else 0], shown)
