"""See what a model does: surprise, gradients through time, gates, units, neighbours.

Each mode prints a table or draws in the terminal; --json has the numbers, --plot FILE a picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import typer

from seqcli import console
from seqcli.cli._options import Model, option
from seqcli.errors import UsageError, did_you_mean
from seqcli.streams import Output

app = typer.Typer(
    help=__doc__, no_args_is_help=True, add_completion=False, rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)  # fmt: skip

Files = Annotated[
    list[str] | None,
    typer.Argument(
        help="Files read as the training data were; - is standard input. Default: its own validation data."
    ),
]
Json = Annotated[bool, option("The numbers, as one JSON object.", "--json")]
Plot = Annotated[str | None, option("A picture: .png, .svg or .pdf.", "--plot", metavar="FILE")]
EXCERPT = 600  # characters of a text that are drawn


def _opened(mode: str, model: str | None, plot: str | None) -> tuple[Any, Any]:
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


def _records(own: Any, files: list[str] | None) -> Any:
    """What is looked at: files, or the validation split of the model's own data, else the training split."""
    from seqcli import scoring
    from seqcli.datasets.reading import Reading

    split = "valid" if "valid" in own.header["data"].get("splits", {}) else "train"
    what, found = scoring.records(own, files or [], Reading(), split)
    console.say(f"looking at {what}")
    return found


def _write(found: Mapping[str, Any], lines: Iterable[str], as_json: bool) -> None:
    """The numbers as JSON, or lines in which nothing but our own colours steers a terminal."""
    output = Output()
    if as_json:
        output.json(dict(found))
    else:
        output.write("".join(f"{line}\n" for line in lines))
    output.flush()


def _drawn(text: str, weights: list[tuple[int, int, float]], head: str, plot: str | None) -> str:
    """A text coloured for the terminal, its beginning; all of it as a picture where one is asked for."""
    from seqcli.insight import attention, coloured

    if plot:
        attention.draw([attention.Looked(text, weights, head)], plot)
    if not coloured.can_colour():
        return ""
    shown = [w for w in weights if w[1] <= EXCERPT]
    return coloured.painted(text[: shown[-1][1] if shown else 0], shown)


@app.command()
def surprise(
    files: Files = None,
    model: Model = None,
    tokens: Annotated[int, option("Of the text's beginning, so many.", min=2)] = 2000,
    json: Json = False,
    plot: Plot = None,
) -> None:
    """What each token costs a language model.

    In nats, all of the text before it read: coloured on a terminal, else a token a line.
    """
    own, look = _opened("surprise", model, plot)
    seen, nats = look(own, _records(own, files), tokens)
    top = max(float(nats.max()), 1e-9)
    weights = [(a, b, float(n) / top) for (a, b), n in zip(seen.places[1:], nats, strict=True)]
    drawn = _drawn(seen.text, weights, f"surprise: mean {nats.mean():.2f} nats, the darkest {top:.2f}", plot)
    symbols = [own.tokenizer.symbol(int(i)) for i in seen.ids[1:]]
    rows = [
        {"token": s, "start": a, "end": b, "nats": round(float(n), 6)}
        for s, (a, b), n in zip(symbols, seen.places[1:], nats, strict=True)
    ]
    lines = [drawn] if drawn else [f"{console.visible(r['token'])}\t{r['nats']:.4f}" for r in rows]
    _write({"tokens": rows, "mean": float(nats.mean())}, lines, json)
    console.say(f"{len(rows):,} tokens, mean {nats.mean():.4f} nats, most {nats.max():.4f}")


@app.command()
def memory(
    files: Files = None,
    model: Model = None,
    longest: Annotated[int, option("Context, in tokens.", min=2)] = 256,
    windows: Annotated[int, option("Stretches of text, each begun with a fresh state.", min=1)] = 64,
    json: Json = False,
    plot: Plot = None,
) -> None:
    """A language model's loss by how much it read.

    Where the curve is flat, its memory ends.
    """
    own, look = _opened("memory", model, plot)
    found = look(own, _records(own, files), longest, windows)
    if plot:
        from seqcli.insight import chart

        chart.draw(plot, {"loss": [nats for first, last, nats in found for _ in range(first, last + 1)]},
                   "tokens read before", "nats a token", {})  # fmt: skip
    worst = max(nats for *_, nats in found)
    rows = [[f"{a}" if a == b else f"{a} to {b}", f"{n:.4f}", "█" * round(40 * n / worst)] for a, b, n in found]
    table = console.table(("tokens read", "nats", ""), rows, right=(0, 1))
    _write({"memory": [{"from": a, "to": b, "nats": n} for a, b, n in found]}, table, json)


