"""Training: from a recipe to a run folder. The only part of seqcli that imports torch."""

from __future__ import annotations

from importlib import import_module

from seqcli.errors import UsageError


def require_torch(what: str) -> None:
    """Import torch for `what`. Raises UsageError with the command that installs torch if it is missing or broken."""
    try:
        import_module("torch")
    except (ImportError, OSError) as error:
        if "failed to map segment" in str(error):
            raise MemoryError from None
        missing = isinstance(error, ModuleNotFoundError) and error.name == "torch"
        why = "which is not installed (everything else works without it)" if missing else f"which fails: {error}"
        raise UsageError(
            f"{what} needs torch, {why}",
            hint="pip install 'seqcli[train]'\n"
            "without a GPU, its smaller build: pip install torch --index-url https://download.pytorch.org/whl/cpu",
        ) from None
