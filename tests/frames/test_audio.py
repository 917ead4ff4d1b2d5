"""Recordings: the same sound gives the same frames, which are Kaldi's; what cannot be read is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from seqcli import registry
from seqcli.errors import SeqcliError, UsageError
from seqcli.frames import Frames
from seqcli.records import Example

soundfile = pytest.importorskip("soundfile", reason="the extra audio reads recordings")
pytest.importorskip("kaldi_native_fbank", reason="the extra audio makes frames of them")

from seqcli.frames._audio import FULL, Analysis, samples  # noqa: E402
from seqcli.frames._places import located  # noqa: E402

RATE = 8000
RNG = np.random.default_rng(3)
SOUND = (0.2 * RNG.standard_normal(2400)).clip(-0.9, 0.9).astype(np.float32)


def config(kind: str, **said: object):
    return registry.load("frames", kind).Config(**{"rate": RATE, **said})


def frames(path: Path, kind: str = "mel", **said: object) -> np.ndarray:
    return registry.load("frames", kind).read(located(path.name, str(path.parent)), config(kind, **said))


def of(sound: np.ndarray, kind: str = "mel", **said: object) -> np.ndarray:
    return Analysis(config(kind, **said)).feed(sound * np.float32(FULL), last=True)


@pytest.fixture
def made(tmp_path: Path):
    def make(name: str, sound: np.ndarray = SOUND, subtype: str = "PCM_16", rate: int = RATE) -> Path:
        soundfile.write(tmp_path / name, sound, rate, subtype=subtype)
        return tmp_path / name

    return make


@pytest.mark.parametrize("kind", ["mel", "mfcc"])
def test_wav_and_flac_are_the_same(made, kind):
    exact = (SOUND * 30000).astype(np.int16)  # what is written of floats is rounded otherwise
    wanted = frames(made("a.wav", exact), kind)
    assert len(wanted) == 1 + (2400 - 200) // 80
    for name in ("a.flac", "A b#1.WAV"):
        np.testing.assert_array_equal(frames(made(name, exact), kind), wanted)


@pytest.mark.parametrize(
    ("subtype", "bits"),
    [("PCM_U8", 7), ("PCM_16", 15), ("PCM_24", 23), ("PCM_32", 23), ("FLOAT", 23), ("DOUBLE", 23)],
)
def test_every_width_has_one_scale(made, subtype, bits):
    read, rate = samples(located(str(made("a.wav", subtype=subtype))))
    assert rate == RATE
    assert read.dtype == np.float32
    np.testing.assert_allclose(read, SOUND * FULL, atol=FULL * 2.0**-bits)


def test_channels_are_averaged(made):
    both = np.stack([SOUND, -0.5 * SOUND], axis=1)
    read, _ = samples(located(str(made("b.wav", both, "FLOAT"))))
    np.testing.assert_allclose(read, 0.25 * SOUND * FULL, atol=1e-2)


def test_what_cannot_be_read_is_told(made, tmp_path):
    whole = made("a.wav").read_bytes()
    packed = made("a.flac").read_bytes()
    for name, held, said in (
        ("cut.wav", whole[:1000], "the recording is truncated: it has 956 of 4800 bytes of sound"),
        ("header.wav", whole[:44], "the recording is truncated: it has 0 of 4800 bytes"),
        ("half.wav", whole[:30], "cannot be read as a recording"),
        ("empty.wav", b"", "cannot be read as a recording"),
        ("text.wav", b"one two three\n", "cannot be read as a recording"),
        ("cut.flac", packed[: len(packed) // 2], "cut.flac: "),
    ):
        (tmp_path / name).write_bytes(held)
        with pytest.raises(SeqcliError) as caught:
            frames(tmp_path / name)
        assert said in caught.value.message, name
    (tmp_path / "folder.wav").mkdir()
    for name, said in (("folder.wav", "it is a folder"), ("nowhere.wav", "no such file")):
        with pytest.raises(SeqcliError, match=said):
            frames(tmp_path / name)
    with pytest.raises(SeqcliError, match=r"short\.wav: too short a recording: 199 samples, less than one window"):
        frames(made("short.wav", SOUND[:199]))
    assert len(frames(made("enough.wav", SOUND[:200]))) == 1
    with pytest.raises(SeqcliError, match="not the name of a recording"):
        registry.load("frames", "mel").read(located("1 2 3"), config("mel"))
    with pytest.raises(SeqcliError, match=r"16,000 samples a second, not 8,000 as in training\nconvert it") as caught:
        frames(made("fast.wav", rate=16000))
    assert "ffmpeg" in caught.value.hint


def test_a_header_written_before_the_end_was_known_is_read(made, tmp_path):
    """As a program writes it that sends a recording through a pipe."""
    whole = made("a.wav").read_bytes()
    streamed = whole[:4] + b"\xff" * 4 + whole[8:40] + b"\xff" * 4 + whole[44:]
    (tmp_path / "piped.wav").write_bytes(streamed)
    np.testing.assert_array_equal(frames(tmp_path / "piped.wav"), frames(tmp_path / "a.wav"))


@pytest.mark.parametrize("kind", ["mel", "mfcc"])
@pytest.mark.parametrize(
    "said",
    [{"low": 4000.0}, {"window": 0.1}, {"step": 0.01}, {"window": 2.0, "bands": 100}, {"bands": 256}, {"rate": 50}],
)
def test_what_does_not_go_together_is_told(kind, said):
    """Before anything is computed: the library's own checks end the process."""
    with pytest.raises(UsageError, match=r"^frames: "):
        Analysis(config(kind, **said))


