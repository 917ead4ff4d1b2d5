"""Both protocols against naive ones, a token and a window at a time; counts by hand; the same bits for any chunks."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.examples import examples

from seqcli import forms, ops
from seqcli.errors import SeqcliError
from seqcli.models import language_model, ngram
from seqcli.report import Report
from seqcli.streams import Chunk
from seqcli.tasks.language_model import score as evaluation
from seqcli.tasks.language_model.predict import Generator
from seqcli.tasks.language_model.score import evaluate, score_line
from seqcli.tokenizers import BaseTokenizer, byte, char, word

TEXT = "the cat sat on the mat.\nthe dog sat on the log.\n\na cat and a dog sat, é and all.\n" * 3
CHAR = char.Tokenizer.learn([TEXT], char.Config())
WORD = word.Tokenizer.learn([TEXT], word.Config(min_count=4))  # some words are <unk>
BYTE = byte.Tokenizer()
TOKENIZERS: dict[str, BaseTokenizer] = {"char": CHAR, "word": WORD, "byte": BYTE}


def model_for(kind: str, tokenizer: BaseTokenizer) -> Any:
    """A small model: counted on half of the text, or with random weights."""
    if kind == "ngram":
        return ngram.Model.fit(tokenizer.encode(TEXT[:120]), tokenizer.size, ngram.Config(order=3))
    config = language_model.Config(cell=kind, embedding=5, hidden=7, layers=2)
    return language_model.Model.create(config, tokenizer.size, np.random.default_rng(1))


MODELS = {(k, t): model_for(k, TOKENIZERS[t]) for k in ("ngram", "lstm", "gru") for t in TOKENIZERS}
cases = pytest.mark.parametrize(("kind", "name"), MODELS, ids="-".join)


def chunked(text: str, cuts: list[int]) -> list[Chunk]:
    """The text in chunks of whole lines, cut after some of its lines."""
    parts = text.splitlines(keepends=True)
    chunks, line = [], 1
    bounds = sorted({0, len(parts), *(c % (len(parts) + 1) for c in cuts)})
    for a, b in pairwise(bounds):
        chunks.append(Chunk("".join(parts[a:b]), "f", line))
        line += b - a
    return chunks


def whole(text: str) -> list[Chunk]:
    return [Chunk(text, "f", 1)]


def naive(model: Any, ids: np.ndarray, window: int | None = None) -> float:
    """Nats of all tokens but the first, by `step` alone; a fresh state every `window` tokens."""
    _, state = model.start(ids[:0])
    nll = 0.0
    for t in range(len(ids) - 1):
        if window and t % window == 0:
            _, state = model.start(ids[:0])
        logits, state = model.step(ids[t : t + 1].astype(np.int64), None, state)
        nll -= ops.log_softmax(logits[0].astype(np.float64))[ids[t + 1]]
    return nll


# the protocols


@pytest.mark.parametrize("stretch", [9, 4096])
@cases
def test_stateful_is_one_stream(kind: str, name: str, stretch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "STRETCH", stretch)
    model, tokenizer = MODELS[kind, name], TOKENIZERS[name]
    ids = tokenizer.encode(TEXT)
    found = evaluate(Generator(model, tokenizer), whole(TEXT))
    assert found.protocol == "stateful"
    assert found.counts["tokens"] == len(ids) - 1
    assert found.metrics["cross-entropy"] == pytest.approx(naive(model, ids) / (len(ids) - 1), rel=1e-5)


@pytest.mark.parametrize("window", [1, 2, 7, 64, 1000])
@cases
def test_windows_begin_with_a_fresh_state(kind: str, name: str, window: int) -> None:
    model, tokenizer = MODELS[kind, name], TOKENIZERS[name]
    ids = tokenizer.encode(TEXT)
    found = evaluate(Generator(model, tokenizer), whole(TEXT), window=window)
    assert found.protocol == f"window {window}"
    assert found.counts["tokens"] == len(ids) - 1
    expected = naive(model, ids, window) / (len(ids) - 1)
    assert found.metrics["cross-entropy"] == pytest.approx(expected, rel=1e-5)


def test_hand_made_windows() -> None:
    """Ten tokens in windows of four: 0-3, 4-7, 8 predict 1-4, 5-8, 9."""
    model, ids = MODELS["lstm", "char"], CHAR.encode(TEXT[:10])
    total = 0.0
    for start in (0, 4, 8):
        inputs, targets = ids[start : min(start + 4, 9)], ids[start + 1 : start + 5]
        scores, _ = model.score(inputs[None], targets[None], model.initial_state(1))
        total -= scores.sum()
    found = evaluate(Generator(model, CHAR), whole(TEXT[:10]), window=4)
    assert found.metrics["cross-entropy"] * 9 == pytest.approx(total, rel=1e-5)


def test_a_window_as_long_as_the_text_is_stateful() -> None:
    model = MODELS["ngram", "char"]
    one, two = (
        evaluate(Generator(model, CHAR), whole(TEXT)),
        evaluate(Generator(model, CHAR), whole(TEXT), window=10**9),
    )
    assert two.metrics == pytest.approx(one.metrics)


def test_many_batches_of_windows_are_the_one_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    model = MODELS["gru", "char"]
    once = evaluate(Generator(model, CHAR), whole(TEXT), window=5)
    for batch, held in ((2, 10**6), (3, 10**6), (64, 1), (64, 20)):
        monkeypatch.setattr(evaluation, "BATCH", batch)
        monkeypatch.setattr(evaluation, "HELD", held)
        monkeypatch.setattr(evaluation, "STRETCH", 11)
        assert evaluate(Generator(model, CHAR), whole(TEXT), window=5).metrics == pytest.approx(
            once.metrics, rel=1e-12
        )


def test_a_uniform_model_has_the_perplexity_of_its_vocabulary() -> None:
    weights = {n: a * 0 for n, a in MODELS["lstm", "byte"].arrays().items()}
    config = language_model.Config(cell="lstm", embedding=5, hidden=7, layers=2)
    flat: Any = language_model.Model.restore(config, 256, weights)
    for window in (None, 3):
        found = evaluate(Generator(flat, BYTE), whole(TEXT), window=window).metrics
        assert found["perplexity"] == pytest.approx(256)
        assert found["bits-per-byte"] == pytest.approx(8)


# chunks


@settings(max_examples=examples(25), deadline=None)
@given(
    case=st.sampled_from(sorted(MODELS)),
    window=st.none() | st.integers(1, 20),
    limit=st.none() | st.integers(0, 120),
    stretch=st.sampled_from([3, 50, 4096]),
    cuts=st.lists(st.integers(0, 99), max_size=12),
)
def test_where_chunks_end_changes_no_bit(
    case: tuple[str, str], window: int | None, limit: int | None, stretch: int, cuts: list[int]
) -> None:
    model, tokenizer = MODELS[case], TOKENIZERS[case[1]]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluation, "STRETCH", stretch)
        one = evaluate(Generator(model, tokenizer), whole(TEXT), window=window, limit=limit)
        many = evaluate(Generator(model, tokenizer), chunked(TEXT, cuts), window=window, limit=limit)
    assert many == one


def test_empty_chunks_and_a_first_chunk_of_one_token() -> None:
    model = MODELS["lstm", "char"]
    pieces = [Chunk("", "f", 1), Chunk("t", "f", 1), Chunk("", "f", 1), Chunk(TEXT[1:], "f", 1)]
    assert evaluate(Generator(model, CHAR), pieces) == evaluate(Generator(model, CHAR), whole(TEXT))


def test_progress_adds_up_to_the_tokens(monkeypatch: pytest.MonkeyPatch, advanced: list[float]) -> None:
    monkeypatch.setattr(evaluation, "STRETCH", 10)
    found = evaluate(Generator(MODELS["ngram", "char"], CHAR), whole(TEXT))
    assert sum(advanced) == found.counts["tokens"]
    assert max(advanced) == 10


# counts


@pytest.mark.parametrize("window", [None, 4])
def test_counts_of_characters_bytes_and_words_by_hand(window: int | None) -> None:
    """The first token is context: its characters and bytes are not counted either."""
    text = "é cat\nsat é\n"
    for name, expected in {
        "char": {
            "tokens": 11,
            "characters": 11,
            "bytes": 12,
            "words": 5,
        },  # `cat`, a line end, `sat`, `é`, a line end
        "word": {"tokens": 5, "characters": 11, "bytes": 12, "words": 5},
        "byte": {"tokens": 13, "characters": 11, "bytes": 12, "words": 5},  # a part of a character spans all of it
    }.items():
        found = evaluate(Generator(MODELS["lstm", name], TOKENIZERS[name]), whole(text), window=window)
        assert found.counts == expected, name


def test_figures_are_one_likelihood_over_different_counts() -> None:
    found = evaluate(Generator(MODELS["lstm", "char"], CHAR), whole(TEXT))
    m, n = found.metrics, found.counts
    nats = m["cross-entropy"] * n["tokens"]
    assert m["perplexity"] == pytest.approx(math.exp(nats / n["tokens"]))
    assert m["bits-per-character"] == pytest.approx(nats / math.log(2) / n["characters"])
    assert m["bits-per-byte"] == pytest.approx(nats / math.log(2) / n["bytes"])
    assert m["word-perplexity"] == pytest.approx(math.exp(nats / n["words"]))


@pytest.mark.parametrize("window", [None, 4])
@pytest.mark.parametrize(
    ("text", "scored", "unknown"),
    [("abab", 3, 0), ("aXbX", 3, 2), ("Xab", 2, 0), ("XaX", 2, 1), ("XXXX", 3, 3), ("Xa\nXb\n", 5, 1)],
)
def test_unknown_characters_are_scored_and_their_rate_told(
    text: str, scored: int, unknown: int, window: int | None
) -> None:
    tokenizer = char.Tokenizer("\nab", unk=True)
    found = evaluate(Generator(model_for("lstm", tokenizer), tokenizer), whole(text), window=window)
    assert found.counts["tokens"] == scored
    assert found.metrics["oov-rate"] == pytest.approx(unknown / scored)
    assert found.metrics["coverage"] == pytest.approx(1 - unknown / scored)


def test_coverage_of_words_counts_their_characters() -> None:
    tokenizer = word.Tokenizer(["cat"])
    found = evaluate(Generator(model_for("lstm", tokenizer), tokenizer), whole("cat catalogue cat\n"))
    assert found.metrics["oov-rate"] == pytest.approx(1 / 3)  # `catalogue`, `cat`, the line end
    assert found.metrics["coverage"] == pytest.approx(1 - len("catalogue") / len(" catalogue cat\n"))
    assert "bits-per-character" not in found.metrics  # white space is not kept


@pytest.mark.parametrize("text", ["", "t", "\n"])
def test_nothing_to_score(text: str) -> None:
    for window in (None, 3):
        found = evaluate(Generator(MODELS["lstm", "char"], CHAR), whole(text), window=window)
        assert found.counts == {"tokens": 0, "characters": 0, "bytes": 0, "words": 0}
        assert found.metrics == {}


def test_white_space_before_the_first_word() -> None:
    text = " " * 5000 + "cat cat\n"
    found = evaluate(Generator(MODELS["lstm", "word"], WORD), whole(text))
    assert found.counts == {"tokens": 2, "characters": 5, "bytes": 5, "words": 2}


# limits


@pytest.mark.parametrize("name", ["char", "byte"])
@pytest.mark.parametrize("limit", [2, 10, 24, 25, 100])
def test_a_limit_is_the_text_cut_short(name: str, limit: int) -> None:
    tokenizer, model = TOKENIZERS[name], MODELS["gru", name]
    short = tokenizer.decode(tokenizer.encode(TEXT)[:limit])
    cut = evaluate(Generator(model, tokenizer), whole(TEXT), limit=limit)
    assert cut == evaluate(Generator(model, tokenizer), whole(short))
    assert cut.counts["tokens"] == limit - 1


def test_a_limit_above_the_text_changes_nothing() -> None:
    model, n = MODELS["lstm", "char"], len(CHAR.encode(TEXT))
    for limit in (n, n + 1, 10 * n):
        assert evaluate(Generator(model, CHAR), whole(TEXT), limit=limit) == evaluate(
            Generator(model, CHAR), whole(TEXT)
        )
    assert evaluate(Generator(model, CHAR), whole(TEXT), limit=0).metrics == {}


def test_a_limit_keeps_the_texts_own_white_space_and_unknown_words() -> None:
    tokenizer = word.Tokenizer(["cat"])
    found = evaluate(Generator(model_for("lstm", tokenizer), tokenizer), whole("cat  é \t cat cat\n"), limit=3)
    assert found.counts == {"tokens": 2, "characters": len("  é \t cat"), "bytes": len("  é \t cat") + 1, "words": 2}
    assert found.metrics["oov-rate"] == 0.5
    assert found.metrics["coverage"] == pytest.approx(1 - 1 / len("  é \t cat"))


# what a report says


def test_an_unknown_character_is_named_with_its_place() -> None:
    chunks = [Chunk("the cat\n", "book.txt", 1), Chunk("the\nca§t\n", "book.txt", 2)]
    with pytest.raises(SeqcliError, match=r"^book\.txt:3:3: the character '§'"):
        evaluate(Generator(MODELS["lstm", "char"], CHAR), chunks)


def test_a_signature_tells_what_was_measured_and_how() -> None:
    model = MODELS["lstm", "char"]
    one = evaluate(Generator(model, CHAR), whole(TEXT)).signature
    assert one.split("|")[1:3] == [f"tok:char.{CHAR.size}.{CHAR.fingerprint()[:8]}", "ctx:stateful"]
    assert one.endswith(f"|tokens:{len(TEXT) - 1}")
    others = [
        evaluate(Generator(model, CHAR), whole(TEXT), window=64).signature,
        evaluate(Generator(model, CHAR), whole(TEXT[:-1])).signature,
        evaluate(Generator(model, CHAR), whole(TEXT.replace("cat", "dog"))).signature,
        evaluate(Generator(MODELS["lstm", "byte"], BYTE), whole(TEXT)).signature,
    ]
    assert len({one, *others}) == 5
    assert (
        evaluate(Generator(MODELS["ngram", "char"], CHAR), whole(TEXT)).signature == one
    )  # another model of the same text


def test_a_report_is_json_even_where_a_number_is_not() -> None:
    report = Report({"perplexity": math.inf, "cross-entropy": 800.0}, {"tokens": 2}, "s", "stateful")
    found = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert found == {
        "perplexity": None,
        "cross-entropy": 800.0,
        "counts": {"tokens": 2},
        "protocol": "stateful",
        "signature": "s",
    }


# lines


def test_a_line_is_scored_by_itself_with_its_line_end() -> None:
    for name in ("char", "word", "byte"):
        model, tokenizer = MODELS["gru", name], TOKENIZERS[name]
        end = tokenizer.newline_id
        ids = np.array([end, *tokenizer.encode("the cat").tolist(), end])
        found = score_line(model, tokenizer, tokenizer.encode("the cat"))
        assert found.tokens == len(ids) - 1
        assert found.nll == pytest.approx(naive(model, ids), rel=1e-5)
        empty = score_line(model, tokenizer, tokenizer.encode(""))
        assert empty.tokens == 1
        assert empty.nll == pytest.approx(naive(model, np.array([end, end])), rel=1e-5)


def test_without_a_symbol_for_the_line_end_the_first_token_is_context() -> None:
    tokenizer = char.Tokenizer("ab")
    model = model_for("lstm", tokenizer)
    found = score_line(model, tokenizer, tokenizer.encode("abba"))
    assert found.tokens == 3
    assert found.nll == pytest.approx(naive(model, tokenizer.encode("abba")), rel=1e-5)
    for short in ("", "a"):
        assert score_line(model, tokenizer, tokenizer.encode(short)) == forms.Cost(0.0, 0)