@app.command()
def neurons(
    files: Files = None,
    model: Model = None,
    tokens: Annotated[int, option("Of the text's beginning, so many.", min=2)] = 10_000,
    show: Annotated[int, option("Draw the text as so many of the units see it.", min=0)] = 3,
    json: Json = False,
    plot: Plot = None,
) -> None:
    """Units that follow quotes, lines, words.

    Those of a language model whose output has the highest correlation with each property of the text.
    """
    own, look = _opened("neurons", model, plot)
    seen, found = look(own, _records(own, files), tokens)
    drawn = []
    for i, unit in enumerate(found[:show]):
        values = unit.values if unit.correlation > 0 else -unit.values
        low, high = float(values.min()), float(values.max())
        weights = [
            (a, b, (float(v) - low) / max(high - low, 1e-9)) for (a, b), v in zip(seen.places, values, strict=True)
        ]
        near = [w for w in weights if w[1] <= 4 * EXCERPT]
        text = _drawn(seen.text, near, f"{unit.what}: layer {unit.layer}, unit {unit.unit}", plot if not i else None)
        drawn += ["", f"{unit.what}: layer {unit.layer}, unit {unit.unit}", text.rstrip("\n")] if text else []
    rows = [[u.what, str(u.layer), str(u.unit), f"{u.correlation:+.3f}"] for u in found]
    table = console.table(("what", "layer", "unit", "correlation"), rows, right=(1, 2, 3))
    units = [
        {"what": u.what, "layer": u.layer, "unit": u.unit, "correlation": round(u.correlation, 6)} for u in found
    ]
    _write({"tokens": len(seen.ids), "units": units}, [*table, *drawn], json)


@app.command()
def gates(
    files: Files = None,
    model: Model = None,
    steps: Annotated[int, option("Tokens of a stretch.", min=2)] = 200,
    rows: Annotated[int, option("Stretches.", min=1)] = 8,
    json: Json = False,
) -> None:
    """How open each gate is, by layer.

    Its mean, the shares of its values that are shut and open, how they are spread from 0 to 1.
    """
    from seqcli.insight import gates as of

    own, look = _opened("unrolled", model, None)
    given = look(own, _records(own, files), steps, rows)
    found = of.gates(given.model.stack, given.x)
    if not found:
        raise UsageError(f"{own.path}: its cells have no gates to look at", hint="an LSTM or a GRU has")
    lines = [
        [f"{g.layer}{' backward' * g.direction}", g.name, f"{g.mean:.3f}", f"{g.shut:.1%}", f"{g.open:.1%}",
         _bars(g.tenths)]
        for g in found
    ]  # fmt: skip
    table = console.table(("layer", "gate", "mean", "below 0.1", "above 0.9", "0 to 1"), lines, right=(2, 3, 4))
    _write({"gates": [g._asdict() for g in found]}, table, json)


