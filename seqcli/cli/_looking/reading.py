"""Modes of `look` about reading a text: surprise, memory, units, reasons, attention, similar words."""

from __future__ import annotations

from typing import Annotated

import typer

from seqcli import console
from seqcli.cli._looking import EXCERPT, Files, Json, Plot, draw, given_text, opened, records, write
from seqcli.cli._options import Model, option
from seqcli.errors import UsageError, did_you_mean

SHOWN = str.maketrans({"\n": "\\n", " ": "▁"})  # in tokens of a table


def surprise(
    files: Files = None,
    model: Model = None,
    tokens: Annotated[int, option("Read this many tokens of the beginning.", min=2)] = 2000,
    json: Json = False,
    plot: Plot = None,
) -> None:
    """Show the surprise of each token for a language model.

    It is in nats, given all the text before the token: as colours on a terminal, else one token a line.
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
    legend = "; the more orange, the more surprising" if drawn else ""
    console.say(f"{len(rows):,} tokens, mean {nats.mean():.4f} nats, most {nats.max():.4f}{legend}")


def memory(
    files: Files = None,
    model: Model = None,
    longest: Annotated[int, option("The longest context, in tokens.", min=2)] = 256,
    windows: Annotated[int, option("The number of pieces of text, each begun with a fresh state.", min=1)] = 64,
    json: Json = False,
    plot: Plot = None,
) -> None:
    """Show a language model's loss by the number of tokens read.

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
    tokens: Annotated[int, option("Read this many tokens of the beginning.", min=2)] = 10_000,
    show: Annotated[int, option("Draw the text with the values of this many units.", min=0)] = 3,
    json: Json = False,
    plot: Plot = None,
) -> None:
    """Find units that follow quotes, lines, words.

    For each property of the text it is the language model's unit whose output correlates with it most.
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
    count: Annotated[int, option("The number of words.", "-n", "--count", min=1)] = 10,
    json: Json = False,
) -> None:
    """Find the words with the most similar embeddings.

    They may be tokens; similarity is the cosine.
    """
    import numpy as np

    own, look = opened("table", model, None)
    names, vectors = look(own)
    if word not in names:
        raise UsageError(f"{word!r} is not among the model's {len(names):,} words", hint=did_you_mean(word, names))
    at = names.index(word)
    length = np.linalg.norm(vectors, axis=1)
    cosine = vectors @ vectors[at] / np.where(length > 0, length * max(length[at], 1e-30), np.inf)
    cosine[at] = -np.inf
    best = np.argsort(-cosine, kind="stable")[: min(count, len(names) - 1)].tolist()
    found = [{"word": names[i], "cosine": round(float(cosine[i]), 6)} for i in best]
    rows = [[console.visible(n["word"]), f"{n['cosine']:.4f}"] for n in found]
    lines = map("\t".join, rows) if console.width() is None else console.table(("word", "cosine"), rows, right=(1,))
    write({"word": word, "neighbors": found}, lines, json)


def why(
    files: Files = None,
    model: Model = None,
    text: Annotated[str | None, option("This text, instead of files.")] = None,
    at: Annotated[int | None, option("Explain the tag of word N, or token N, from 1.", metavar="N", min=1)] = None,
    tokens: Annotated[int, option("Skip or truncate longer texts.", min=2)] = 200,
    json: Json = False,
    plot: Plot = None,
) -> None:
    """Show what each token contributes to an answer, by gradients.

    The answer is the log-odds of a text's label, of a word's tag (the least certain one, or --at), or of a token (the
    last one, or --at). The table has gradient times input, and integrated gradients, which sum to the change from an
    input of zeros. Needs torch.
    """
    from seqcli.insight import why as of
    from seqcli.training import require_torch

    own, look = opened("why", model, plot)
    require_torch("look why")
    if text is not None and files:
        raise UsageError("give --text or FILES, not both")
    asked = look(own, records(own, files) if text is None else given_text(own, text), tokens)
    if at is not None and at > len(asked.names):
        raise UsageError(f"--at: there are {len(asked.names):,} answers in this text")
    found = of.reasons(asked.given, asked.at if at is None else at - 1)
    rows = [
        {"start": a, "end": b, "gradient": round(float(g), 6), "integrated": round(float(i), 6)}
        for (a, b), g, i in zip(asked.places, found.gradient, found.integrated, strict=True)
    ]
    answer, change = asked.names[found.at], found.odds - found.zeros
    top = max(abs(found.integrated).max(), 1e-12)
    weights = [(r["start"], r["end"], r["integrated"] / top) for r in rows]
    head = f"{answer}: log-odds {found.odds:+.3f}"
    drawn = draw(asked.text, weights, head, plot)
    table = console.table(
        ("token", "gradient x input", "integrated"),
        [
            [console.visible(asked.text[r["start"] : r["end"]]).translate(SHOWN) or "<eos>", f"{r['gradient']:+.4f}",
             f"{r['integrated']:+.4f}"]
            for r in rows
        ],
        right=(1, 2),
    )  # fmt: skip
    shown = {"answer": answer, "log_odds": found.odds, "zeros": found.zeros, "sum": float(found.integrated.sum()),
             "error": found.error, "points": found.points, "text": asked.text, "tokens": rows}  # fmt: skip
    lines = [console.visible(head), *([drawn.rstrip("\n"), ""] if drawn else []), *table]
    write(shown, lines, json)
    legend = f"; orange: for {answer}, blue: against it" if drawn else ""
    console.say(
        f"integrated gradients sum to {found.integrated.sum():+.4f}, the log-odds change by {change:+.4f}:"
        f" {found.error:.2%} off ({found.points} points){legend}"
    )


def attention(
    files: Files = None,
    model: Model = None,
    text: Annotated[str | None, option("This text, instead of files.")] = None,
    count: Annotated[int, option("Number of texts.", "-n", "--count", min=1)] = 3,
    tokens: Annotated[int, option("Skip longer texts.", min=2)] = 60,
    json: Json = False,
    plot: Plot = None,
) -> None:
    """Show what a model attends to when it answers.

    For sequence to sequence, these are the source tokens for each token of an answer; for a classifier that pools by
    attention, or whose one text attends to the other (pair: attend), the words.
    """
    own, look = opened("attention", model, plot)
    if text is not None and files:
        raise UsageError("give --text or FILES, not both")
    found = look(own, records(own, files) if text is None else given_text(own, text), count, tokens)
    if not found.alignments and not found.texts:
        raise UsageError(
            f"{own.path}: it has no attention, or no text of at most {tokens} tokens to show it on",
            hint="models with attention: general, pooling: attention, or, for two texts, pair: attend have one",
        )
    lines: list[str] = []
    for seen in found.alignments:
        wide = max(len(console.visible(token)) for token in seen.target)
        lines.append(" ".join(map(console.visible, seen.source)))
        for token, row in zip(seen.target, seen.weights, strict=True):
            best = max(range(len(row)), key=row.__getitem__)
            shades = "".join(" ░▒▓█"[min(round(4 * w), 4)] for w in row)
            shown = console.visible(seen.source[best])
            lines.append(f"{console.visible(token):>{wide}} │{shades}│ {shown} {row[best]:.2f}")
        lines.append("")
    for seen in found.texts:
        top = max(w for *_, w in seen.weights)
        drawn = draw(seen.text, [(a, b, w / top) for a, b, w in seen.weights], seen.head, None)
        lines.append(f"{console.visible(seen.head)}\t{drawn.strip() or console.visible(seen.text)}")
        lines += [] if drawn else [f"  {w:.4f}  {console.visible(seen.text[a:b])}" for a, b, w in seen.weights]
    if plot and found.alignments:
        from seqcli.insight import alignment

        alignment.draw(plot, *found.alignments[0])
    elif plot:
        from seqcli.insight import attention as of

        of.draw([of.Looked(t.text, t.weights, t.head) for t in found.texts], plot)
    texts = [
        {"text": t.text, "answer": t.head,
         "tokens": [{"start": a, "end": b, "weight": round(w, 6)} for a, b, w in t.weights]}
        for t in found.texts
    ]  # fmt: skip
    write({"alignments": [a._asdict() for a in found.alignments], "texts": texts}, lines, json)
