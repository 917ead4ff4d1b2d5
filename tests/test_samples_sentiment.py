"""The sentiment sample: its generator writes it byte for byte, and word order decides much of it."""

from __future__ import annotations

import random
import re
import runpy
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).resolve().parent.parent / "data"
SPLITS = ("train", "valid", "test")
Texts = list[tuple[str, str]]


@pytest.fixture(scope="module")
def generator() -> dict[str, Any]:
    return runpy.run_path(str(DATA / "make_sentiment_sample.py"))


@pytest.fixture(scope="module")
def remarks() -> dict[str, Texts]:
    """Each split's remarks as (label, text)."""
    found = {}
    for split in SPLITS:
        header, *lines = (DATA / f"sentiment-{split}.tsv").read_bytes().decode("ascii").removesuffix("\n").split("\n")
        assert header == "label\ttext"
        found[split] = [(label, text) for label, text in (line.split("\t") for line in lines)]
    return found


def plain(text: str) -> str:
    return " ".join(re.findall(r"[a-z-]+", text.lower()))


def test_the_generator_writes_what_ships(tmp_path: Path):
    script = DATA / "make_sentiment_sample.py"
    subprocess.run([sys.executable, "-I", str(script), str(tmp_path)], check=True, timeout=60)
    for split in SPLITS:
        name = f"sentiment-{split}.tsv"
        assert (tmp_path / name).read_bytes() == (DATA / name).read_bytes()


def test_the_files_are_small_and_balanced(remarks, generator):
    assert sum((DATA / f"sentiment-{split}.tsv").stat().st_size for split in SPLITS) < 100_000
    for split, found in remarks.items():
        half = generator["SIZES"][split] // 2
        assert Counter(label for label, _ in found) == {"positive": half, "negative": half}
        assert all(text == text.strip() and 8 < len(text) <= generator["LONGEST"] for _, text in found)


def test_labels_are_mixed(remarks):
    """Long runs of one label would make the shares of a split, or a batch, one-sided."""
    for found in remarks.values():
        runs = re.findall(r"p+|n+", "".join(label[0] for label, _ in found))
        assert max(map(len, runs)) < 20


def test_no_remark_stands_twice(remarks):
    every = [plain(text) for found in remarks.values() for _, text in found]
    assert len(every) == len(set(every))


def test_remarks_are_written_as_people_write(remarks):
    for _, text in (pair for found in remarks.values() for pair in found):
        assert text.endswith(".") == (text[0].isupper() and (text[0] != "I" or text.endswith("."))), text
        assert "  " not in text
        assert " ," not in text
        assert "_" not in text
        assert not re.search(r"[@~.](?=.)", text)  # nothing of the grammar is left
        for article, following in re.findall(r"\b(an?) (\w+)", text.lower()):
            assert (article == "an") == (following[0] in "aeio" or following.startswith("un")), text


def test_what_train_never_shows_is_in_the_others(remarks, generator):
    """What is marked `!` as a word stays out of train, and both other splits hold unknown words and pairs."""
    marked = [word.lower().split("_") for word in re.findall(r" !([\w-]+)", generator["LEXICON"])]
    words = {split: [plain(text).split() for _, text in found] for split, found in remarks.items()}
    known = Counter(word for text in words["train"] for word in text)
    pairs = {pair for text in words["train"] for pair in pairwise(text)}
    assert len(marked) > 20
    assert not [entry for entry in marked if set(entry) <= set(known)]
    for split in ("valid", "test"):
        every = [word for text in words[split] for word in text]
        assert 0.005 < sum(word not in known for word in every) / len(every) < 0.08
        following = [pair for text in words[split] for pair in pairwise(text)]
        assert 0.05 < sum(pair not in pairs for pair in following) / len(following) < 0.5


def test_some_words_are_denied_in_valid_and_test_alone(remarks, generator):
    denial, undenied = generator["DENIAL"], generator["UNDENIED"]

    def denied(split: str) -> int:
        texts = [text.lower() for _, text in remarks[split]]
        return sum(bool(re.search(denial, t)) and not undenied.isdisjoint(re.findall(r"\w+", t)) for t in texts)

    assert denied("train") == 0
    assert denied("valid") > 3
    assert denied("test") > 3
    in_train = {word for _, text in remarks["train"] for word in plain(text).split()}
    assert undenied <= in_train