def _bars(counts: list[int]) -> str:
    marks = " ▁▂▃▄▅▆▇█"
    return "".join(marks[-(-count * 8 // max(max(counts), 1))] for count in counts)


@app.command()
def neighbors(
    word: Annotated[str, typer.Argument(help="A word, or a token as `seqcli tokenize` shows it.")],
    model: Model = None,
    count: Annotated[int, option("So many.", "-n", "--count", min=1)] = 10,
    json: Json = False,
) -> None:
    """Words with the most similar embeddings.

    Or tokens; by cosine.
    """
    import numpy as np

    own, look = _opened("table", model, None)
    names, vectors = look(own)
    if word not in names:
        raise UsageError(f"{word!r} is none of the model's {len(names):,} words", hint=did_you_mean(word, names))
    at = names.index(word)
    length = np.linalg.norm(vectors, axis=1)
    cosine = vectors @ vectors[at] / np.where(length > 0, length * max(length[at], 1e-30), np.inf)
    cosine[at] = -np.inf
    best = np.argsort(-cosine, kind="stable")[: min(count, len(names) - 1)].tolist()
    found = [{"word": names[i], "cosine": round(float(cosine[i]), 6)} for i in best]
    _write(
        {"word": word, "neighbors": found}, [f"{console.visible(n['word'])}\t{n['cosine']:.4f}" for n in found], json
    )


@app.command()
def flow(
    files: Files = None,
    model: Model = None,
    cells: Annotated[
        str | None, option("Fresh cells instead of a model, as rnn,irnn,lstm,gru.", metavar="A,B,…")
    ] = None,
    hidden: Annotated[int, option("--cells: units.", min=1)] = 128,
    seed: Annotated[int, option("--cells: of the weights.", min=0)] = 1,
    steps: Annotated[int, option("Tokens of a stretch: how far back is looked.", min=2)] = 100,
    rows: Annotated[int, option("Stretches.", min=1)] = 8,
    json: Json = False,
    plot: Plot = None,
) -> None:
    """Gradients through time, by distance.

    The norm of the derivative of the loss at step t by the recurrent state after step k, against t - k; eigenvalues
    and singular values of the recurrent weights beside it. Needs torch.
    """
    import numpy as np

    from seqcli.insight import chart
    from seqcli.insight import flow as through

    if cells:
        if model or files:
            raise UsageError("--cells makes fresh networks on random tokens: it goes with neither a model nor files")
        if plot:
            chart.check(plot)
        given = _fresh(cells.split(","), hidden, seed, steps, rows)
    else:
        own, look = _opened("unrolled", model, plot)
        name = own.path.parent.name if own.path.stem == "model" else own.path.stem
        given = {name: look(own, _records(own, files), steps, rows)}
    try:
        import torch  # noqa: F401
    except ImportError:
        raise UsageError("look flow needs torch", hint="pip install 'seqcli[train]'") from None
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
        ("network", "norm at 1", "at the end", "a step", "memory"),
        [
            [name, f"{curves[name][0]:.2e}", f"{curves[name][-1]:.2e}",
             "" if f["factor"] is None else f"{f['factor']:.3f}", f"{f['memory'] or ''}"]
            for name, f in found.items()
        ],
        right=(1, 2, 3, 4),
    )  # fmt: skip
    weights = console.table(
        ("recurrent weights", "largest |eigenvalue|", "largest singular value", "smallest"),
        [
            [f"{name}: {w['name']}", f"{w['radius']:.3f}", f"{w['largest']:.3f}", f"{w['smallest']:.3g}"]
            for name, f in found.items()
            for w in f["weights"]
        ],
        right=(1, 2, 3),
    )
    drawn = map(console.visible, chart.text(curves, "tokens between state and loss"))
    _write(found, [*drawn, "", *table, *(["", *weights] if len(weights) > 1 else [])], json)


def _fresh(kinds: list[str], hidden: int, seed: int, steps: int, rows: int) -> dict[str, Any]:
    """Language models without training, of one layer each, on random tokens."""
    import numpy as np

    from seqcli import registry
    from seqcli.models import language_model
    from seqcli.tasks.language_model import look

    found = {}
    for kind in kinds:
        registry.load("cells", kind)  # an unknown name is told as in recipes
        config = language_model.Config(cell=kind, embedding=hidden, hidden=hidden)  # type: ignore[arg-type]
        rng = np.random.default_rng(seed)
        network = language_model.Model.create(config, 64, rng)
        found[kind] = look.of_ids(network, rng.integers(64, size=(steps + 1, rows)))
    return found


@app.command()
def lags(
    tasks: Annotated[
        str,
        option("Some of copy, adding, recall, first, dyck, parity, modular, s3, s5, associative.", metavar="A,B,…"),
    ] = "",
    cells: Annotated[
        str, option("Cells, CELL+attention (for copy), transformer. [default: all of them]", metavar="A,B,…")
    ] = "",
    minutes: Annotated[float, option("To learn a task; five times that for parity, s3 and copy.", min=0.01)] = 2.0,
    seed: Annotated[int, option("Of weights and batches.", min=0)] = 1,
    jobs: Annotated[int, option("Networks trained at once, each on one thread.", "-j", "--jobs", min=1)] = 1,
    json: Json = False,
    plot: Plot = None,
) -> None:
    """What one cell can and another cannot.

    Networks learn tasks with long lags on sequences of 3 to 40 symbols, as runs in ./runs, and are asked about 20 to
    256: the share of answers that are right, of tags the last one. What was done before is not done again. Needs torch.
    """
    from concurrent.futures import ThreadPoolExecutor

    from seqcli import registry
    from seqcli.datasets.lags import TASKS
    from seqcli.insight import chart
    from seqcli.insight import lags as of
    from seqcli.training import require_torch

    if plot:
        chart.check(plot)
    require_torch("training")
    everything = [*registry.names("cells"), "lstm" + of.ATTENDING, of.TRANSFORMER]
    listed = of.trials(
        tasks.split(",") if tasks else [*TASKS], cells.split(",") if cells else everything, minutes, seed
    )
    with ThreadPoolExecutor(jobs) as pool:
        waiting = [(trial, pool.submit(lambda t: of.scored(t) or of.carried_out(t), trial)) for trial in listed]
        tables: dict[str, dict[str, dict[int, float]]] = {}
        try:
            for number, (trial, done) in enumerate(waiting, 1):
                tables.setdefault(trial.task, {})[trial.network] = shares = done.result()
                reached = ", ".join(f"{share:.0%} at {length}" for length, share in shares.items())
                console.say(f"{number} of {len(listed)}: {trial.task}, {trial.network}: {reached}")
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    for task, rows in tables.items():
        rows["most frequent"] = of.floors(task)
    if plot:
        of.draw(plot, tables)
    lines = [
        [task, network, *(f"{100 * share:.1f}" for share in shares.values())]
        for task, rows in tables.items()
        for network, shares in rows.items()
    ]
    head = ("task", "network", *map(str, of.LENGTHS))
    _write({"lengths": of.LENGTHS, "right": tables}, console.table(head, lines, right=range(2, len(head))), json)
