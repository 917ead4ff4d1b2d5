"""Show what is in a model file: its recipe, parameters, scores and provenance.

No weights are loaded. FILE is a model, a checkpoint, a tokenizer, a run folder or a run's name; default: the newest.
"""

from __future__ import annotations

from typing import Annotated

import typer

from seqcli.cli._complete import runs
from seqcli.cli._options import option


def command(
    file: Annotated[str | None, typer.Argument(help="The file to inspect.", autocompletion=runs)] = None,
    json: Annotated[bool, option("Print the whole header as JSON.", "--json")] = False,
    arrays: Annotated[bool, option("List name, shape and type of every array too.", "--arrays")] = False,
) -> None:
    import json as _json
    import math

    from seqcli import artifact, console
    from seqcli.facts import facts
    from seqcli.runs import find_model
    from seqcli.streams import Output

    path = find_model(file, "inspect")
    header = artifact.read_header(path)
    shapes = artifact.read_shapes(path)
    out = Output()
    if json:
        about = {n: {"shape": s, "type": t} for n, (s, t) in shapes.items()}
        out.line(_json.dumps({**header, "arrays": about}, ensure_ascii=False, indent=2))
        out.flush()
        return
    weights = {n: math.prod(s) for n, (s, _) in shapes.items() if n.startswith("model.")}
    odd = sorted({t for n, (_, t) in shapes.items() if n.startswith("model.") and t in ("F16", "BF16")})
    with artifact.restoring(path):
        found = facts(header, sum(weights.values()), path.stat().st_size)
    if odd and "precision" not in header:
        found.append(("weights", f"{' and '.join(odd)}: another program converted the file, which no verb can use"))
    for name, value in found:
        out.line(f"{name:<12}{value}")
    if "recipe" in header:
        import yaml

        out.line("recipe")
        from seqcli.recipe.schema import SECTIONS  # a header is sorted by name; this order reads better

        recipe = {s: header["recipe"][s] for s in SECTIONS if s in header["recipe"]}
        text = yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True, default_flow_style=None, width=74)
        out.line("\n".join(f"  {line}" for line in text.rstrip("\n").split("\n")))
    if arrays:
        out.line("arrays")
        for line in console.table(("name", "shape", "type"), ((n, str(s), t) for n, (s, t) in shapes.items())):
            out.line(f"  {line}")
    out.flush()
