"""Recordings as log-mel filter banks: the log energy of each band on the mel scale."""

from __future__ import annotations

from typing import Literal

from seqcli.frames import _audio

Analysis, fixed, read = _audio.Analysis, _audio.fixed, _audio.read


class Config(_audio.BaseAudio):
    """Recipe keys of `frames: {kind: mel}`."""

    kind: Literal["mel"] = "mel"
