"""The files that ship with seqcli besides its code: `recipes`, `data` and `docs`."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent


def share(folder: str) -> Path:
    """Return the folder `recipes`, `data` or `docs`: inside an installed package, or next to it in a source checkout.

    It may not exist: an installation may lack it, and its `glob` is then empty.
    """
    installed = _PACKAGE / "_share" / folder
    checkout = _PACKAGE.parent
    # a site-packages folder may hold another package's `data`: only a checkout of seqcli has these two files
    if not installed.is_dir() and (checkout / "pyproject.toml").is_file() and (checkout / "README.md").is_file():
        return checkout / folder
    return installed
