"""Types of recipe keys that kinds of models for classification share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

Size = Annotated[int, Field(gt=0)]
Rate = Annotated[float, Field(ge=0, lt=1)]
ClassWeights = Literal["none", "balanced"] | dict[str, Annotated[float, Field(gt=0)]]
