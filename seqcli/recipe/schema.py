"""The schema of recipes. Sections that depend on the task are defined elsewhere: `tokenizers/<kind>.Config`,
`models/<kind>.Config` and `tasks/<task>/data.Config`; this module has what is the same in every task."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, model_validator

SECTIONS = ("task", "tokenizer", "target_tokenizer", "frames", "data", "model", "train")
Positive = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0, lt=1)]


class TrainConfig(BaseModel, extra="forbid"):
    """Recipe keys of `train`: how a gradient-trained model is trained."""

    epochs: Annotated[float, Field(gt=0)] | None = None  # epochs, steps, minutes: whichever ends first
    steps: Positive | None = None
    minutes: Annotated[float, Field(gt=0)] | None = None
    sequence_length: Positive = 64  # tokens of truncated back-propagation through time
    vary_length: bool = False  # by about 5 in each batch; one batch in twenty has half of it (Merity et al. 2018)
    partial_shuffle: bool = False  # each parallel stream begins at another place every epoch (Press 2019)
    batch_size: Positive = 32
    batch_tokens: Positive | None = None  # sequence-to-sequence: tokens a batch, both sides, instead of batch_size
    accumulate: Positive = 1  # batches whose gradients are added up for one step
    optimizer: Literal["adamw", "sgd", "rmsprop"] = "adamw"
    learning_rate: Annotated[float, Field(gt=0)] = 2e-3
    layer_rate: Annotated[float, Field(gt=0, le=1)] = 1.0  # fine-tuning: each layer's share of the rate above it
    unfreeze_every: Annotated[float, Field(gt=0)] | None = None  # fine-tuning: epochs until the next layer learns too
    reader_rate: Annotated[float, Field(ge=0, le=1)] = 0.0  # model.reader learns at this share of the rate; 0: frozen
    weight_decay: Annotated[float, Field(ge=0)] = 0.01  # of matrices only
    momentum: Share = 0.0  # sgd, rmsprop
    betas: tuple[Share, Share] = (0.9, 0.99)  # adamw
    schedule: Literal["constant", "cosine", "linear", "step", "plateau", "inverse-sqrt"] = "cosine"
    warmup: Annotated[int, Field(ge=0)] = 0  # steps of linear growth from 0
    decay: Annotated[float, Field(gt=0, le=1)] = 0.5  # step, plateau: the factor; see decay_from, decay_every
    decay_from: Annotated[float, Field(ge=0)] = 0.0  # step: epochs at the full rate
    decay_every: Annotated[float, Field(gt=0)] = 1.0  # step: epochs from one decay to the next
    decay_patience: Annotated[int, Field(ge=0)] = 0  # plateau: evaluations without a gain before a decay
    watch: str | None = None  # which figure decides on the best model: loss or the task's own; for pairs any metric
    average: Share = 0.0  # keep an exponential moving average of the weights with this decay, as 0.999; 0: none
    clip_norm: Annotated[float, Field(gt=0)] | None = 1.0
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    threads: Positive | None = None  # of the CPU; default: all
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1
    evaluate_every: Positive | None = None  # steps; default: once an epoch, 10 to 50 times a run
    patience: Positive | None = None  # stop after so many evaluations without a gain
    save_every: Annotated[float, Field(gt=0)] = 60.0  # seconds between saves of last.safetensors
    snapshot_every: Positive | None = None  # steps between kept copies of the model
    average_snapshots: Positive | None = None  # at the end keep the mean of so many copies, if it scores better

    @property
    def reads_anew(self) -> bool:
        """Whether language models that read for the model learn from the first step: their states are not cached."""
        return self.reader_rate > 0 and self.unfreeze_every is None

    @model_validator(mode="after")
    def _snapshots_to_average(self) -> TrainConfig:
        if self.average_snapshots and not self.snapshot_every:
            raise ValueError("average_snapshots: there are no snapshots to average; set train.snapshot_every")
        return self


@dataclass(frozen=True)
class Recipe:
    """A recipe that has been checked completely. `name` is the recipe file's name without `.yaml`."""

    name: str
    task: str
    model: Any  # models/<kind>.Config
    tokenizer: Any = None  # tokenizers/<kind>.Config
    target_tokenizer: Any = None  # the same, for the target of pairs; None: `tokenizer` serves both sides
    frames: Any = None  # frames/<kind>.Config, if records are read as vectors; None: as text
    data: Any = None  # tasks/<task>/data.Config
    train: TrainConfig | None = None  # None for a model that is counted
    base: Path = field(default=Path(), compare=False)  # the folder that paths in `data` are relative to; not stored

    def to_dict(self) -> dict[str, Any]:
        """Return plain values with all defaults filled in, as stored in `recipe.yaml` and the artifact's header."""
        parts = {name: getattr(self, name) for name in SECTIONS[1:]}
        dumped = {key: part.model_dump(mode="json") for key, part in parts.items() if part is not None}
        return {"task": self.task, **dumped}
