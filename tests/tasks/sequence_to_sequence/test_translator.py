"""Text in, the best texts out: blank lines, limits, prefixes, copies, samples, ensembles; and whatever the batch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.translators import SOURCES, TARGETS, codec, learn, model, translator, write

from seqcli.decoding.beam import Search
from seqcli.decoding.sampling import Sampling
from seqcli.errors import UsageError
from seqcli.records import Pair
from seqcli.tasks.sequence_to_sequence.codec import Codec
from seqcli.tasks.sequence_to_sequence.predict import SPARE, Settings, Translator

LINES = [*SOURCES, "", "the", "~ unknown ~", " \t ", "a dog ran home " * 9, "x"] * 2
PAIRS = [Pair(text, record=i) for i, text in enumerate(LINES)]
HOW: dict[str, Settings] = {
    "greedy": Settings(attention=True),
    "beam": Settings(Search(beam=4, n_best=3), attention=True),
    "sampled": Settings(sampling=Sampling(temperature=0.8), samples=3, seed=5, attention=True),
    "covered": Settings(Search(beam=3, coverage_penalty=0.3, no_repeat=2, min_length=3)),
}
MODELS: dict[str, Any] = {
    "char": lambda: translator(codec("char")),
    "word, fed": lambda: translator(codec("word", "word"), input_feeding=True, cell="lstm", attention="additive"),
    "copying": lambda: translator(codec("word", "word"), seed=1, copy_source=True),
}


def texts(found: list[list[Any]]) -> list[list[str]]:
    return [[answer.text for answer in answers] for answers in found]


def same(one: Any, other: Any) -> bool:
    """To the last bit."""
    return (
        (one.text, one.symbols, one.logprob, one.score, one.finished, one.logprobs, one.source_symbols)
        == (
            other.text,
            other.symbols,
            other.logprob,
            other.score,
            other.finished,
            other.logprobs,
            other.source_symbols,
        )
        and (one.attention is None) == (other.attention is None)
        and (one.attention is None or np.array_equal(one.attention, other.attention))
    )


# what an answer depends on


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("name", MODELS)
def test_answers_are_the_same_in_any_batch_and_order(name: str, how: str) -> None:
    own, settings = MODELS[name](), HOW[how]
    whole = own.answer(PAIRS, settings)
    assert len({t[0] for t in texts(whole)}) > 5
    rng = np.random.default_rng(3)
    for size in (1, 7):
        order = rng.permutation(len(PAIRS))[: 10 if size == 1 else None]
        for first in range(0, len(order), size):
            part = order[first : first + size]
            for i, answers in zip(part, own.answer([PAIRS[i] for i in part], settings), strict=True):
                assert len(answers) == len(whole[i])
                assert all(map(same, answers, whole[i])), (name, how, i)


def test_samples_are_of_seed_record_and_sample_alone() -> None:
    own, how = MODELS["char"](), HOW["sampled"]
    one = texts(own.answer([Pair("the cat", record=4), Pair("the cat", record=5), Pair("the cat", record=4)], how))
    assert one[0] == one[2] != one[1]
    assert len(set(one[0])) == 3
    assert texts(own.answer([Pair("the cat", record=4)], replace(how, samples=1)))[0] == one[0][:1]
    assert texts(own.answer([Pair("the cat", record=4)], replace(how, seed=6)))[0] != one[0]
    cold = Settings(sampling=Sampling(temperature=0), samples=2)
    greedy = own.answer([Pair("the cat")], Settings())[0][0].text
    assert texts(own.answer([Pair("the cat")], cold)) == [[greedy, greedy]]


# what an answer is


@pytest.mark.parametrize("settings", [Settings(), HOW["beam"], HOW["sampled"]])
def test_a_blank_source_has_empty_answers(settings: Settings) -> None:
    own = MODELS["char"]()
    found = own.answer([Pair(""), Pair(" \t\u3000"), Pair("the"), Pair("\n")], settings)
    count = settings.samples if settings.sampling else settings.search.n_best
    assert [t for i, t in enumerate(texts(found)) if i != 2] == [[""] * count] * 3
    assert (found[0][0].symbols, found[0][0].logprob, found[0][0].finished) == ([], 0.0, True)
    assert found[2][0].text
    assert own.answer([], settings) == []
    assert texts(own.answer([Pair("")], settings)) == [[""] * count]


@pytest.mark.parametrize("kind", ["char", "word"])
def test_an_answer_is_what_the_model_gives_its_symbols(kind: str) -> None:
    own = translator(codec(kind))
    for (answer,), pair in zip(own.answer(PAIRS[:6], Settings(attention=True)), PAIRS, strict=False):
        ids = [*own.codec.prefix(answer.text, [])[0], *([own.codec.eos] if answer.finished else [])]
        (scores,) = own.model.score([own.codec.source_ids(pair.text)], [np.array(ids)])
        assert answer.logprobs == [float(x) for x in scores]
        assert answer.logprob == pytest.approx(float(scores.astype(float).sum()), abs=1e-12)
        assert answer.symbols == own.codec.target_symbols(own.codec.prefix(answer.text, [])[0])
        assert answer.source_symbols == own.codec.source_symbols(pair.text)
        assert answer.attention.shape[1] == len(answer.source_symbols)
        assert len(answer.attention) == len(ids)
        np.testing.assert_allclose(answer.attention.sum(axis=1), 1, atol=1e-5)
    bare = own.answer(PAIRS[:1], Settings())[0][0]
    assert (bare.attention, bare.source_symbols) == (None, [])


def test_limits() -> None:
    of = codec("char")
    never = Translator(model(of, bias={of.eos: -1e4}), of, 1.5)
    for text in ("a", "the cat", SOURCES[3]):
        most = int(1.5 * (len(text) + 1)) + SPARE
        assert never.limit(of.source_ids(text)) == most
        for settings in (Settings(), Settings(Search(beam=3)), HOW["sampled"]):
            for answer in never.answer([Pair(text)], settings)[0]:
                assert (len(answer.symbols), len(answer.logprobs), answer.finished) == (most, most, False)
        (short,) = never.answer([Pair(text)], Settings(max_length=4))[0]
        assert len(short.symbols) == 4
    assert texts(never.answer([Pair("a")], Settings(max_length=0))) == [[""]]
    at_once = Translator(model(of, bias={of.eos: 1e4}), of, 1.5)
    (answer,) = at_once.answer([Pair("a")], Settings())[0]
    assert (answer.text, answer.finished, len(answer.logprobs)) == ("", True, 1)
    (long,) = at_once.answer([Pair("a")], Settings(Search(min_length=3)))[0]
    assert len(long.symbols) == 3


def test_a_source_is_read_as_far_as_longest() -> None:
    of = codec("word", longest=3)
    own = translator(of)
    found = own.answer([Pair("the dog ran home a"), Pair("the dog ran")], Settings(attention=True))
    assert same(found[0][0], found[1][0])
    assert found[0][0].source_symbols == ["the", "dog", "ran", "<eos>"]


def test_what_is_banned_is_in_no_answer() -> None:
    of = codec("char")
    own = Translator(model(of, bias=dict.fromkeys(of.banned, 50.0)), of, 1.0)
    for settings in (Settings(), HOW["beam"], Settings(sampling=Sampling())):
        for answers in own.answer(PAIRS[:6], settings):
            for answer in answers:
                assert not {"<unk>", "<eos>", "\\n"} & set(answer.symbols)
                assert "\n" not in answer.text


@pytest.mark.parametrize("settings", [Settings(), Settings(Search(beam=3)), Settings(sampling=Sampling())])
@pytest.mark.parametrize("kind", ["char", "word"])
def test_a_prefix_begins_the_answer(kind: str, settings: Settings) -> None:
    own = translator(codec(kind))
    given = [
        Pair("the cat", prefix="le chat"),
        Pair("the cat"),
        Pair("", prefix="le"),
        Pair("a", prefix="un chien court"),
    ]
    found = texts(own.answer(given, replace(settings, max_length=1)))
    assert [f[0] for f in found[:1] + found[2:]] == ["le chat", "le", "un chien court"]  # whole, whatever the limit
    longer = own.answer(given, settings)
    assert all(a[0].text.startswith(p.prefix or "") for a, p in zip(longer, given, strict=True))
    assert longer[2][0].text != ""
    assert same(longer[1][0], own.answer([Pair("the cat")], settings)[0][0]) or settings.sampling


@pytest.mark.parametrize(("kind", "options"), [("char", {}), ("word", {}), ("word", {"copy_source": True})])
def test_a_prefix_that_nothing_knows_stays_as_it_was_given(kind: str, options: dict[str, Any]) -> None:
    own = translator(codec(kind), **options)
    for settings in (Settings(), Settings(Search(beam=3))):
        found = own.answer([Pair("the cat ÿq", prefix="le ÿq"), Pair("the cat")], settings)
        assert found[0][0].text.startswith("le ÿq")
        assert same(found[1][0], own.answer([Pair("the cat")], settings)[0][0])


def test_the_least_length_is_reached_whatever_the_source() -> None:
    own = translator(codec("char"))
    found = own.answer([Pair("a")], Settings(Search(min_length=60)))[0][0]
    assert len(found.symbols) >= 60
    with pytest.raises(UsageError, match="--max-tokens 2 is less than --min-length 5"):
        own.answer([Pair("a")], Settings(Search(min_length=5), max_length=2))


# unknown words and copies


def test_unknown_is_shown_as_what_it_looks_at() -> None:
    """As the source has it, whether its tokenizer knows it or not."""
    of = Codec(learn("word", ["the cat sat"]), learn("word", TARGETS), 50)
    unk = of.target.unk_id
    assert unk is not None
    own = Translator(model(of, bias={unk: 3.0}), of, 1.0)
    shown = set()
    for text in ("the Zebra sat", "Ödön the Qat", "Zebra", "cat cat Xx"):
        pair, words = Pair(text), text.split()
        (plain,) = own.answer([pair], Settings())[0]
        assert "<unk>" not in plain.text
        settings = Settings(replace_unknown=True, attention=True)
        (found,) = own.answer([pair], settings)[0]
        assert found.attention is not None
        assert found.text.split() == found.symbols
        ids = []
        for t, word in enumerate(found.symbols):
            looked = words[int(found.attention[t][: len(words)].argmax())]
            ids.append(unk if word == looked else int(of.target.encode(word)[0]))
            shown |= {word} if word == looked else set()
        end = [of.eos] if found.finished else []
        (scores,) = own.model.score([of.source_ids(text)], [np.array([*ids, *end])])
        assert found.logprobs == [float(x) for x in scores]  # of <unk>, where one was shown
    assert shown & {"Zebra", "Ödön", "Qat", "Xx"}
    assert own.answer([Pair("cat")], replace(settings, attention=False))[0][0].attention is None


def test_nothing_to_look_at() -> None:
    of = codec("word")
    blind = Translator(model(of, bias={of.unknown: 50.0}, attention="none"), of, 1.0)
    with pytest.raises(UsageError, match=r"--replace-unknown needs attention"):
        blind.answer([Pair("the cat")], Settings(replace_unknown=True))
    assert blind.answer([Pair("the cat")], Settings(attention=True))[0][0].attention is None


@pytest.mark.parametrize("kinds", [("word", "word"), ("char", "char")])
@pytest.mark.parametrize("settings", [Settings(), HOW["beam"], HOW["sampled"]], ids=["greedy", "beam", "sampled"])
def test_a_copying_model_writes_what_it_does_not_know(kinds: tuple[str, str], settings: Settings) -> None:
    of = codec(*kinds)
    fresh = model(of, copy_source=True)
    own = Translator(replace(fresh, copy_bias=np.array([-30.0], np.float32)), of, 1.0)  # it only copies
    assert own.copies
    assert not translator(of).copies
    for text in ("Žofia Żak Ødegård", "the Žofia"):
        for answer in own.answer([Pair(text), Pair("the cat sat on")], settings)[0]:
            known = set(text.split()) if kinds[0] == "word" else set(text)
            assert set(answer.text.split() if kinds[0] == "word" else answer.text) <= known
            assert np.isfinite(answer.logprob)
            copied, extra = of.copies(text)
            ids = [int(copied[of.source_texts(text).index(s.replace("▁", " "))]) for s in answer.symbols]
            end = [of.eos] if answer.finished else []
            (scores,) = own.model.score([of.source_ids(text)], [np.array(ids + end)], [copied], of.unknown)
            np.testing.assert_allclose(answer.logprobs, scores, atol=1e-6)
            assert of.text(ids, extra) == answer.text


# several models


def test_a_models_file_says_how_to_search(tmp_path: Path) -> None:
    of, keys = codec("word", "char"), {"beam": 3, "length_penalty": 0.5}
    own = Translator.open(write(tmp_path / "m.safetensors", of, model(of, **keys), keys, ratio=3.5))
    assert (own.search, own.ratio) == (Search(beam=3, length_penalty=0.5), 3.5)
    known = Translator(model(of, **keys), of, 3.5)
    for a, b in zip(own.answer(PAIRS, Settings(own.search)), known.answer(PAIRS, Settings(own.search)), strict=True):
        assert all(map(same, a, b))


def test_an_ensemble(tmp_path: Path) -> None:
    of = codec("char", "word")
    files = [write(tmp_path / f"{i}.safetensors", of, model(of, seed=i), {}, ratio=i + 1) for i in range(2)]
    alone, twice, both = (Translator.open(files[0], *more) for more in ((), files[:1], files[1:]))
    assert (twice.ratio, both.ratio, both.search) == (1, 2, alone.search)
    for how in (Settings(), HOW["beam"], HOW["sampled"]):
        for a, b in zip(alone.answer(PAIRS, how), twice.answer(PAIRS, how), strict=True):
            for one, two in zip(a, b, strict=True):
                assert (one.text, one.finished) == (two.text, two.finished)
                assert one.logprob == pytest.approx(two.logprob, abs=1e-4)
    mixed = both.answer(PAIRS[:6], Settings())
    assert texts(mixed) != texts(alone.answer(PAIRS[:6], Settings()))
    step = [m.step(np.array([of.bos]), *m.start([of.source_ids("the cat")]))[0][0] for m in both.model.models]
    first = np.logaddexp(*step) - np.log(2)
    first[list(of.banned)] = -np.inf
    assert both.answer([Pair("the cat")], Settings())[0][0].logprobs[0] == pytest.approx(first.max(), abs=1e-5)


@pytest.mark.parametrize("side", ["source", "target"])
def test_an_ensemble_has_one_tokenizer_a_side(side: str, tmp_path: Path) -> None:
    words = learn("word", SOURCES), learn("word", TARGETS)
    other = learn("word", ["something else"])
    kinds = Codec(*words, 50), Codec(other, words[1], 50) if side == "source" else Codec(words[0], other, 50)
    files = [write(tmp_path / f"{i}.safetensors", of, model(of), {}) for i, of in enumerate(kinds)]
    with pytest.raises(UsageError, match=f"different tokenizers of the {side} side") as caught:
        Translator.open(files[0], *files[1:])
    assert str(files[1].path) in caught.value.message
    assert caught.value.hint


def test_a_copying_model_goes_alone(tmp_path: Path) -> None:
    of, keys = codec("word", "word"), {"copy_source": True}
    stored = write(tmp_path / "m.safetensors", of, model(of, **keys), keys)
    assert Translator.open(stored).copies
    with pytest.raises(UsageError, match="cannot be part of an ensemble"):
        Translator.open(stored, *[stored])
