"""Choose tokenizer, model and training for a text, with sizes by its amount, for some minutes on two cores.

The budgets are the tokens read in a run of some minutes on two cores, based on the packaged recipes: a character LSTM
of 384 units reads 4 million in 2 minutes, one over sub-words 1.6 million.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from seqcli.propose.look import PAIRS, Found, Look
from seqcli.propose.series import are_codes
from seqcli.registry import constant
from seqcli.tokenizers.bins import is_series

CHARACTERS, PIECES, NUMBERS, TAGGED, CLASSIFIED = 4e6, 2e6, 3e6, 1e6, 3e6  # tokens of a run
LARGE = 2_000_000  # prose of so many characters is read as words or sub-words
HELD = 500_000  # characters to hold out of a larger text
HELD_PAIRS = 2000  # pairs to hold out of a larger set
LONG = 400  # texts of more words on average get a hint to truncate them
NAMES = 40  # texts of at most so many characters, with few spaces, are read by character

PAIR = {
    "joined": "the two texts are read as one; compare encodes each by itself, attend lets one attend to the other",
    "compare": "one encoder reads each text by itself; attend lets the first attend to the second",
    "attend": "the first text attends to the second; compare encodes each by itself",
}

MARK = re.compile(r"\S[.,;!?](?=\s)")
APART = re.compile(r"\s[.,;!?](?=\s)")


class Entry(NamedTuple):
    """A line of a recipe; with the key `#` it is a comment."""

    key: str
    value: Any
    comment: str


Section = list[Entry]
Fit = tuple[dict[str, Section], dict[str, list[str]]]  # sections except `data`, and hints, both by section


def shown(text: str) -> str:
    """Return a text for a comment: short, and escaped if a line of YAML cannot hold it."""
    short = text if len(text) <= 40 else text[:40] + "…"
    return short if short.isprintable() and short else repr(short)


# what is held out


def shares(found: Found, look: Look, others: dict[str, Look]) -> Section:
    """Return the shares of the training text that replace splits without files."""
    wanted = [split for split in ("valid", "test") if split not in others]
    if not wanted or (wanted == ["test"] and others):
        return []
    share, at = _share(found, look)
    if not share:
        return [Entry("#", "valid: 0.1, once there is more text: a share that shows when to stop training", "")]
    if found.frames and found.records < 100 and "test" in others:
        share *= 2  # a tenth of few records tells nothing
    held = constant("tasks", found.task, "HELD")
    entries = [
        Entry(split, share, held.replace("texts", found.frames.what) if found.frames else held) for split in wanted
    ]
    if at == "character":
        entries.append(Entry("split_at", at, "its lines are few and long: the shares are cut inside a line"))
    return entries


def shares_note(found: Found, look: Look, others: dict[str, Look]) -> list[str]:
    """Return the note for a text of which nothing can be held out."""
    missing = "valid" not in others
    return ["nothing, the text is too small: only the training text can be scored"] if (
        missing and not _share(found, look)[0]
    ) else []  # fmt: skip


def _share(found: Found, look: Look) -> tuple[float, str | None]:
    """Return the share to hold out for each split, 0 if there is too little, and where to cut a text."""
    if found.task == "classification":
        counts = found.counts.values()
        enough = sum(round(0.1 * n) for n in counts) > 0 and sum(n - 2 * round(0.1 * n) > 0 for n in counts) > 1
        return (0.1 if enough else 0.0), None
    if found.task == "tagging":
        return (0.1 if found.records >= 10 else 0.0), None
    if found.task == PAIRS:
        pairs = found.pairs.total
        return (0.0 if pairs < 10 else min(0.1, max(float(f"{HELD_PAIRS / pairs:.1g}"), 1e-4))), None
    total = look.total
    if total < 200:
        return 0.0, None
    share = 0.1 if total <= 10 * HELD else max(float(f"{HELD / total:.1g}"), 1e-4)
    longest = max((len(line) for line in look.text.split("\n")), default=0)
    return share, "character" if longest > 0.02 * total else None


# the model


def fit(found: Found, look: Look, others: dict[str, Look]) -> Fit:
    """Return the sections for tokenizer, model and training, and hints."""
    if found.task == "tagging":
        return _tagger(found, look)
    if found.task == "classification":
        return _classifier(found, look)
    return _language_model(found, look, others)


def epochs_for(budget: float, tokens: float, least: float, most: float) -> float:
    """Return the epochs that a budget allows, within `least` and `most`; a whole number from 1 on."""
    epochs = min(max(budget / max(tokens, 1), least), most)
    return round(epochs) if epochs >= 1 else float(f"{epochs:.1g}")


def training(epochs: float, batch: int, rate: float, warmup: int, clip: float, note: str, *more: Entry) -> Section:
    """Return the keys of `train` that every task has, and `more`."""
    return [
        Entry("epochs", epochs, note),
        *more,
        Entry("batch_size", batch, ""),
        Entry("learning_rate", rate, ""),
        Entry("schedule", "cosine", ""),
        Entry("warmup", warmup, "steps"),
        Entry("clip_norm", clip, ""),
        Entry("seed", 1, ""),
    ]


def read_note(epochs: float, budget: float) -> str:
    """Return the comment on the number of epochs."""
    if epochs < 1:
        return "the text is large: a part of it takes some minutes on 2 cores; more epochs are better"
    return f"sized for minutes on 2 cores: at most about {budget / 1e6:.1g} million tokens read"


def _language_model(found: Found, look: Look, others: dict[str, Look]) -> Fit:
    held = sum(e.value for e in shares(found, look, others) if isinstance(e.value, float))
    characters = int(look.total * (1 - held))
    text = look.text[: 1 << 20]
    if is_series(text) and not are_codes(text):
        return _of_numbers(characters * len(text.replace(",", " ").split()) / len(text))
    if look.total <= LARGE or not _is_prose(text):
        return _by_character(characters, len(set(text)))
    spaced = len(APART.findall(text)) > 4 * len(MARK.findall(text)) or "<unk>" in text
    if spaced:
        tokens = characters * len(text.split()) / max(len(text), 1)
        tokenizer = [
            Entry("kind", "word", "punctuation is already separate in the text: words are separated by spaces"),
            Entry("size", 10000, "the most frequent; the others are <unk>"),
        ]
        model = _recurrent(256, 256, 0.4)
        model.append(Entry("tied", True, "the softmax uses the embedding's weights"))
        epochs = epochs_for(PIECES, tokens, 1e-3, 15)
        train = training(epochs, 16, 3e-3, 50, 0.5, read_note(epochs, PIECES), Entry("sequence_length", 35, "words"))
        return {"tokenizer": tokenizer, "model": model, "train": train}, {}
    tokenizer = [
        Entry("kind", "sentencepiece", f"sub-words, for {look.total / 1e6:,.1f} million characters of prose"),
        Entry("model_type", "unigram", ""),
        Entry("size", 4000, "symbols; more of them make steps slower and texts shorter"),
    ]
    epochs = epochs_for(PIECES, characters / 3.5, 1e-3, 12)
    train = training(epochs, 16, 3e-3, 50, 1.0, read_note(epochs, PIECES), Entry("sequence_length", 48, "pieces"))
    return {"tokenizer": tokenizer, "model": _recurrent(128, 384, 0.2), "train": train}, {}


def _of_numbers(values: float) -> Fit:
    tokenizer = [
        Entry("kind", "bins", f"only numbers, about {values:,.0f} to train on; char would read digits as text"),
        Entry("size", 512 if values > 5_000 else 256, "bins; forecasts are finer than a bin"),
        Entry("blur", 3, "bins over which training spreads inputs and targets"),
        Entry("#", "period: 24, if a day has 24 values: eval compares with the value one period before", ""),
    ]
    model = _recurrent(64, 128, 0.0 if values > 5_000 else 0.1)
    length = int(min(64, max(values // 8, 1)))
    batch = int(min(32, max(values // (20 * length), 1)))
    epochs = epochs_for(NUMBERS, values, 1e-2, 400)
    read = read_note(epochs, NUMBERS)
    train = training(epochs, batch, 3e-3, 20, 1.0, read, Entry("sequence_length", length, "values"))
    return {"tokenizer": tokenizer, "model": model, "train": train}, {}


def _by_character(characters: int, alphabet: int) -> Fit:
    hidden = 128 if characters < 20_000 else 256 if characters < 200_000 else 384
    dropout = 0.3 if characters < 200_000 else 0.2 if characters < 500_000 else 0.1
    length = min(64, max((characters - 1) // 4, 1))
    batch = min(32, max(characters // (20 * length), 1))
    epochs = epochs_for(CHARACTERS, characters, 1e-3, 40)
    tokenizer = [
        Entry("kind", "char", ""),
        Entry("unk", True, "characters not seen in training are read as <unk>"),
    ]
    train = training(epochs, batch, 4e-3, 50 if characters > 50_000 else 10, 1.0, read_note(epochs, CHARACTERS))
    hints = {}
    if characters < 100_000:
        hints["model"] = [
            f"{characters:,} characters are few: a network memorises them before it learns the language;",
            "a counted model may be as good: model: {kind: ngram, order: 6}, without train",
        ]
    embedding = 128 if alphabet > 500 else 64
    train = [*train[:1], Entry("sequence_length", length, "characters"), *train[1:]]
    return {"tokenizer": tokenizer, "model": _recurrent(embedding, hidden, dropout), "train": train}, hints


def _recurrent(embedding: int, hidden: int, dropout: float) -> Section:
    return [
        Entry("cell", "lstm", ""),
        Entry("embedding", embedding, ""),
        Entry("hidden", hidden, "larger is better for more text; time grows with its square"),
        Entry("layers", 1, ""),
        Entry("dropout", dropout, "more on less text"),
    ]


def _is_prose(text: str) -> bool:
    """Whether a text consists of words with spaces, or of the many characters of a script without spaces."""
    letters, spaces = sum(map(str.isalpha, text)), text.count(" ")
    return letters * 10 > len(text) * 6 and (spaces * 10 > len(text) or len(set(text)) > 500)


def _tagger(found: Found, look: Look) -> Fit:
    words = found.words * look.scale
    size = (32, 48, 50) if words < 20_000 else (64, 100, 100) if words < 100_000 else (100, 200, 100)
    many = len(found.counts) > 150
    by_scheme = (
        f"the tags are spans in {found.scheme}" if found.scheme else "the tags of neighbours depend on each other"
    )
    model = [
        Entry("cell", "lstm", ""),
        Entry("bidirectional", True, ""),
        Entry("embedding", size[0], ""),
        Entry("characters", {"kind": "cnn", "embedding": 32, "filters": size[2]}, "reads unseen words too"),
        Entry("hidden", size[1], f"for {words:,.0f} words"),
        Entry("head", "softmax" if many else "crf", "a crf is slow with so many tags" if many else by_scheme),
        Entry("dropout", 0.5 if words < 400_000 else 0.3, ""),
        Entry("word_dropout", 0.1, "teaches the model to handle unknown words"),
    ]
    epochs = epochs_for(TAGGED, words, 0.01, 20)
    train = training(epochs, 16 if words > 20_000 else 8, 2e-3, 50, 5.0, read_note(epochs, TAGGED))
    hints = {}
    if words < 5_000:
        hints["model"] = [
            f"{words:,.0f} words are few: expect little of a network;",
            "model: {kind: frequency-tagger}, without train, takes each word's most frequent tag",
        ]
    return {"model": model, "train": train}, hints


def _classifier(found: Found, look: Look) -> Fit:
    texts = found.records * look.scale
    read = max(found.words, found.characters / 50) / max(found.records, 1)  # words of a text
    length, spaces = (n / max(found.records, 1) for n in (found.characters, found.spaces))
    by_character = found.format != "trees" and ((length <= NAMES and spaces < 1) or spaces * 50 < length)
    if by_character:
        read = length
        tokenizer = [
            Entry("kind", "char", f"{length:.0f} characters a text on average, {spaces:.1f} spaces: not sentences"),
            Entry("unk", True, "a text may contain any character"),
        ]
    else:
        kind, split = f"{read:.0f} words a text on average", "words and punctuation separated, as for taggers"
        if found.format == "trees":
            kind, split = "the leaves of the trees", "splits raw text into words and punctuation like the leaves"
        tokenizer = [Entry("kind", "word", kind), Entry("split", "rule", split), Entry("lowercase", True, "")]
        if found.format != "trees" and found.words * look.scale > 100_000:
            tokenizer.append(Entry("min_count", 2, "a word seen once is unknown, like new words later"))
    hidden = 64 if texts < 2_000 else 128
    dropout = 0.5 if texts < 20_000 else 0.3
    tree = found.format == "trees" and not found.multi_label
    if tree:
        model = [
            Entry("kind", "recursive", "a Tree-LSTM; classifier reads only the words, from left to right"),
            Entry("cell", "binary", "or child-sum, rnn"),
            Entry("embedding", 128, ""),
            Entry("hidden", hidden, ""),
            Entry("dropout", dropout, ""),
            Entry("word_dropout", 0.1, ""),
        ]
    else:
        model = [
            Entry("kind", "classifier", "bag averages the words, ignoring their order"),
            Entry("cell", "lstm", ""),
            Entry("bidirectional", True, ""),
            Entry("embedding", 32 if by_character else hidden, ""),
            Entry("hidden", hidden, f"for {texts:,.0f} texts"),
            Entry("layers", 1, ""),
            Entry("pooling", "max", "or last, mean, attention (whose weights can be shown)"),
            *([Entry("pair", found.pair, PAIR[found.pair])] if found.pair else []),
            *([Entry("hops", 2, "how often it attends, to combine facts")] if found.pair == "attend" else []),
            Entry("characters", None, "cnn reads the words' characters too") if not by_character else
            Entry("#", "the tokens are characters: no character encoder is needed", ""),
            Entry("dropout", dropout, "more on fewer texts"),
            Entry("word_dropout", 0.0 if by_character else 0.1, "share of words made unknown in training"),
            Entry("label_smoothing", 0.0, "0.1 if labels are doubtful"),
        ]  # fmt: skip
    epochs = epochs_for(CLASSIFIED, texts * min(read, 1000), 0.1, 20 if by_character else 12)
    batch = 32 if texts > 2_000 else 8
    train = training(epochs, batch, 2e-3, 50 if texts > 2_000 else 10, 5.0, read_note(epochs, CLASSIFIED))
    sections = {"tokenizer": tokenizer, "model": model, "train": train}
    return sections, _classifier_hints(found, texts, read, by_character, tree)


def _classifier_hints(
    found: Found, texts: float, read: float, by_character: bool, tree: bool
) -> dict[str, list[str]]:
    hints: dict[str, list[str]] = {"model": [], "data": []}
    counts, total = found.counts, max(found.counts.total(), 1)
    most, high = counts.most_common(1)[0]
    low = min(counts.values())
    if not tree and len(counts) > 1 and (high > 0.8 * total or high > 10 * low) and not found.multi_label:
        hints["model"] += [
            f"class_weights: balanced  # {shown(most)} has {high / total:.0%} of the texts, the rarest {low:,}:",
            "# it weights labels equally, for a better F1 of rare ones, at some cost in accuracy",
        ]
    if texts < 500:
        hints["model"].append(f"# {texts:,.0f} texts are few: the run's linear baseline may well be better")
    if low < 5:
        names = [shown(name) for name, n in counts.items() if n < 5]
        hints["data"].append(f"# {len(names):,} labels have fewer than 5 texts, such as {names[0]}: hard to learn")
        hints["data"].append("# labels: {OLD: NEW}  # renames labels; null leaves out their texts")
    if coarse := _coarser(found):
        separator, number = coarse
        hints["data"].append(
            f'label_until: "{separator}"  # {number:,} labels instead of {len(counts):,}: the part before the mark'
        )
    if read > LONG and not by_character:
        hints["data"].append(f"longest: {LONG}  # tokens of a text that are read: {read:,.0f} words a text are slow")
    return {section: [h.removeprefix("# ") for h in own] for section, own in hints.items()}


def _coarser(found: Found) -> tuple[str, int] | None:
    """Return the mark that splits most labels into a coarse and a fine part, and the number of coarse ones, or
    None."""
    for separator in (":", "/", ".", "|", ">"):
        divided = [label for label in found.counts if separator in label[1:-1]]
        coarse = {label.partition(separator)[0].strip() for label in found.counts}
        if len(divided) * 5 >= len(found.counts) * 4 and 2 <= len(coarse) <= len(found.counts) / 2:
            return separator, len(coarse)
    return None
