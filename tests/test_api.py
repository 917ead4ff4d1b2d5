"""The Python door: the same words as the command line, from an object."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support import inprocess

import seqcli
from seqcli import artifact, layers, tokenizers
from seqcli.datasets.vocabulary import Vocabulary
from seqcli.models import Sizes, language_model, seq2seq, tagger
from seqcli.records import Sentence
from seqcli.tasks.language_model.predict import Generator
from seqcli.tasks.sequence_to_sequence.predict import Translator
from seqcli.tasks.tagging.predict import Tagger
from seqcli.tokenizers import byte, char

TEXT = "the cat sat\non the mat\n"


def write_model(path: Path, tokenizer: tokenizers.BaseTokenizer) -> Path:
    """An untrained model with large weights, so that it has opinions."""
    config = language_model.Config(cell="gru", embedding=6, hidden=10, uniform_init=0.7)
    model = language_model.Model.create(config, tokenizer.size, np.random.default_rng(5))
    header = {"kind": "model", "task": "language-model", "model": config.model_dump(mode="json")}
    part, arrays = tokenizers.to_artifact(tokenizer)
    header |= {"vocabulary": tokenizer.size, "tokenizer": part}
    artifact.write(path, header, {f"model.{n}": a for n, a in model.arrays().items()} | arrays)
    return path


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("api") / "runs" / "own"
    folder.mkdir(parents=True)
    return write_model(folder / "model.safetensors", char.Tokenizer.learn([TEXT], char.Config()))


@pytest.fixture(scope="module")
def model(path) -> Generator:
    return seqcli.load(path)


def test_load_by_file_folder_and_name(path, monkeypatch):
    monkeypatch.chdir(path.parents[2])
    for name in (path, path.parent, str(path), "own"):
        assert seqcli.load(name).generate("the", seed=1) == seqcli.load(path).generate("the", seed=1)
    assert seqcli.load(path).header["task"] == "language-model"
    with pytest.raises(seqcli.SeqcliError, match="no such model"):
        seqcli.load("nothing")


def test_generate_is_reproducible_and_what_the_command_writes(model, path, seqcli):
    text = model.generate("the ", seed=11, max_tokens=40)
    assert len(text) == 40
    assert text == "".join(model.stream("the ", seed=11, max_tokens=40))
    assert text != model.generate("the ", seed=12, max_tokens=40)
    assert model.generate("the ") != model.generate("the ")  # no seed, no promise
    done = seqcli("generate", "-m", path, "--prompt", "the ", "--seed", 11, "--max-tokens", 40)
    assert done.stdout.decode() == text


def test_options(model):
    greedy = model.generate("the", temperature=0, max_tokens=30)
    assert (
        greedy
        == model.generate("the", temperature=0, max_tokens=30, seed=3)
        == model.generate("the", top_k=1, max_tokens=30)
    )
    assert model.generate("the", max_tokens=0) == ""
    text = model.generate("the", seed=2, max_tokens=200)
    at = min(i for stop in ("a", "c") if (i := text.find(stop)) >= 0)
    assert model.generate("the", seed=2, stop=["a", "c"]) == text[:at]
    assert model.generate("the", seed=2, stop="a") == text.partition("a")[0]
    with pytest.raises(seqcli.SeqcliError, match="temperature"):
        model.stream("the", temperature=-1)
    with pytest.raises(TypeError):
        model.generate("the", temprature=1)


def test_an_empty_prompt_is_what_follows_a_line_end(model):
    assert model.generate("", seed=4) == model.generate("\n", seed=4)
    assert model.next("") == model.next("\n")


def test_next_is_a_distribution(model):
    found = model.next("the", 100)
    assert len(found) == model.tokenizer.size
    assert sum(p for _, p in found) == pytest.approx(1)
    assert [p for _, p in found] == sorted((p for _, p in found), reverse=True)
    assert model.next("the", 1) == found[:1]
    drawn = [tokenizers.visible(model.generate("the", max_tokens=1, seed=s)) for s in range(300)]
    for token, p in found:
        assert abs(drawn.count(token) / 300 - p) < 4 * np.sqrt(p * (1 - p) / 300), token


def test_evaluate_is_the_sum_of_next(model):
    text = "the cat"
    nll = 0.0
    for i in range(1, len(text)):
        p = dict(model.next(text[:i], 100))
        nll -= np.log(p[text[i].replace(" ", "▁")])
    report = model.evaluate(text)
    assert report.metrics["cross-entropy"] == pytest.approx(nll / 6, rel=1e-5)
    assert report.counts["tokens"] == 6
    assert report.protocol == "stateful"
    assert model.evaluate(text, window=3).protocol == "window 3"


def test_unknown_characters_are_named(model):
    with pytest.raises(seqcli.SeqcliError, match=r"'ü' \(U\+00FC\)"):
        model.generate("ü")
    with pytest.raises(seqcli.SeqcliError, match="<text>:2:3: the character 'ü'"):
        model.evaluate("the\ncaü")


def test_bytes_come_as_whole_characters(tmp_path):
    model = seqcli.load(write_model(tmp_path / "m.safetensors", byte.Tokenizer()))
    for piece in model.stream("é", seed=1, max_tokens=300):
        assert piece.encode().decode() == piece  # a lone surrogate would not encode


def test_the_package_is_light():
    assert seqcli.__version__
    assert set(seqcli.__all__) == {"SeqcliError", "load"}
    with pytest.raises(AttributeError, match="has no attribute 'laod'"):
        seqcli.laod  # noqa: B018


# taggers


LABELS = ["B-X", "I-X", "O"]


def write_tagger(path: Path, *, spans: bool = True, features: bool = False) -> Path:
    """An untrained tagger with large weights."""
    words = [Sentence(words=["Rome", "is", "n't", "old", "."], features={"pos": list("NVRJ.")})]
    scheme, columns = ("iob2" if spans else None), (["pos"] if features else [])
    vocabulary = Vocabulary.learn(words, [LABELS if spans else ["N", "V"]], columns, scheme=scheme)
    config = tagger.Config(embedding=4, hidden=3, characters={"kind": "cnn", "filters": 3}, features=columns)
    fresh, rng = tagger.Model.create(config, vocabulary, np.random.default_rng(1)), np.random.default_rng(2)
    model = layers.replace(fresh, {n: rng.normal(0, 1, a.shape).astype("f") for n, a in fresh.arrays().items()})
    header = {"kind": "model", "task": "tagging", "model": config.model_dump(mode="json"), "scores": {}}
    header |= {"vocabulary": vocabulary.header(), "data": {"scheme": scheme}, "decoding": {"temperature": 1.5}}
    header |= {"splitting": {"rule": {"version": 1, "unit": "word", "clitics": True, "hyphens": False}}}
    arrays = {f"model.{n}": a for n, a in model.arrays().items()}
    artifact.write(path, header, arrays | {f"vocabulary.{n}": a for n, a in vocabulary.arrays().items()})
    return path


@pytest.fixture(scope="module")
def tagging(tmp_path_factory) -> Tagger:
    return seqcli.load(write_tagger(tmp_path_factory.mktemp("tagging") / "m.safetensors"))


TAGGED = "Rome isn't old, Rome is new."


def test_a_tagger_tags_raw_text_and_given_words(tagging):
    assert isinstance(tagging, Tagger)
    assert tagging.tags == LABELS
    assert tagging.header["task"] == "tagging"
    found = tagging.tag(TAGGED)
    words = ["Rome", "is", "n't", "old", ",", "Rome", "is", "new", "."]
    assert [w for w, _, _ in found] == words
    assert {t for _, t, _ in found} <= set(LABELS)
    assert all(0 < p <= 1 for _, _, p in found)
    assert tagging.tag(words) == found
    assert tagging.tag("") == tagging.tag([]) == tagging.tag("  ") == []
    assert tagging.tag(["two words"])[0][0] == "two words"


def test_spans_stand_where_they_are_in_the_text(tagging):
    for raw in (TAGGED, "  Rome\tisn't   old, Rome is new. ", "Rome 🙂 isn't old"):
        tagged, spans = tagging.tag(raw), tagging.spans(raw)
        assert spans
        at, places = 0, []
        for word, _, _ in tagged:
            at = raw.index(word, at)
            places.append((at, at + len(word)))
            at += len(word)
        begins = [i for i, (_, tag, _) in enumerate(tagged) if tag == "B-X"]
        assert [s for s, *_ in spans] == [places[i][0] for i in begins]
        for (start, end, label, p), i in zip(spans, begins, strict=True):
            last = i
            while last + 1 < len(tagged) and tagged[last + 1][1] == "I-X":
                last += 1
            assert (start, end, label) == (places[i][0], places[last][1], "X")
            assert 0 < p <= tagged[i][2] + 1e-9  # a span is no more probable than its first tag
    given = ["Rome", "is", "new"]
    joined = " ".join(given)
    for start, end, *_ in tagging.spans(given):
        assert joined[start:end].split()[0] in given


def test_tags_that_are_no_spans(tmp_path):
    model = seqcli.load(write_tagger(tmp_path / "m.safetensors", spans=False))
    assert model.tags == ["N", "V"]
    assert len(model.tag(TAGGED)) == 9
    with pytest.raises(seqcli.SeqcliError, match="the tags of this model are not spans"):
        model.spans(TAGGED)


def test_further_columns_are_asked_for(tmp_path):
    model = seqcli.load(write_tagger(tmp_path / "m.safetensors", features=True))
    with pytest.raises(seqcli.SeqcliError, match="this model reads pos besides the words"):
        model.tag(["Rome"])
    one, other = (model.tag(["Rome", "is"], {"pos": pos}) for pos in (["N", "V"], ["V", "N"]))
    assert [w for w, _, _ in one] == ["Rome", "is"]
    assert one != other
    assert model.spans(["Rome", "is"], {"pos": ["?", "?"]}) == model.spans(["Rome", "is"], {"pos": ["!", "!"]})


# from one sequence to another


def write_translator(path: Path, *, attention: str = "general") -> Path:
    """An untrained model with large weights, so that it has opinions."""
    tokenizer = char.Tokenizer.learn(["abc de\n"], char.Config(unk=True))
    config = seq2seq.Config(embedding=6, hidden=8, attention=attention, beam=3)  # type: ignore[arg-type]
    sizes = Sizes(tokenizer.size + 2, tokenizer.size + 2, True)
    fresh, rng = seq2seq.Model.create(config, sizes, np.random.default_rng(1)), np.random.default_rng(2)
    model = layers.replace(fresh, {n: rng.normal(0, 0.7, a.shape).astype("f") for n, a in fresh.arrays().items()})
    header = {"kind": "model", "task": "sequence-to-sequence", "model": config.model_dump(mode="json")}
    part, arrays = tokenizers.to_artifact(tokenizer)
    header |= {"vocabulary": sizes._asdict(), "tokenizer": part, "data": {"longest": 20, "answer_ratio": 2.0}}
    artifact.write(path, header, {f"model.{n}": a for n, a in model.arrays().items()} | arrays)
    return path


@pytest.fixture(scope="module")
def translator_path(tmp_path_factory) -> Path:
    return write_translator(tmp_path_factory.mktemp("translator") / "m.safetensors")


@pytest.fixture(scope="module")
def translator(translator_path) -> Translator:
    return seqcli.load(translator_path)


def test_translations_are_what_the_command_writes(translator, translator_path, tmp_path):
    assert isinstance(translator, Translator)

    def command(*args: object) -> str:
        asked = ("-q", "generate", "-m", translator_path, *args, "--prompt", "abc de")
        return inprocess.seqcli(*asked, cwd=tmp_path).text.strip("\n")

    assert translator.translate("abc de") == command()
    assert translator.translate("abc\nde") == command()  # a text is one line
    for options in (
        {"beam": 1},
        {"beam": 4, "length_penalty": 0.3, "coverage_penalty": 0.2},
        {"no_repeat": 2, "min_length": 4, "max_tokens": 9},
        {"temperature": 2.0, "seed": 5},
        {"top_k": 3, "top_p": 0.9, "seed": 6},
        {"temperature": 0},
    ):
        flags = [part for name, value in options.items() for part in (f"--{name.replace('_', '-')}", value)]
        assert translator.translate("abc de", **options) == command(*flags), options


def test_translations(translator):
    assert translator.translate("") == translator.translate(" \n") == ""
    assert translator.translate("abc", prefix="dd").startswith("dd")
    assert len({translator.translate("abc", temperature=3) for _ in range(20)}) > 1  # no seed, no promise
    assert translator.translate("abc", seed=1) == translator.translate("abc", seed=2)  # nothing is drawn
    assert translator.translate("abc", replace_unknown=True).count("<unk>") == 0
    with pytest.raises(seqcli.SeqcliError, match="give only one kind"):
        translator.translate("abc", temperature=1, beam=2)
    with pytest.raises(seqcli.SeqcliError, match="--length-penalty must be from 0"):
        translator.translate("abc", length_penalty=-1)
    with pytest.raises(TypeError):
        translator.translate("abc", temprature=1)


def test_texts_that_are_cut(translator_path, capsys):
    model = seqcli.load(translator_path)
    assert model.translate("a" * 25) == model.translate("a" * 20)
    model.translate("a" * 20)
    for text in ("b" * 21, "é" * 30, "a" * 22):
        model.answers(text, n=1, beam=1, max_tokens=3)
    said = "warning: <text>:1:1: {} tokens, but only the first 20 are read"
    lines = [said.format(n) for n in (25, 21, 30)]
    assert capsys.readouterr().err.splitlines() == [*lines[:2], f"{lines[2]}; further ones are not reported"]


def test_answers_are_ranked(translator):
    found = translator.answers("abc", n=4)
    assert len({text for text, _ in found}) == 4
    assert found[0][0] == translator.translate("abc", beam=5)
    assert found[:2] == translator.answers("abc", n=2, beam=5)
    assert len(translator.answers("abc", n=7, beam=2)) == 7
    by_nats = [p for _, p in translator.answers("abc", n=4, length_penalty=0)]
    assert by_nats == sorted(by_nats, reverse=True)
    assert all(p < 0 for p in by_nats)
    assert translator.answers("", n=2) == [("", 0.0)] * 2
    with pytest.raises(seqcli.SeqcliError, match="answers are searched, not drawn: remove temperature"):
        translator.answers("abc", temperature=1)


def test_attention_is_where_an_answer_looked(translator, tmp_path):
    source, target, weights = translator.attention("ab cé")
    assert source == ["a", "b", "▁", "c", "<unk>", "<eos>"]
    assert weights.shape == (len(target), len(source))
    assert weights.sum(1) == pytest.approx(np.ones(len(target)), abs=1e-5)
    assert "".join(t for t in target if t != "<eos>").replace("▁", " ") == translator.translate("ab cé")
    assert len(translator.attention("abc", max_tokens=2, beam=1)[1]) <= 2
    assert translator.attention(" ")[:2] == ([], [])
    blind = seqcli.load(write_translator(tmp_path / "m.safetensors", attention="none"))
    assert isinstance(blind.translate("abc"), str)
    with pytest.raises(seqcli.SeqcliError, match="no attention to show"):
        blind.attention("abc")
