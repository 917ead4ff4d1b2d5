"""Shell completion of values: recipes, runs, and the entries of a registry, for Typer's `autocompletion=`.

A completion must not fail and must be quick: it imports nothing beyond what a list of names needs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from seqcli import registry

Offers = list[tuple[str, str]]  # (value, description)


def recipes(incomplete: str) -> Offers:
    """Return names of recipes with their summaries; if none fits, the shell offers files."""
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
    """Return the names of the runs in ./runs that have a model, the newest first."""
    found = []
    for path in Path("runs").glob(f"{_literal(incomplete)}*/model.safetensors"):
        try:
            found.append((path.stat().st_mtime, path.parent.name))
        except OSError:
            continue
    return [(name, "") for _, name in sorted(found, reverse=True)]


def topics(incomplete: str) -> Offers:
    """Return the pages of the documentation."""
    from seqcli.resources import share

    return [(path.stem, "") for path in sorted(share("docs").glob(f"{_literal(incomplete)}*.md"))]


def entries(folder: str, known: Sequence[str] | None = None) -> Callable[[str], Offers]:
    """Return a completion for the names of a registry, as in `entries("cells")`, or for the `known` ones alone."""

    def offer(incomplete: str) -> Offers:
        return [(n, registry.summary(folder, n)) for n in known or registry.names(folder) if n.startswith(incomplete)]

    return offer


def sections(incomplete: str) -> Offers:
    """Return the sections of a recipe, and their kinds: `model.ngram`."""
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
    """Escape a text so that a glob matches it literally."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in text)
