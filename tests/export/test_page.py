"""Models as pages: what a page computes, run in Node where there is one, is what seqcli computes."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.pages import ask, needs_node
from support.translators import codec, model, write

from seqcli import artifact, predictor
from seqcli.errors import UsageError
from seqcli.export import page, smaller
from seqcli.export.graphs import Options
from seqcli.export.patterns import javascript
from seqcli.graph.evaluate import OPERATORS
from seqcli.tasks.classification.explain import explained
from seqcli.tokenizers import byte, char, sentencepiece, word
from seqcli.words import Rule

ROOT = Path(__file__).parents[2]
MODELS = ROOT / "tests/net/models"
TEXTS = [
    "The cat didn't sit on the mat, e.g. there.",
    "not a good day: I don't like it!",
    "Émile’s 1,234.50 € (or 3-4)  www.example.com/a?b",
    "x",
    "   ",
    "",
    "unheard-of 😀👍🏽 words\tand  blanks 漢字",
    " a day,\nnot good etc.\nthe end \n",
    " \n ",
]
ODD = list(
    "ab'’n't.,-:/()[]{}<>@#&0189AZ_äé٠“”…·٫\u0300\u200d\ufe0f\u20e3一あ😀👍🏽🇩🇪\U0001f3fb\x01 ©™€§\u2010\u00a0▁\n"
)


def odd(count: int) -> list[str]:
    rng = np.random.default_rng(5)
    return ["".join(rng.choice(ODD, rng.integers(1, 25))) for _ in range(count)]


def made(name: str, folder: Path, kind: str = "float16") -> Any:
    """A model as a page, open in Node, and the predictor of its rounded weights."""
    stored = artifact.read(MODELS / f"{name}.safetensors" if "/" not in name else Path(name))
    page.write(stored, folder / "page.html", Options(kind, viterbi=stored.header["task"] == "tagging", scored=False))
    ask(page=(folder / "page.html").read_text(encoding="utf-8"))
    return predictor.load(smaller.smaller(stored, kind))


@needs_node
def test_it_has_the_operators_that_graphs_have() -> None:
    assert {*ask(operators=True)} == {*OPERATORS, "Scan"}


@needs_node
@pytest.mark.parametrize(
    "rule", [Rule(), Rule(clitics=False, hyphens=True), Rule(hyphens=True), Rule(unit="character")], ids=str
)
def test_words_are_found_as_the_rule_finds_them(rule: Rule) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    texts = [text for line in [*TEXTS, *readme, *odd(2000)] for text in line.split("\n")]
    found = ask(rule={**page.by_rule(rule), "differing": {}}, texts=texts)
    for text, spans in zip(texts, found, strict=True):
        assert [*map(tuple, spans)] == rule.split(text), text


@needs_node
def test_words_that_the_training_data_cut_otherwise() -> None:
    known = {"cannot": ["cannot"], "a-b": ["a", "-b"]}
    found = ask(rule={**page.by_rule(Rule()), "differing": known}, texts=["I cannot a-b", "cannot."])
    assert [*map(tuple, found[0])] == Rule().split("I cannot a-b", known)
    assert [*map(tuple, found[1])] == Rule().split("cannot.", known)


@needs_node
@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        (sentencepiece, {"size": 700}),
        (sentencepiece, {"size": 700, "model_type": "bpe"}),
        (byte, {}),
        (char, {"unk": True}),
        (char, {"normalize": "nfd"}),
        *(
            (word, {"split": s, "lowercase": low})
            for s in ("whitespace", "punctuation", "rule", ";")
            for low in (0, 1)
        ),
    ],
    ids=str,
)
def test_texts_are_read_as_the_tokenizer_reads_them(kind: Any, keys: dict[str, Any]) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    own = kind.Tokenizer.learn([text], kind.Config(**keys))
    ask(tokenizer=page.reading(own))
    for line in [*text.splitlines(), *TEXTS, *odd(300), " <unk> a<unk>b;<eos>"]:
        ids, lacking = own.read(line)
        found = ask(encode=line)
        assert [part["id"] for part in found] == ids.tolist(), line
        assert ask(decode=ids.tolist()) == own.decode(ids)
        if not lacking and not keys.get("normalize"):
            wanted = zip(found, own.offsets(line), strict=True)  # of a character's bytes the first has its text
            assert all((part["start"], part["end"]) == span for part, span in wanted if part["text"])


@needs_node
@pytest.mark.parametrize(
    ("kind", "keys"), [(byte, {}), (sentencepiece, {"size": 300}), (char, {"normalize": "nfd"})], ids=str
)
def test_what_is_written_shows_whole_characters(kind: Any, keys: dict[str, Any]) -> None:
    text = "café, naïve: 漢字 😀 ñandú"
    own = kind.Tokenizer.learn(["a plain text", text if keys.get("normalize") else ""], kind.Config(**keys))
    ask(tokenizer=page.reading(own))
    found = ask(joined=own.encode(text).tolist())
    assert unicodedata.normalize("NFC", "".join(found)) == text
    assert not any("\ufffd" in part for part in found)


def test_a_tokenizer_that_a_page_has_not() -> None:
    with pytest.raises(UsageError, match="a page cannot use this bins tokenizer"):
        page.reading(predictor.load(artifact.read(MODELS / "tides.safetensors")).tokenizer)


@needs_node
@pytest.mark.parametrize("kind", ["float16", "int8"])
@pytest.mark.parametrize("name", ["lm", "lm-words", "lm-attention"])
def test_it_generates_the_same_text(name: str, kind: str, tmp_path: Path) -> None:
    own = made(name, tmp_path, kind)
    for text in ("the ", "a dog", ""):
        assert ask(generate=[text, 60]) == own.generate(text, temperature=0, max_tokens=60)
    parts = ask(call="read", given=["the cat sat"])["parts"]
    ids = own.tokenizer.encode("the cat sat").astype(int)
    scores, _ = own.model.score(ids[None, :-1], ids[None, 1:], own.model.initial_state(1))
    assert parts[0]["bits"] is None
    assert [part["bits"] for part in parts[1:]] == pytest.approx((-scores[0] / np.log(2)).tolist(), abs=1e-4)


@needs_node
@pytest.mark.parametrize("name", ["pos", "pos-attention"])
def test_it_tags_with_the_same_labels(name: str, tmp_path: Path) -> None:
    own = made(name, tmp_path)
    for text in TEXTS:
        found = ask(call="tag", given=[text])
        wanted = own.tag(text)
        assert [(word["text"], word["label"]) for word in found] == [row[:2] for row in wanted]
        assert [word["p"] for word in found] == pytest.approx([p for *_, p in wanted], abs=1e-4)


@needs_node
@pytest.mark.parametrize("name", ["remarks", "remarks-attention", "topics"])
def test_it_classifies_alike(name: str, tmp_path: Path) -> None:
    own = made(name, tmp_path)
    for text in TEXTS:
        found = ask(call="classify", given=[text])
        assert {row["label"]: row["p"] for row in found} == pytest.approx(own.classify(text), abs=1e-4)
        assert {row["label"] for row in found if row["given"]} == {*own.chosen(text)}
    label = own.labels[0]
    added = ask(call="added", given=["not a good day", label])
    odds = [np.log(p) - np.log1p(-p) for p in (own.classify(t)[label] for t in ("not a good day", "a good day"))]
    assert added[0]["added"] == pytest.approx(odds[0] - odds[1], abs=1e-3)


@needs_node
@pytest.mark.parametrize("name", ["remarks", "topics"])
@pytest.mark.parametrize("sure", [1, 1000])
def test_what_words_add_is_what_explain_says(name: str, sure: float, tmp_path: Path) -> None:
    stored = artifact.read(MODELS / f"{name}.safetensors")
    vectors = {f"model.{end}": stored.arrays[f"model.{end}"] * sure for end in ("output_weight", "output_bias")}
    artifact.write(tmp_path / "made.safetensors", stored.header, {**stored.arrays, **vectors})
    own = made(str(tmp_path / "made.safetensors"), tmp_path)
    for text in ("good", "not a good day", "a goal, a song"):
        ready, p = own.ready(text), own.classify(text)
        for i, label in enumerate(own.labels):
            (wanted,) = explained(own, [ready], [(i, p[label])])
            found = ask(call="added", given=[text, label])
            assert [part["added"] for part in found] == pytest.approx([t.weight for t in wanted], abs=2e-3)


@needs_node
@pytest.mark.parametrize("keys", [{"attention": "additive"}, {"attention": "none", "layers": 2}, {"cell": "mingru"}])
def test_it_answers_alike(keys: dict[str, Any], tmp_path: Path) -> None:
    write(tmp_path / "made.safetensors", of := codec("char"), model(of, **keys), keys)
    own = made(str(tmp_path / "made.safetensors"), tmp_path)
    greedy = own.asked(search=own.search.__class__(beam=1))
    for text in ("the cat sat", "a dog", "no", " a  dog ", "\t", " "):
        found = ask(call="translate", given=[text])
        (answer,) = own.filter([text], **{"search": greedy.search})
        assert found["text"] == answer
        looked = 0 if keys.get("attention") == "none" else len(text) + 1
        assert all(len(step.get("attention") or []) == looked for step in found["steps"])


def test_what_a_page_cannot_show_is_refused_by_name(tmp_path: Path) -> None:
    for name, said in {
        "lm-counted": "ngram has no graph",
        "linear": "ngram-linear has no graph",
        "spaces": "raw text",
        "ner": "columns",
        "waves": "without a tokenizer",
        "plurals": "a model that copies",
        "tides": "bins tokenizer",
    }.items():
        with pytest.raises(UsageError, match=said):
            made(name, tmp_path)
    assert not [*tmp_path.iterdir()]


def test_it_is_one_file_that_asks_for_nothing(tmp_path: Path) -> None:
    stored = artifact.read(MODELS / "remarks.safetensors")
    page.write(stored, tmp_path / "remarks.html", Options("int8", scored=False))
    text = (tmp_path / "remarks.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in text
    assert "form-action 'none'; base-uri 'none'" in text  # these do not follow default-src
    assert not re.search(r"(src|href)=|@import|fetch\(|https?://", text.replace("[Hh][Tt][Tt][Pp]", ""))
    assert text.count("<script") == text.count("</script>") == 4
    assert "{{" not in re.sub(r'id="data">.*?</script>', "", text, flags=re.DOTALL)


def test_nothing_in_a_model_ends_a_script() -> None:
    data = page.html(
        artifact.read(MODELS / "remarks.safetensors"),
        {"task": "x", "words": ["</script>", "<!--"]},
        "",
        [],
        smaller.Scores({}, {}),
    )
    assert data.count("</script>") == 4
    assert "\\u003c/script>" in data


def test_texts_stand_out_from_their_colours() -> None:
    style = (page.WEB / "page.css").read_text(encoding="utf-8")
    modes = [dict(re.findall(r"--(\w+): ([^;]+);", own)) for own in re.findall(r":root \{([^}]*)\}", style)]

    def light(colour: np.ndarray) -> float:  # WCAG 2.2, relative luminance
        share = colour / 255
        return float(
            np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]
        )

    def contrast(a: np.ndarray, b: np.ndarray) -> float:
        low, high = sorted((light(a), light(b)))
        return (high + 0.05) / (low + 0.05)

    def of(code: str) -> np.ndarray:
        code = code.strip("# ")
        code = "".join(2 * c for c in code) if len(code) == 3 else code
        return np.array([int(code[i : i + 2], 16) for i in (0, 2, 4)], float)

    assert len(modes) == 2
    for mode in modes:
        for name in ("hot", "cold"):
            strongest = 0.85 * np.array(list(map(float, mode[name].split(",")))) + 0.15 * of(mode["panel"])
            assert contrast(of(mode["ink"]), strongest) >= 4.5
        assert contrast(of(mode["soft"]), of(mode["ground"])) >= 4.5
        assert contrast(of(mode["ground"]), of(mode["accent"])) >= 4.5


def test_patterns() -> None:
    for pattern, wanted in {
        r"a*+b": r"(?:(?=(?<p1>a*))\k<p1>)b",
        r"[]\"a]{1,3}+": r'(?:(?=(?<p1>[\]"a]{1,3}))\k<p1>)',
        r"(?P<x>a)(?P=x)*+": r"(?<x>a)(?:(?=(?<p1>\k<x>*))\k<p1>)",
        r"(?:a|b++)*c?": r"(?:a|(?:(?=(?<p1>b+))\k<p1>))*c?",
        r"\U0001f600\u200d\.": "😀\\u200d\\.",
    }.items():
        assert javascript(pattern) == wanted
