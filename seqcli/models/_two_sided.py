"""Recipe keys that kinds of models from one sequence to another share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from seqcli.errors import UsageError
from seqcli.models import Sizes
from seqcli.models._keys import Rate, Size


class TwoSided(BaseModel):
    """Keys of `model` that do not depend on what encoder and decoder are."""

    model_config = ConfigDict(extra="forbid")

    tied: Literal["none", "output", "all"] = (
        "none"  # output: the softmax has the target embedding; all: both sides too
    )
    copy_source: bool = False  # it may copy what it looks at: a pointer-generator (See et al. 2017)
    word_dropout: Rate = 0.0  # of symbols on both sides, made zero
    label_smoothing: Rate = 0.0  # share of the target that is given to all symbols alike
    scheduled_sampling: Rate = 0.0  # how often an input is the model's own; grows from 0 where `epochs` are given
    free_running: Rate = 0.0  # share of the loss that is measured on the model's own continuation
    beam: Size = 5  # hypotheses kept in decoding, unless --beam says otherwise
    length_penalty: Annotated[float, Field(ge=0, le=10)] = 1.0  # 0: none; 1: scores are nats a token, nearly

    def check_sizes(self, sizes: Sizes) -> None:
        """Raise UsageError where both sides are to share a table and have other symbols."""
        if self.tied == "all" and not sizes.shared:
            raise UsageError(
                "model.tied: all needs one tokenizer for both sides",
                hint="leave target_tokenizer away, or use output",
            )
