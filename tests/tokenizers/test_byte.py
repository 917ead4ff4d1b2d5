"""Bytes: UTF-8 is the reference."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from seqcli.tokenizers.byte import Tokenizer, byte_offsets

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(TEXT)
def test_ids_are_the_bytes_of_utf_8(text: str):
    assert Tokenizer().encode(text).tolist() == list(text.encode())


@given(st.binary())
def test_bytes_that_are_not_utf_8_are_replaced(data: bytes):
    assert Tokenizer().decode(list(data)) == data.decode("utf-8", errors="replace")


@given(TEXT)
def test_offsets_are_those_of_each_character(text: str):
    expected = [(i, i + 1) for i, c in enumerate(text) for _ in c.encode()]
    assert Tokenizer().offsets(text) == expected


def test_symbols():
    tokenizer = Tokenizer()
    assert tokenizer.pieces("a \\é\n") == ["a", "▁", "\\", "<0xC3>", "<0xA9>", "<0x0A>"]
    assert tokenizer.lines("a é\n\nb") == "a ▁ <0xC3> <0xA9>\n\nb".encode()


def test_a_part_with_some_bytes_of_a_character_spans_it():
    data = np.frombuffer("aé日b".encode(), np.uint8)
    assert byte_offsets(data, np.array([2, 1, 1, 2, 1])) == [(0, 2), (1, 2), (2, 3), (2, 3), (3, 4)]


def test_the_stream_waits_for_a_whole_character_and_replaces_what_is_left():
    stream = Tokenizer().stream()
    assert [stream.push(b) for b in "é".encode()] == ["", "é"]
    assert stream.push(0xE2) == ""
    assert stream.push(ord("a")) == "\ufffda"
    assert stream.push(0xF0) == ""
    assert stream.finish() == "\ufffd"
