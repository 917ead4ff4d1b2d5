"""Numbers spoken digit by digit, each by one speaker: joined recordings of single digits, made from a seed.

Each of six speakers says 400 numbers to train on, 50 to validate and 50 to test, 96 MB in all. The recordings of a
number are from its own split, and no number is in two splits. If a speaker is held out, the test split is all 500
numbers of that speaker, some of which others say in training. Between two digits there is nothing in half of the
cases, else a silence of 20 to 80 ms.
"""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator
from pathlib import Path

from seqcli.datasets.lags import Draw
from seqcli.datasets.numbers import number
from seqcli.datasets.spoken_digits import INDICES, SPEAKERS, check, held_out, table
from seqcli.errors import SeqcliError

COUNTS = {"test": 50, "valid": 50, "train": 400}  # of each speaker
COLUMNS = ("source", "target", "speaker", "kind", "recordings", "places")
RATE = 8_000  # samples a second, two bytes each
PAUSES = (160, 640)  # samples


def samples(path: Path) -> bytes:
    """Return the samples of a recording. Raises SeqcliError for one that is unreadable or of another form."""
    try:
        with wave.open(str(path)) as file:
            if (file.getframerate(), file.getsampwidth(), file.getnchannels()) == (RATE, 2, 1):
                return file.readframes(file.getnframes())
    except (OSError, EOFError, wave.Error) as error:
        raise SeqcliError(f"{path}: not readable as a WAV file: {error}") from None
    raise SeqcliError(f"{path}: recordings must be 8 kHz, 16 bit, one channel")


def joined(recordings: list[bytes], pauses: list[int]) -> tuple[bytes, list[tuple[int, int]]]:
    """Return a WAV file of recordings with pauses (in samples) between them, and the range of samples of each, end
    exclusive."""
    sound, places = bytearray(), []
    for recording, pause in zip(recordings, [*pauses, 0], strict=True):
        begin = len(sound) // 2
        sound += recording
        places.append((begin, len(sound) // 2))
        sound += bytes(2 * pause)
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(bytes(sound))
    return made.getvalue(), places


def files(home: Path, seed: int = 1_000) -> Iterator[tuple[str, bytes]]:
    """Yield (name, bytes) of every file: the recordings, then the table of each split. Raises SeqcliError for a
    missing recording."""
    check(home)
    draw, read, taken = Draw(seed), {}, {}
    records: dict[str, list[tuple[str, ...]]] = {split: [] for split in INDICES}
    for split, count in COUNTS.items():
        indices = INDICES[split]
        for i in range(count * len(SPEAKERS)):
            speaker = SPEAKERS[i % len(SPEAKERS)]
            kind, digits = number(draw)
            while taken.setdefault(digits, split) != split:
                kind, digits = number(draw)
            names = [f"{digit}_{speaker}_{indices[draw.below(len(indices))]}" for digit in digits]
            for name in names:
                if name not in read:
                    read[name] = samples(home / "recordings" / f"{name}.wav")
            least, most = PAUSES
            pauses = [draw.below(2) * (least + draw.below(most - least + 1)) for _ in digits[1:]]
            sound, places = joined([read[name] for name in names], pauses)
            yield (file := f"{split}/{i:04}-{speaker}.wav"), sound
            where = " ".join(f"{begin}-{end}" for begin, end in places)
            records[split].append((file, " ".join(digits), speaker, kind, " ".join(names), where))
    yield from ((name, table(COLUMNS, rows)) for name, rows in held_out(records, 2))
