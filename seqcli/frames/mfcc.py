"""Recordings as mel-frequency cepstral coefficients: the shape of the spectrum in about a dozen numbers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from seqcli.frames import _audio

Analysis, fixed, read = _audio.Analysis, _audio.fixed, _audio.read


class Config(_audio.BaseAudio):
    """Recipe keys of `frames: {kind: mfcc}`."""

    kind: Literal["mfcc"] = "mfcc"
    bands: Annotated[int, Field(ge=4, le=256)] = 23  # mel filters
    cepstra: Annotated[int, Field(ge=2)] = 13  # coefficients that are kept, the energy first

    @model_validator(mode="after")
    def _fewer(self) -> Config:
        if self.cepstra > self.bands:
            raise ValueError(f"cepstra: must be at most the number of bands, {self.bands}, not {self.cepstra}")
        return self