def test_the_rate_is_that_of_the_first_recording(made):
    path = made("a.wav", rate=11025)
    own, _ = Frames.learn(config("mel", rate=None), [Example(text="a.wav", source=str(path.parent / "list"))])
    assert own.config.rate == 11025
    assert own.dimensions == 40
    assert (own.seconds, own.sample) == (0.01, "recording.wav")
    with pytest.raises(SeqcliError, match=r"^l:1:1: b\.wav: .*no such file"):
        Frames.learn(config("mel", rate=None), [Example(text="b.wav", source="l")])


# Kaldi's equations


def mel(hertz: np.ndarray | float) -> np.ndarray:
    return 1127.0 * np.log(1.0 + np.asarray(hertz) / 700.0)


def by_hand(sound: np.ndarray, bands: int, low: float = 20.0, size: int = 200) -> tuple[np.ndarray, float]:
    """The log-mel energies of one window, and the log-energy of its samples: DC, pre-emphasis, Povey's window, power
    spectrum, triangles in mel."""
    x = sound.astype(np.float64) * FULL
    x = x - x.mean()
    energy = np.log(max((x**2).sum(), np.finfo(np.float32).eps))
    x = x - 0.97 * np.concatenate([x[:1], x[:-1]])
    x *= (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / (size - 1))) ** 0.85
    width = 1 << (size - 1).bit_length()
    power = np.abs(np.fft.rfft(x, width)) ** 2
    edges = np.linspace(mel(low), mel(RATE / 2), bands + 2)
    at = mel(np.arange(width // 2) * RATE / width)
    found = []
    for left, middle, right in zip(edges, edges[1:], edges[2:], strict=False):
        up, down = (at - left) / (middle - left), (right - at) / (right - middle)
        found.append((np.maximum(np.minimum(up, down), 0) * power[: width // 2]).sum())
    return np.log(np.maximum(found, np.finfo(np.float32).eps)), energy


def test_mel_is_kaldis():
    found = of(SOUND[:360])  # three windows, 80 samples apart
    assert found.shape == (3, 40)
    for i, row in enumerate(found):
        wanted, _ = by_hand(SOUND[80 * i : 80 * i + 200], 40)
        np.testing.assert_allclose(row, wanted, atol=2e-3)


def test_mfcc_is_kaldis():
    """The cosine transform of 23 bands, liftered (Q 22), the energy of the samples in the first one's place."""
    found = of(SOUND[:200], "mfcc")
    assert found.shape == (1, 13)
    bands, energy = by_hand(SOUND[:200], 23)
    k, n = np.arange(13)[:, None], np.arange(23)[None]
    cepstra = np.sqrt(2 / 23) * (np.cos(np.pi * k * (n + 0.5) / 23) * bands).sum(axis=1)
    cepstra *= 1 + 11 * np.sin(np.pi * np.arange(13) / 22)
    np.testing.assert_allclose(found[0, 1:], cepstra[1:], atol=5e-3)
    np.testing.assert_allclose(found[0, 0], energy, atol=1e-3)


@pytest.mark.parametrize("kind", ["mel", "mfcc"])
def test_no_noise_is_added(kind):
    np.testing.assert_array_equal(of(SOUND, kind), of(SOUND, kind))
    assert np.ptp(of(np.zeros(800, np.float32), kind), axis=0).max() == 0


def test_twice_as_loud_adds_log_4():
    np.testing.assert_allclose(of(SOUND * 2) - of(SOUND), np.log(4), atol=1e-3)


@pytest.mark.parametrize("hertz", [300, 1000, 2500])
def test_a_tone_is_loudest_in_its_band(hertz):
    tone = 0.5 * np.sin(2 * np.pi * hertz * np.arange(400) / RATE).astype(np.float32)
    edges = np.linspace(mel(20), mel(RATE / 2), 42)
    for row in of(tone):
        best = int(row.argmax())
        assert edges[best] <= mel(hertz) <= edges[best + 2]


@pytest.mark.parametrize("kind", ["mel", "mfcc"])
def test_in_pieces_as_at_once(kind):
    whole, sound = of(SOUND, kind), SOUND * np.float32(FULL)
    for cuts in ([1, 100, 199, 200, 201, 1000], [2400], range(0, 2400, 37)):
        own = Analysis(config(kind))
        parts = [own.feed(part) for part in np.split(sound, list(cuts))]
        parts.append(own.feed(sound[:0], last=True))
        np.testing.assert_array_equal(np.concatenate(parts), whole)
