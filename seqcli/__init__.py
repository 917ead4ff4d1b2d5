"""Train sequence models on your own text from one YAML recipe; use them as fast Unix filters.

The Python API is `seqcli.load(path)`: it opens a model file and returns an object with the verbs that fit it,
so that `seqcli.load("runs/charlm").generate("The ")` is text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["SeqcliError", "load"]

if TYPE_CHECKING:
    from seqcli.api import load
    from seqcli.errors import SeqcliError


def __getattr__(name: str) -> Any:
    """Import lazily, so that `import seqcli` stays free of NumPy."""
    if name == "load":
        from seqcli.api import load

        return load
    if name == "SeqcliError":
        from seqcli.errors import SeqcliError

        return SeqcliError
    raise AttributeError(f"module 'seqcli' has no attribute {name!r}")
