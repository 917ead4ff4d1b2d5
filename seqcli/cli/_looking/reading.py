"""What a model makes of a text: surprise, memory, units; words that are like another."""

from __future__ import annotations

from typing import Annotated

import typer

from seqcli import console
from seqcli.cli._looking import EXCERPT, Files, Json, Plot, draw, opened, records, write
from seqcli.cli._options import Model, option
from seqcli.errors import UsageError, did_you_mean


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
    own, look = opened("surprise", model, plot)
    seen, nats = look(own, records(own, files), tokens)
    top = max(float(nats.max()), 1e-9)
    weights = [(a, b, float(n) / top) for (a, b), n in zip(seen.places[1:], nats, strict=True)]
    drawn = draw(seen.text, weights, f"surprise: mean {nats.mean():.2f} nats, the darkest {top:.2f}", plot)
    symbols = [own.tokenizer.symbol(int(i)) for i in seen.ids[1:]]
    rows = [
        {"token": s, "start": a, "end": b, "nats": round(float(n), 6)}
        for s, (a, b), n in zip(symbols, seen.places[1:], nats, strict=True)
    ]
    lines = [drawn] if drawn else [f"{console.visible(r['token'])}\t{r['nats']:.4f}" for r in rows]
    write({"tokens": rows, "mean": float(nats.mean())}, lines, json)
    console.say(f"{len(rows):,} tokens, mean {nats.mean():.4f} nats, most {nats.max():.4f}")


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
    own, look = opened("memory", model, plot)
    found = look(own, records(own, files), longest, windows)
    if plot:
        from seqcli.insight import chart

        chart.draw(plot, {"loss": [nats for first, last, nats in found for _ in range(first, last + 1)]},
                   "tokens read before", "nats a token", {})  # fmt: skip
    worst = max(nats for *_, nats in found)
    rows = [[f"{a}" if a == b else f"{a} to {b}", f"{n:.4f}", "█" * round(40 * n / worst)] for a, b, n in found]
    table = console.table(("tokens read", "nats", ""), rows, right=(0, 1))
    write({"memory": [{"from": a, "to": b, "nats": n} for a, b, n in found]}, table, json)


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
    own, look = opened("neurons", model, plot)
    seen, found = look(own, records(own, files), tokens)
    drawn = []
    for i, unit in enumerate(found[:show]):
        values = unit.values if unit.correlation > 0 else -unit.values
        low, high = float(values.min()), float(values.max())
        weights = [
            (a, b, (float(v) - low) / max(high - low, 1e-9)) for (a, b), v in zip(seen.places, values, strict=True)
        ]
        near = [w for w in weights if w[1] <= 4 * EXCERPT]
        text = draw(seen.text, near, f"{unit.what}: layer {unit.layer}, unit {unit.unit}", plot if not i else None)
        drawn += ["", f"{unit.what}: layer {unit.layer}, unit {unit.unit}", text.rstrip("\n")] if text else []
    rows = [[u.what, str(u.layer), str(u.unit), f"{u.correlation:+.3f}"] for u in found]
    table = console.table(("what", "layer", "unit", "correlation"), rows, right=(1, 2, 3))
    units = [
        {"what": u.what, "layer": u.layer, "unit": u.unit, "correlation": round(u.correlation, 6)} for u in found
    ]
    write({"tokens": len(seen.ids), "units": units}, [*table, *drawn], json)


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

    own, look = opened("table", model, None)
    names, vectors = look(own)
    if word not in names:
        raise UsageError(f"{word!r} is none of the model's {len(names):,} words", hint=did_you_mean(word, names))
    at = names.index(word)
    length = np.linalg.norm(vectors, axis=1)
    cosine = vectors @ vectors[at] / np.where(length > 0, length * max(length[at], 1e-30), np.inf)
    cosine[at] = -np.inf
    best = np.argsort(-cosine, kind="stable")[: min(count, len(names) - 1)].tolist()
    found = [{"word": names[i], "cosine": round(float(cosine[i]), 6)} for i in best]
    write(
        {"word": word, "neighbors": found}, [f"{console.visible(n['word'])}\t{n['cosine']:.4f}" for n in found], json
    )
