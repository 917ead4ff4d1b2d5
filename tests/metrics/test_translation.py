"""BLEU, chrF and TER: sacrebleu's own corpus functions, closed forms, what is said where it is missing."""

from __future__ import annotations

import builtins
import importlib
import logging
import math
import os
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.examples import examples

from seqcli.errors import UsageError
from seqcli.metrics import translation
from seqcli.metrics.translation import Metric

OFFERS = Metric.OFFERS

sacrebleu = pytest.importorskip("sacrebleu", reason="sacrebleu is not installed")

ALL = ("bleu", "chrf", "ter")
sentences = st.lists(
    st.sampled_from(["the", "The", "cat,", "sat", "on", "a", "mat", ".", "3.5", "don't", "日本"]), max_size=9
).map(" ".join)
Records = list[tuple[str, list[str]]]


def measured(records: Any, **options: Any) -> Metric:
    metric = Metric(**options)
    for predicted, gold in records:
        metric.update(predicted, gold)
    return metric


@pytest.mark.parametrize("lowercase", [False, True])
@pytest.mark.parametrize("tokenize", ["13a", "none", "char", "intl", "zh"])
@settings(max_examples=examples(25))
@given(st.lists(st.tuples(sentences, st.tuples(sentences, sentences)), min_size=1, max_size=5))
def test_sacrebleu_says_the_same(tokenize: str, lowercase: bool, records: Any) -> None:
    predicted, golds = [p for p, _ in records], [[gold[i] for _, gold in records] for i in range(2)]
    metric = measured(records, tokenize=tokenize, lowercase=lowercase, wanted=ALL)
    chrf = sacrebleu.metrics.CHRF(lowercase=lowercase)
    bleu = sacrebleu.corpus_bleu(predicted, golds, tokenize=tokenize, lowercase=lowercase, force=True)
    assert metric.result() == {
        "bleu": bleu.score,
        "chrf": chrf.corpus_score(predicted, golds).score,
        "ter": sacrebleu.corpus_ter(predicted, golds).score,
    }
    assert metric.count == len(records)
    if not lowercase:
        assert metric.result()["chrf"] == sacrebleu.corpus_chrf(predicted, golds).score


@settings(max_examples=examples(25))
@given(st.lists(st.tuples(sentences, st.lists(sentences, min_size=1, max_size=3)), min_size=1, max_size=5))
def test_records_may_have_different_numbers_of_references(records: Records) -> None:
    predicted, most = [p for p, _ in records], max(len(gold) for _, gold in records)
    golds = [[gold[i] if i < len(gold) else None for _, gold in records] for i in range(most)]
    metric = measured(records, wanted=ALL)
    assert metric.result()["bleu"] == sacrebleu.corpus_bleu(predicted, golds, force=True).score
    assert metric.result()["chrf"] == sacrebleu.corpus_chrf(predicted, golds).score
    assert metric.result()["ter"] == sacrebleu.corpus_ter(predicted, golds).score
    different = len({len(gold) for _, gold in records}) > 1
    for signature in metric.signatures().values():
        assert signature.startswith(f"nrefs:{'var' if different else most}|")


def test_closed_forms() -> None:
    text = "a b c d e"
    right = measured([(text, text), ("x y z w", ["x y z w"])], wanted=ALL)
    assert right.result() == pytest.approx({"bleu": 100.0, "chrf": 100.0, "ter": 0.0})
    # all 4 + 3 + 2 + 1 n-grams are right and a fifth of the reference is missing: BP = exp(1 - 5/4)
    short = measured([("a b c d", text)], wanted=ALL)
    assert short.result()["bleu"] == pytest.approx(100 * math.exp(-1 / 4))
    assert short.result()["ter"] == pytest.approx(100 / 5)
    # 3/4, 2/3, 1/2 of the n-grams are right, none of the one 4-gram: smoothed to 1/2
    smooth = measured([("a b c x", "a b c d")])
    assert smooth.result()["bleu"] == pytest.approx(100 * (3 / 4 * 2 / 3 * 1 / 2 * 1 / 2) ** 0.25)
    # chrF2 of ab to ac: unigrams 1/2, bigrams 0: F of the means 1/4
    assert measured([("ab", "ac")]).result()["chrf"] == pytest.approx(25.0)
    # two words change places: one shift
    assert measured([("c d a b", "a b c d")], wanted=["ter"]).result() == pytest.approx({"ter": 25.0})
    nothing = measured([("", text)], wanted=ALL)
    assert nothing.result() == pytest.approx({"bleu": 0.0, "chrf": 0.0, "ter": 100.0})


