"""Recordings of single digits by six speakers, divided into splits and read in place.

As published, recordings 0 to 4 of the 50 of each digit by each speaker are the test split; here 5 to 9 validate. If a
speaker is held out, all recordings of that speaker are the test split; those of the others keep their splits, so
their 0 to 4 are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from seqcli.errors import SeqcliError

SPEAKERS = "abcdef"
INDICES = {"train": range(10, 50), "valid": range(5, 10), "test": range(5)}
COLUMNS = ("text", "label", "speaker")


def check(home: Path) -> None:
    """Raise SeqcliError unless every recording is there."""
    here = {path.name for path in (home / "recordings").glob("*.wav")}
    for digit in range(10):
        for speaker in SPEAKERS:
            for index in range(50):
                if (name := f"{digit}_{speaker}_{index}.wav") not in here:
                    raise SeqcliError(f"the data set 'spoken-digits' lacks recordings/{name} in {home}")


def table(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> bytes:
    """Return tab-separated rows under the names of the columns."""
    return "".join("\t".join(row) + "\n" for row in (columns, *rows)).encode()


def held_out(records: dict[str, list[tuple[str, ...]]], speaker: int) -> Iterator[tuple[str, list[tuple[str, ...]]]]:
    """Yield (name of the file, records): each split, then for each speaker without-SPEAKER-train and -valid, without
    that speaker, and -test with all records of that speaker. `speaker` is the index of the column of speakers."""
    yield from ((f"{split}.tsv", rows) for split, rows in records.items())
    for out in SPEAKERS:
        for split in ("train", "valid"):
            yield f"without-{out}-{split}.tsv", [row for row in records[split] if row[speaker] != out]
        rows = [row for split in INDICES for row in records[split] if row[speaker] == out]
        yield f"without-{out}-test.tsv", rows


def files(home: Path) -> Iterator[tuple[str, bytes]]:
    """Yield (name, bytes) of the table of each split. Raises SeqcliError for a missing recording."""
    check(home)
    where = str((home / "recordings").absolute())
    if set(where) & set("\t\r\n"):
        raise SeqcliError(f"{where!r} contains a tab or a line break", hint="rename the folder")
    records = {
        split: [
            (f"{where}/{digit}_{speaker}_{index}.wav", str(digit), speaker)
            for index in indices
            for digit in range(10)
            for speaker in SPEAKERS
        ]
        for split, indices in INDICES.items()
    }
    yield from ((name, table(COLUMNS, rows)) for name, rows in held_out(records, 2))
