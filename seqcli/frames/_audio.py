"""Recordings: the samples of WAV and FLAC files, and their features by kaldi-native-fbank."""

from __future__ import annotations

import re
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from seqcli.errors import SeqcliError, UsageError
from seqcli.frames import BaseConfig
from seqcli.frames._places import SOUND, Place

FULL = 32768.0  # samples are scaled to the range of 16 bits, which Kaldi's features expect
INSTALL = "to read recordings: pip install 'seqcli[audio]'"
STREAMED = 0x7FFF0000  # bytes: a header written before the length was known claims at least so many
_CUT = re.compile(r"^data : (\d+) \(should be (\d+)\)", re.MULTILINE)  # in libsndfile's log of a WAV header
Hertz = Annotated[int, Field(gt=0, le=1_000_000)]


class BaseAudio(BaseConfig):
    """Recipe keys of `frames` of recordings."""

    rate: Hertz | None = None  # samples a second; default: those of the first training recording
    window: Annotated[float, Field(gt=0)] = 25.0  # milliseconds that a frame sees
    step: Annotated[float, Field(gt=0)] = 10.0  # milliseconds from one frame to the next
    bands: Annotated[int, Field(ge=4, le=256)] = 40  # mel filters
    low: Annotated[float, Field(ge=0)] = 20.0  # hertz at which the lowest filter begins


def samples(place: Place) -> tuple[np.ndarray, int]:
    """Return the samples (N,) of a recording, float32 in ± 32,768, channels averaged, and their rate. Raises
    SeqcliError."""
    if place.path is None or place.path.suffix.lower() not in SOUND:
        raise SeqcliError(f"{place}: not the name of a recording ({', '.join(SOUND)})")
    try:
        import soundfile
    except ImportError:
        raise UsageError("reading recordings needs soundfile, which is not installed", hint=INSTALL) from None
    try:
        with soundfile.SoundFile(place.path) as file:
            read, rate, header = file.read(dtype="float32", always_2d=True), file.samplerate, file.extra_info
    except OSError as error:
        raise SeqcliError(f"{place}: {error.strerror or error}") from None
    except soundfile.LibsndfileError as error:
        why = error.error_string.rstrip(".").lower()
        why = "it is a folder" if place.path.is_dir() else why if place.path.exists() else "no such file"
        raise SeqcliError(f"{place}: cannot be read as a recording: {why}") from None
    if (cut := _CUT.search(header)) and int(cut[2]) < int(cut[1]) < STREAMED:
        raise SeqcliError(
            f"{place}: the recording is truncated: it has {cut[2]} of {cut[1]} bytes of sound",
            hint=f"copy it again; to use what is left: ffmpeg -i {place.text} NEW.wav",
        )
    return read.mean(axis=1) * FULL, rate


def fixed(place: Place, config: Any) -> Any:
    """Return the Config, with the rate of a recording if it has none."""
    return config if config.rate else config.model_copy(update={"rate": samples(place)[1]})


def read(place: Place, config: Any) -> np.ndarray:
    """Return the frames (T, D) of a recording. Raises SeqcliError."""
    read, rate = samples(place)
    if rate != config.rate:
        raise SeqcliError(
            f"{place}: {rate:,} samples a second, not {config.rate:,} as in training",
            hint=f"convert it: ffmpeg -i {place.text} -ar {config.rate} NEW.wav",
        )
    found = Analysis(config).feed(read, last=True)
    if not len(found):
        raise SeqcliError(f"{place}: too short a recording: {len(read):,} samples, less than one window")
    return found


class Analysis:
    """Computes frames from samples as they come; the result does not depend on the pieces."""

    def __init__(self, config: Any):
        try:
            import kaldi_native_fbank as knf
        except ImportError:
            raise UsageError("kaldi-native-fbank is not installed", hint=INSTALL) from None
        cepstra = getattr(config, "cepstra", 0)
        options: Any = knf.MfccOptions() if cepstra else knf.FbankOptions()
        own = options.frame_opts
        own.samp_freq, own.frame_length_ms, own.frame_shift_ms = config.rate, config.window, config.step
        own.dither = 0.0  # the default adds noise, so that a recording would have different frames each time
        options.mel_opts.num_bins, options.mel_opts.low_freq = config.bands, config.low
        if cepstra:
            options.num_ceps = cepstra
        self._rate, self._done = config.rate, 0
        if min(config.window, config.step) * config.rate < 1000:  # the library's own check aborts the process
            raise UsageError(f"frames: window and step must span at least one sample, at {config.rate:,} a second")
        try:
            self._made = (knf.OnlineMfcc if cepstra else knf.OnlineFbank)(options)
        except ValueError as error:
            said = f"frames: bands {config.bands}, low {config.low:g}, window {config.window:g}"
            raise UsageError(
                f"{said} do not fit {config.rate:,} samples a second: {str(error).rstrip('.')}",
                hint="set fewer bands, a longer window, or a lower `low`",
            ) from None
        self._size = cepstra or config.bands

    def feed(self, samples: np.ndarray, *, last: bool = False) -> np.ndarray:
        """Return the frames (n, D) that more samples complete."""
        if len(samples):
            self._made.accept_waveform(self._rate, samples.astype(np.float32).tolist())
        if last:
            self._made.input_finished()
        ready = self._made.num_frames_ready
        rows = [np.array(self._made.get_frame(i)) for i in range(self._done, ready)]
        self._made.pop(ready - self._done)
        self._done = ready
        return np.array(rows, np.float32).reshape(len(rows), self._size)
