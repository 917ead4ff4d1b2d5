"""Modes of `look` about a network's states: gates, gradients through time."""

from __future__ import annotations

from typing import Annotated, Any

from seqcli import artifact, console
from seqcli.cli._looking import Files, Json, Plot, opened, records, write
from seqcli.cli._options import Model, option
from seqcli.errors import UsageError


def gates(
    files: Files = None,
    model: Model = None,
    steps: Annotated[int, option("Tokens of each piece of text.", min=2)] = 200,
    rows: Annotated[int, option("The number of pieces.", min=1)] = 8,
    json: Json = False,
    plot: Plot = None,
) -> None:
    """Show how open each gate is, by layer.

    The table has the mean of its values, the shares of those that are shut and open, and their distribution from 0
    to 1.
    """
    from seqcli.insight import chart
    from seqcli.insight import gates as of

    own, look = opened("unrolled", model, plot)
    given = look(own, records(own, files), steps, rows)
    found = of.gates(given.model.stack, given.x)
    if not found:
        hint = "an LSTM or a GRU has; a cell names its own in `sigmoids`: seqcli help extending"
        raise UsageError(f"{own.path}: its cells have no gates to look at", hint=hint)
    if plot:
        named = {f"layer {g.layer}{', backward' * g.direction}, {g.name}": g.tenths for g in found}
        chart.bars(plot, named, "how open, from 0 to 1")
    lines = [
        [f"{g.layer}{' backward' * g.direction}", g.name, f"{g.mean:.3f}", f"{g.shut:.1%}", f"{g.open:.1%}",
         _bars(g.tenths)]
        for g in found
    ]  # fmt: skip
    table = console.table(("layer", "gate", "mean", "below 0.1", "above 0.9", "0 to 1"), lines, right=(2, 3, 4))
    write({"gates": [g._asdict() for g in found]}, table, json)


def _bars(counts: list[int]) -> str:
    marks = " ▁▂▃▄▅▆▇█"
    return "".join(marks[-(-count * 8 // max(max(counts), 1))] for count in counts)


def flow(
    files: Files = None,
    models: Annotated[
        list[str] | None, option("A model. Repeatable: curves in one picture.", "-m", "--model", metavar="MODEL")
    ] = None,
    cells: Annotated[
        str | None, option("Fresh cells instead of a model, such as rnn,irnn,lstm,gru.", metavar="A,B,…")
    ] = None,
    hidden: Annotated[int, option("With --cells: the hidden size.", min=1)] = 128,
    seed: Annotated[int, option("With --cells: the seed of weights and tokens.", min=0)] = 1,
    steps: Annotated[int, option("Tokens of each piece of text: the greatest distance.", min=2)] = 100,
    rows: Annotated[int, option("The number of pieces.", min=1)] = 8,
    json: Json = False,
    plot: Plot = None,
) -> None:
    """Show gradients through time, by distance.

    They are the norms of the derivative of the loss at step t by the recurrent state after step k, against t - k; the
    eigenvalues and singular values of the recurrent weights are printed too. Needs torch.
    """
    import numpy as np

    from seqcli.insight import chart
    from seqcli.insight import flow as through
    from seqcli.training import require_torch

    if cells:
        if models or files:
            raise UsageError("--cells makes fresh networks on random tokens: leave out --model and FILES")
        if plot:
            chart.check(plot)
        given = _fresh(cells.split(","), hidden, seed, steps, rows)
    else:
        given = {}
        for model in models or [None]:
            own, look = opened("unrolled", model, plot)
            name = artifact.named(own.path)
            given[name if name not in given else str(own.path)] = look(own, records(own, files), steps, rows)
    require_torch("look flow")
    found, curves, spectra = {}, {}, {}
    for name, unrolled in given.items():
        curve = through.by_distance(through.norms(unrolled))
        curves[name], matrices = curve, through.spectrum(unrolled.model.stack)
        spectra |= {f"{name}: {m.name}" if len(given) > 1 else m.name: m.eigenvalues.tolist() for m in matrices}
        found[name] = {
            "norms": [None if np.isnan(v) else v for v in curve],
            "factor": through.factor(curve),
            "memory": through.memory(curve),
            "weights": [
                {"name": m.name, "radius": float(abs(m.eigenvalues).max()), "largest": float(m.singular[0]),
                 "smallest": float(m.singular[-1]),
                 "eigenvalues": [[v.real, v.imag] for v in m.eigenvalues.tolist()]}
                for m in matrices
            ],
        }  # fmt: skip
    if plot:
        chart.draw(plot, curves, "tokens between state and loss", "norm of the derivative", spectra)
    table = console.table(
        ("network", "norm at 1", f"at {steps}", "factor a step", "memory (steps)"),
        [
            [name, f"{curves[name][0]:.2e}", f"{curves[name][-1]:.2e}",
             "" if f["factor"] is None else f"{f['factor']:.3f}", f"{f['memory'] or ''}"]
            for name, f in found.items()
        ],
        right=(1, 2, 3, 4),
    )  # fmt: skip
    weights = console.table(
        ("recurrent weights", "|eigenvalue| up to", "singular values", "to"),
        [
            [f"{name}: {w['name']}", f"{w['radius']:.3f}", f"{w['smallest']:.3g}", f"{w['largest']:.3f}"]
            for name, f in found.items()
            for w in f["weights"]
        ],
        right=(1, 2, 3),
    )
    drawn = map(console.visible, chart.text(curves, "tokens between state and loss"))
    write(found, [*drawn, "", *table, *(["", *weights] if len(weights) > 1 else [])], json)


def _fresh(kinds: list[str], hidden: int, seed: int, steps: int, rows: int) -> dict[str, Any]:
    """Return untrained language models of one layer, unrolled on random tokens."""
    import numpy as np

    from seqcli import registry
    from seqcli.models import language_model
    from seqcli.tasks.language_model import look

    found = {}
    for kind in kinds:
        registry.load("cells", kind)  # raises for an unknown name, as in recipes
        config = language_model.Config(cell=kind, embedding=hidden, hidden=hidden)  # type: ignore[arg-type]
        rng = np.random.default_rng(seed)
        network = language_model.Model.create(config, 64, rng)
        found[kind] = look.of_ids(network, rng.integers(64, size=(steps + 1, rows)))
    return found