def test_corpus_numbers_are_no_means_of_records() -> None:
    one, two = ("a b c d e f", "a b c d e f"), ("x", "a b c d e f")
    both = measured([one, two]).result()["bleu"]
    assert both == pytest.approx(100 * (6 / 7) ** 0.25 * math.exp(1 - 12 / 7))
    assert measured([two, one]).result()["bleu"] == both


def test_several_references_and_the_result_may_be_asked_between() -> None:
    metric = Metric(wanted=["bleu"])
    metric.update("the cat sat on it", ["a dog sat on it", "the cat sat on it"])
    assert metric.result() == pytest.approx({"bleu": 100.0})
    metric.update("x", "a b")
    assert metric.result()["bleu"] < 100  # not what was computed before
    metric.result()["bleu"] = -1.0
    assert metric.result()["bleu"] > 0


def test_signatures_say_what_was_chosen() -> None:
    version = sacrebleu.__version__
    metric = measured([("a", "a")], wanted=ALL, tokenize="intl", lowercase=True)
    assert metric.signatures() == {
        "bleu": f"nrefs:1|case:lc|eff:no|tok:intl|smooth:exp|version:{version}",
        "chrf": f"nrefs:1|case:lc|eff:yes|nc:6|nw:0|space:no|version:{version}",
        "ter": f"nrefs:1|case:lc|tok:tercom|norm:no|punct:yes|asian:no|version:{version}",
    }
    assert "case:mixed" in measured([("a", "a")]).signatures()["bleu"]
    assert Metric().signatures() == {}


def test_only_what_is_wanted_is_computed() -> None:
    assert measured([("a", "a")]).result().keys() == {"bleu", "chrf"}
    assert list(measured([("a", "a")], wanted=["ter", "bleu"]).result()) == ["ter", "bleu"]
    assert measured([("a", "a")], wanted=[]).result() == {}
    assert OFFERS.keys() == set(ALL)
    assert [OFFERS[name].more_is_better for name in ALL] == [True, True, False]


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        ({"tokenize": "13b"}, "no tokenization '13b'", "did you mean '13a'?"),
        ({"tokenize": "ja_mecab"}, "no tokenization", "did you mean 'ja-mecab'?"),
        ({"wanted": ["bleu", "chrff"]}, "unknown metric 'chrff'", "did you mean 'chrf'?"),
    ],
)
def test_unknown_names(options: Any, message: str, hint: str) -> None:
    with pytest.raises(UsageError, match=message) as error:
        Metric(**options)
    assert error.value.hint == hint


def test_no_reference_is_refused() -> None:
    with pytest.raises(ValueError):
        Metric().update("a", [])