def test_a_new_word_of_praise_or_blame_never_decides(generator):
    """Each rule that takes one gives it the other verdict than the remark's."""
    assert re.findall(r"weak\.", generator["GRAMMAR"]) == ["weak."]  # in the rule Weak alone
    assert set(re.findall(r"Weak\.(.)", generator["GRAMMAR"])) == {"~"}
    for line in generator["LEXICON"].strip().split("\n"):
        name, _, words = line.partition(": ")
        if name.split()[0] in {"good", "bad", "praise", "blame", "like", "hate", "likes", "hates", "works", "fails"}:
            assert "!" not in words


def test_every_rule_and_word_class_is_used(generator):
    grammar = generator["Grammar"](None, new=True)
    body = " ".join(choice for choices in grammar.rules.values() for choice, _ in choices)
    used = {name.split(".")[0] for name in re.findall(r"[\w.]+", body)}
    assert {name.split(".")[0] for name in [*grammar.rules, *grammar.names]} - used == {"Remark"}
    assert grammar.topics == ["book", "film", "place", "ware"]


def test_a_bag_of_words_does_not_decide(remarks):
    """Logistic regression on word counts stays far from what the order of words gives, and beats chance."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression

    vectorizer = CountVectorizer(token_pattern=r"[A-Za-z-]+|[^\w\s]")
    labels = {split: [label for label, _ in found] for split, found in remarks.items()}
    texts = {split: [text for _, text in found] for split, found in remarks.items()}
    model = LogisticRegression(max_iter=1000).fit(vectorizer.fit_transform(texts["train"]), labels["train"])
    for split, most in (("train", 0.95), ("valid", 0.92), ("test", 0.92)):
        assert 0.75 < model.score(vectorizer.transform(texts[split]), labels[split]) < most


def test_the_same_words_in_another_order_have_the_other_label(generator, remarks):
    """`X rather than Y` and `Y rather than X`: the generator gives the verdict of the word that the order picks."""
    good = {w for line in re.findall(r"^good .*?: (.*)", _joined(generator), re.M) for w in line.split()}
    bad = {w for line in re.findall(r"^bad .*?: (.*)", _joined(generator), re.M) for w in line.split()}
    verdicts = Counter()
    for label, text in (pair for found in remarks.values() for pair in found):
        if found := re.search(r"\b(\w+) (?:rather than|at first but)\b.*?\b(\w+)\b", plain(text)):
            first = found[1]
            assert first in good | bad or "rather" not in text, text
            decides = (first in good) if "rather than" in text.lower() else (first in bad)
            if first in good | bad:
                verdicts[label, first in good] += 1
                assert decides == (label == "positive"), text
    assert len(verdicts) == 4


def _joined(generator: dict[str, Any]) -> str:
    return re.sub(r"\n +", " ", generator["LEXICON"])


@pytest.mark.parametrize("verdict", ["good", "bad"])
def test_each_production_gives_the_verdict_that_its_marks_say(generator, verdict: str):
    """Every polar slot of a production is `@` or `~`: with the other verdict the words of praise and blame change places."""
    grammar = generator["Grammar"](random.Random(1), new=True)
    kinds = {"good": {"good", "praise", "like", "likes", "works"}, "bad": {"bad", "blame", "hate", "hates", "fails"}}
    words = {
        kind: {
            w for (name, _), entries in grammar.words.items() if name in names for e in entries for w in e.split("_")
        }
        for kind, names in kinds.items()
    }
    assert not words["good"] & words["bad"]
    for _ in range(300):
        found = set(grammar.expand("Plain.@", "film", verdict))
        assert found & words[verdict] or found & {"beautifully", "superbly", "well", "badly", "poorly", "carelessly"}
        assert not found & words[generator["OTHER"][verdict]]
        assert set(grammar.expand("Comparison.@", "ware", verdict)) & words[generator["OTHER"][verdict]]
