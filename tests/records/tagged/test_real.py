"""Real files come back byte for byte: Universal Dependencies EWT, CoNLL-2000, WNUT-17. SEQCLI_DATA names the folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from seqcli.records import TAGGED, Answer, Options, Sentence, detect, open_format
from seqcli.streams import CHUNK
from seqcli.streams import read_text as read_chunks

DATA = os.environ.get("SEQCLI_DATA")
pytestmark = pytest.mark.skipif(not DATA, reason="SEQCLI_DATA does not name the folder with ud-en-ewt and others")

CHUNK_COLUMNS = {"columns": ("word", "pos", "chunk"), "tag": "chunk"}
FILES: list[tuple[str, str, dict[str, Any], int, int]] = [  # with the counts that the data sets publish
    ("ud-en-ewt/en_ewt-ud-dev.conllu", "conllu", {"tag": "feats.Number"}, 2001, 25147),
    ("ud-en-ewt/en_ewt-ud-test.conllu", "conllu", {}, 2077, 25094),
    ("conll2000/test.txt", "conll", CHUNK_COLUMNS, 2012, 47377),
    ("wnut17/emerging.dev.conll", "conll", {}, 1009, 15733),
    ("wnut17/emerging.test.annotated", "conll", {}, 1287, 23394),
]
LARGE: list[
    tuple[str, str, dict[str, Any], int, int]
] = [  # the same formats; they are counted with the named sets too
    ("ud-en-ewt/en_ewt-ud-train.conllu", "conllu", {"tag": "xpos"}, 12544, 204577),
    ("conll2000/train.txt", "conll", CHUNK_COLUMNS, 8936, 211727),
    ("wnut17/wnut17train.conll", "conll", {}, 3394, 62730),
]


@pytest.mark.parametrize(
    ("name", "kind", "options", "sentences", "words"),
    [
        *(pytest.param(*f, id=f[0]) for f in FILES),
        *(pytest.param(*f, id=f[0], marks=pytest.mark.slow) for f in LARGE),
    ],
)
def test_byte_for_byte(name: str, kind: str, options: dict[str, Any], sentences: int, words: int) -> None:
    path = Path(DATA or "") / name
    whole = path.read_bytes().decode()
    chosen = Options(TAGGED, **options, gold=True, replace=True)
    reader, writer = open_format(TAGGED, kind).Reader(chosen), open_format(TAGGED, kind).Writer(chosen)
    found: list[Sentence] = []
    for chunk in read_chunks([path]):
        found += list(reader.feed(chunk))
    found += list(reader.close())
    assert (len(found), sum(len(s.words) for s in found)) == (sentences, words)
    assert "".join([writer.write(s, Answer(s.tags or [])) for s in found]) == whole
    if kind == "conllu":
        assert all(s.text[a:b] == w for s in found for w, (a, b) in zip(s.words, s.spread(), strict=True))
        assert all(f"# text = {s.text}" in s.raw.lines for s in found)
    lines = whole.split("\n")
    for s in found[::97]:
        assert s.tags is not None
        (line, column), (tag_line, tag_column) = s.places[-1], s.tag_places[-1]
        assert lines[line - 1][column - 1 :].startswith(s.words[-1])
        if "." not in options.get("tag", ""):
            assert lines[tag_line - 1][tag_column - 1 :].startswith(s.tags[-1])
    assert detect(TAGGED, path.name, whole[:CHUNK]) == kind
    assert detect(TAGGED, "unknown", whole[: CHUNK // 64]) == kind
