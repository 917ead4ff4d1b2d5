"""The `cell` key of every recurrent model's configuration: a name, or a mapping with the cell's own options."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator

from seqcli.layers._choice import checker

CellSpec = Annotated[str | dict[str, Any], AfterValidator(checker("cells", "cell", "lstm"))]
"""A cell in a recipe; after validation always a dict with `kind`."""
