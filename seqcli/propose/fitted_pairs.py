"""Choose tokenizers, model and training for pairs of texts, by their content and number.

A budget is the tokens of sources and targets read in a run of some minutes on two cores: a GRU of 48 units over words
reads about 15,000 a second on one core, an LSTM of 256 over sub-words a few thousand.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from typing import NamedTuple

from seqcli.propose import fitted
from seqcli.propose.fitted import Entry, Fit, Section
from seqcli.propose.look import Found, Look
from seqcli.propose.pairs import Pairs, Texts
from seqcli.tokenizers.word import words_of

SHORT, SENTENCES = 4e6, 5e6  # tokens of a run
CLOSED, SEEN = 3000, 10  # the most words of a closed vocabulary; how often each occurs on average, at least
UNSEEN = 0.005  # the largest share of words in new texts that it may lack
ALIKE = 0.5  # share of common letters, or of the target's symbols, from which one tokenizer is enough
LONGEST = 60  # targets of at most so many characters, or words, are judged as a whole
TOKENS = 500  # the default of `longest`


class Kind(NamedTuple):
    """How sources or targets are tokenized."""

    tokenizer: str
    split: str
    why: str
    tokens: float  # average number in a text


def fit(found: Found, look: Look, others: dict[str, Look]) -> Fit:
    """Return the sections of a recipe for pairs, and hints."""
    both: Pairs = found.pairs
    source, target = kind_of(both.source, splits=("whitespace", "punctuation")), kind_of(both.target)
    if both.features:
        source, target = (_characters(side) for side in (both.source, both.target))
    shared = bool(both.features) or _is_shared(both, source, target)
    sections = {"tokenizer": _tokenizer(source, both, "source and target: " if shared else "")}
    if not shared:
        sections["target_tokenizer"] = _tokenizer(target, both, "")
    sentences = "sentencepiece" in (source.tokenizer, target.tokenizer)
    held = sum(e.value for e in fitted.shares(found, look, others) if isinstance(e.value, float))
    pairs = both.total * (1 - held)
    judged = bool(held) or "valid" in others
    if both.features:
        sections["model"], sections["train"] = _edits(pairs)
    else:
        sections["model"] = _model(pairs, sentences=sentences, shared=shared)
        sections["train"] = _train(pairs, source.tokens + target.tokens, sentences=sentences)
    if judged and (watch := _watch(both, target)):
        sections["train"].insert(-1, watch)
    return sections, _hints(both, source, target, pairs)


# tokenizers


def kind_of(side: Texts, splits: tuple[str, ...] = ("whitespace",)) -> Kind:
    """Choose the tokenizer of one side: words for a closed vocabulary, sub-words for sentences, else characters."""
    closed: list[tuple[str, Counter[str], float]] = []
    for split in splits:
        counts, unseen = _vocabulary(side, split)
        few = 0 < len(counts) <= CLOSED and len(counts) * SEEN <= counts.total()
        fewer = not closed or len(counts) * 2 < len(closed[-1][1])  # separate punctuation if that matters
        if few and fewer and unseen <= UNSEEN and (split == "whitespace" or side.words > 1):
            closed.append((split, counts, unseen))
    if closed:
        split, counts, unseen = closed[-1]
        why = f"all texts use {len(counts):,} words" if not unseen else f"{len(counts):,} words, hardly any new"
        return Kind("word", split, why, counts.total() / max(len(side.texts), 1))
    if is_sentences(side):
        return Kind("sentencepiece", "", f"sentences, {side.words:.0f} words on average", side.length / 3.5)
    return _characters(side)


def _characters(side: Texts) -> Kind:
    return Kind("char", "", f"strings of {side.length:.0f} characters on average, not sentences", side.length)


def _vocabulary(side: Texts, split: str) -> tuple[Counter[str], float]:
    """Count the words of all texts, and return the share of words in every tenth text that the other texts lack."""
    seen, new = Counter[str](), Counter[str]()
    for i, text in enumerate(side.texts):
        (seen if i % 10 else new).update(words_of(text, False, split))
    unseen = sum(n for word, n in new.items() if word not in seen) / max(new.total(), 1)
    return seen + new, unseen


def is_sentences(side: Texts) -> bool:
    """Whether texts are running text with spaces: several words, most of it letters."""
    some = "".join(side.texts[:2000])
    letters = sum(map(str.isalpha, some)) / max(sum(not c.isspace() for c in some), 1)
    return side.words >= 4 and side.length > 20 and letters > 0.7


def _scripts(side: Texts) -> Counter[str]:
    """Count the letters of each script, named by the first word of their Unicode names."""
    letters = Counter(c for text in side.texts[:2000] for c in text if c.isalpha())
    found = Counter[str]()
    for letter, number in letters.items():
        found[unicodedata.name(letter, "?").partition(" ")[0]] += number
    return found


def _alike(both: Pairs) -> float:
    """Return the share of letters that are of the same scripts in source and target."""
    a, b = _scripts(both.source), _scripts(both.target)
    return sum(min(a[s] / max(a.total(), 1), b[s] / max(b.total(), 1)) for s in a.keys() & b.keys())


def _is_shared(both: Pairs, source: Kind, target: Kind) -> bool:
    """Whether one tokenizer is enough for source and target."""
    if source[:2] != target[:2]:
        return False
    if source.tokenizer == "sentencepiece":
        return _alike(both) >= ALIKE
    if source.tokenizer == "word":
        theirs, ours = _vocabulary(both.target, target.split)[0], _vocabulary(both.source, source.split)[0]
    else:
        theirs, ours = Counter("".join(both.target.texts)), Counter("".join(both.source.texts))
    return sum(n for symbol, n in theirs.items() if symbol in ours) >= ALIKE * theirs.total()


def _tokenizer(kind: Kind, both: Pairs, of: str) -> Section:
    if kind.tokenizer == "char":
        return [Entry("kind", "char", of + kind.why)]
    if kind.tokenizer == "word":
        split = [Entry("split", kind.split, "forty-two is three words")] if kind.split != "whitespace" else []
        return [Entry("kind", "word", of + kind.why), *split]
    characters = both.total * (both.source.length + both.target.length)
    size = 1000 if characters < 1e6 else 4000 if characters < 1e7 else 8000
    return [
        Entry("kind", "sentencepiece", of + kind.why),
        Entry("size", size, f"sub-words, for {characters / 1e6:,.1f} million characters; more of them on more text"),
    ]


# model and training


def _model(pairs: float, *, sentences: bool, shared: bool) -> Section:
    few, many = pairs < 2_000, pairs >= 50_000
    if sentences:
        hidden = 128 if pairs < 10_000 else 256
        embedding, dropout = hidden, 0.4 if not many else 0.2
    else:
        hidden = 64 if few else 256 if many else 128
        embedding, dropout = 32 if few else 64, 0.1 if few or many else 0.2
    found = [
        Entry("kind", "seq2seq", "or transformer, on many pairs"),
        Entry("cell", "gru" if few else "lstm", ""),
        Entry("embedding", embedding, ""),
        Entry("hidden", hidden, f"of each direction, for {pairs:,.0f} pairs; larger is better for more"),
        Entry("layers", 1, ""),
        Entry("attention", "general", "none: the source is one vector"),
        Entry("dropout", dropout, "more on fewer pairs, if valid gets worse while train gets better"),
    ]
    if sentences:
        found += [
            Entry("word_dropout", 0.1, "share of tokens made zero in training"),
            Entry("label_smoothing", 0.1, "no word is the only right one"),
            Entry("tied", "all" if shared else "output", "embeddings and softmax share weights"),
        ]
    return found


def _train(pairs: float, tokens: float, *, sentences: bool) -> Section:
    budget = SENTENCES if sentences else SHORT
    most = 60 if pairs < 2_000 else 30 if pairs < 20_000 else 15
    epochs = fitted.epochs_for(budget, pairs * tokens, 1e-2, most)
    few = pairs < 2_000
    batch = 16 if few else 32 if pairs < 20_000 and not sentences else 64
    rate = 2e-3 if sentences else 5e-3 if few else 3e-3
    warmup = 10 if few else 200 if sentences else 50
    train = fitted.training(epochs, batch, rate, warmup, 1.0, fitted.read_note(epochs, budget))
    average = Entry("average", 0.98 if few else 0.998, "the moving average of the weights is kept")
    return [*train[:-1], average, train[-1]]


def _edits(pairs: float) -> tuple[Section, Section]:
    """Return model and training for forms that are edits of their lemmas, as measured for recipes/inflection.yaml."""
    few = pairs < 2_000
    model = [
        Entry("kind", "transducer", "writes edits of the lemma, reading the features at every step; or seq2seq"),
        Entry("cell", "lstm", ""),
        Entry("embedding", 100, ""),
        Entry("hidden", 100 if few else 128, "of each direction"),
        Entry("dropout", 0.3 if few else 0.2, "more on fewer forms"),
    ]
    epochs = 100 if pairs < 300 else 40 if few else 16 if pairs < 20_000 else 8
    train = fitted.training(epochs, 16 if few else 32, 2e-3 if few else 5e-3, 0, 1.0, f"for {pairs:,.0f} forms")
    average = Entry("average", 0.98 if pairs < 300 else 0.998, "the moving average of the weights is kept")
    return model, [*train[:-1], average, train[-1]]


def _watch(both: Pairs, target: Kind) -> Entry | None:
    """Return the metric to watch; None for the loss."""
    if target.tokenizer == "sentencepiece":
        return Entry("watch", "bleu", "for sentences; loss is faster to compute")
    if _spaceless(both.target):
        return Entry("watch", "chrf", "compares characters, as the targets have no spaces between words")
    long = target.tokens if target.tokenizer == "word" else both.target.length
    if long <= LONGEST and both.ambiguous * 20 <= len(both.source.texts):
        return Entry("watch", "exact-match", "a short answer is right or wrong")
    return None


def _hints(both: Pairs, source: Kind, target: Kind, pairs: float) -> dict[str, list[str]]:
    hints: dict[str, list[str]] = {"model": [], "data": []}
    if pairs < 200:
        hints["model"].append(f"{pairs:,.0f} pairs are few: expect little beyond what they show")
    for name, side, kind in (("source", both.source, source), ("target", both.target, target)):
        long = sum(len(text) * kind.tokens > TOKENS * max(side.length, 1) for text in side.texts)
        if long:
            share = long / len(side.texts)
            hints["data"].append(
                f"longest: {2 * TOKENS}  # {share:.1%} of the {name}s have over {TOKENS} tokens and would be left out"
            )
    if _spaceless(both.target):
        hints["data"].append(
            "bleu_tokenize: char  # BLEU counts words, but the targets have no spaces; zh for Chinese"
        )
    elif target.tokenizer == "sentencepiece" and _marks_apart(both.target):
        hints["data"].append("bleu_tokenize: none  # the targets are tokenized already: punctuation is separate")
    return hints


def _spaceless(side: Texts) -> bool:
    """Whether a script is written without spaces between words."""
    return side.length > 8 and len(set("".join(side.texts))) > 500 and side.words * 8 < side.length


def _marks_apart(side: Texts) -> bool:
    text = "\n".join(side.texts)
    return len(fitted.APART.findall(text)) > 4 * len(fitted.MARK.findall(text))
