"""What a shell offers for values: recipes, runs, and the entries of a registry. For Typer's `autocompletion=`.

A completion must not fail and must be quick: nothing is imported that a list of names does not need.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from seqcli import registry

Offers = list[tuple[str, str]]  # (value, what it is)


def recipes(incomplete: str) -> Offers:
    """Names of recipes, with their summaries; where none fits, the shell offers files."""
    from seqcli.recipe import discover

    found = []
    for name, path in sorted(discover.available().items()):
        if name.startswith(incomplete):
            try:
                found.append((name, discover.summary(path.read_text(encoding="utf-8", errors="replace"))))
            except OSError:
                found.append((name, ""))
    return found


def runs(incomplete: str) -> Offers:
    """Names of the runs in ./runs that have a model, the newest first."""
    found = []
    for path in Path("runs").glob(f"{_literal(incomplete)}*/model.safetensors"):
        try:
            found.append((path.stat().st_mtime, path.parent.name))
        except OSError:
            continue
    return [(name, "") for _, name in sorted(found, reverse=True)]


def topics(incomplete: str) -> Offers:
    """Pages of the documentation."""
    from seqcli.resources import share

    return [(path.stem, "") for path in sorted(share("docs").glob(f"{_literal(incomplete)}*.md"))]


def entries(folder: str, known: Sequence[str] | None = None) -> Callable[[str], Offers]:
    """A completion for the names of a registry, `entries("cells")`, or for the `known` ones of them."""

    def offer(incomplete: str) -> Offers:
        return [(n, registry.summary(folder, n)) for n in known or registry.names(folder) if n.startswith(incomplete)]

    return offer


def sections(incomplete: str) -> Offers:
    """Sections of a recipe, and their kinds: `model.ngram`."""
    found = [(name, "") for name in ("task", "tokenizer", "target_tokenizer", "data", "model", "train")]
    for section, folder in (
        ("tokenizer", "tokenizers"),
        ("target_tokenizer", "tokenizers"),
        ("data", "tasks"),
        ("model", "models"),
    ):
        found += [(f"{section}.{n}", registry.summary(folder, n)) for n in registry.names(folder)]
    return [pair for pair in found if pair[0].startswith(incomplete)]


def _literal(text: str) -> str:
    """Text that a glob takes as it stands."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in text)