@pytest.mark.parametrize(
    ("tokenize", "module", "extra"), [("ja-mecab", "MeCab", "ja"), ("ko-mecab", "mecab_ko", "ko")]
)
def test_a_tokenization_that_needs_more(
    tokenize: str, module: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = importlib.import_module(f"sacrebleu.tokenizers.tokenizer_{extra}_mecab")
    monkeypatch.setattr(where, "MeCab", None)  # as where the package is missing
    with pytest.raises(UsageError, match=f"{tokenize!r} cannot be used: .*requires extra dependencies") as error:
        Metric(tokenize=tokenize)
    assert error.value.hint == f"pip install 'sacrebleu[{extra}]'"
    assert Metric(tokenize=tokenize, wanted=["chrf"]).result() == {}  # which does not need it


@pytest.mark.parametrize("failure", [SystemExit(1), OSError("no network"), RuntimeError("bad\n model")])
def test_a_model_that_cannot_be_downloaded(
    failure: BaseException, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = importlib.import_module("sacrebleu.tokenizers.tokenizer_spm")

    def download(*_: Any) -> None:
        logging.getLogger("sacrebleu").error("noise")
        raise failure

    monkeypatch.setattr(where, "download_file", download)
    monkeypatch.setattr(where, "SACREBLEU_DIR", str(tmp_path))
    with pytest.raises(UsageError, match=r"'spm' cannot be used: (its model cannot|no network|bad model)") as error:
        Metric(tokenize="spm")
    assert "downloads" in error.value.hint
    assert capsys.readouterr().err == ""
    assert not logging.getLogger("sacrebleu").disabled


@pytest.mark.parametrize(
    ("failure", "why"),
    [
        (ModuleNotFoundError("none", name="sacrebleu"), "which is not installed"),
        (ModuleNotFoundError("No module named 'lxml'", name="lxml"), "which fails: No module named 'lxml'"),
    ],
)
def test_without_sacrebleu_it_says_how_to_get_it(
    failure: Exception, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(name: str) -> Any:
        raise failure

    monkeypatch.setattr(translation, "import_module", absent)
    with pytest.raises(UsageError, match=f"BLEU, chrF and TER need sacrebleu, {why}") as error:
        Metric()
    assert error.value.hint == "pip install 'seqcli[metrics]'"


def test_the_names_are_known_without_sacrebleu(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def absent(name: str, *rest: Any) -> Any:
        if name.partition(".")[0] == "sacrebleu":
            raise ModuleNotFoundError(name, name=name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", absent)
    assert importlib.reload(translation).Metric.OFFERS.keys() == set(ALL)


def test_tokenized_answers_are_warned_of_once(capsys: pytest.CaptureFixture[str]) -> None:
    translation._warn_once.cache_clear()
    tokenized = [("a b c d .", "a b c d.")] * 100
    for records, options in (
        (tokenized[:99], {}),
        ([("a b c d.", "a b c d .")] * 100, {}),
        (tokenized, {"tokenize": "none"}),  # it was said
        (tokenized, {"wanted": ["chrf", "ter"]}),  # they do not mind
    ):
        measured(records, **options).result()
        assert capsys.readouterr().err == ""
    for _ in range(2):
        metric = measured(tokenized)
        assert metric.result() == metric.result()
    (line,) = capsys.readouterr().err.splitlines()  # none of sacrebleu's own
    assert line.startswith("warning: many answers end in ' .'")
    translation._warn_once.cache_clear()


@pytest.mark.skipif("SEQCLI_DATA" not in os.environ, reason="SEQCLI_DATA does not say where the data sets are")
def test_real_sentences() -> None:
    path = Path(os.environ["SEQCLI_DATA"]) / "multi30k-en-de" / "test_2016_flickr.de"
    gold = path.read_text(encoding="utf-8").splitlines()[:300]
    rng, predicted = random.Random(1), []
    for text in gold:
        words = [w for w in text.split() if rng.random() > 0.1]
        i = rng.randrange(len(words))
        predicted.append(" ".join(words[i:] + words[:i] if rng.random() < 0.2 else words))
    metric = measured(zip(predicted, gold, strict=True), wanted=ALL)
    assert metric.result() == {
        "bleu": sacrebleu.corpus_bleu(predicted, [gold]).score,
        "chrf": sacrebleu.corpus_chrf(predicted, [gold]).score,
        "ter": sacrebleu.corpus_ter(predicted, [gold]).score,
    }
    assert 40 < metric.result()["bleu"] < 90


@settings(max_examples=examples(25))
@given(st.lists(st.tuples(sentences, st.lists(sentences, min_size=1, max_size=3)), min_size=1, max_size=5))
def test_sums_of_contributions_give_the_same(records: Records) -> None:
    metric = measured(records, wanted=ALL)
    for name, value in metric.result().items():
        rows = metric.contributions(name, [p for p, _ in records], [gold for _, gold in records])
        assert metric.of_sums(name, rows.sum(axis=0, keepdims=True))[0] == pytest.approx(value)
        half = metric.contributions(name, [records[0][0]], [records[0][1]])
        assert half.tolist() == rows[:1].tolist()
