"""flair's BiLSTM-CRF on UD English EWT, to measure the speed of seqcli's tagger against. Run by hand, in its own venv:

    pip install torch flair
    SEQCLI_DATA=DATA python tests/benchmarks/peers/flair_tagger.py --hidden 256

prints JSON: tokens a second in training and in tagging the test split, and its accuracy. Words are embeddings learnt
from scratch (`OneHotEmbeddings`), joined to flair's BiLSTM over characters; nothing is downloaded. The training loop
is flair's (shuffled, SGD, the gradient clipped at 5) without its evaluations and log files.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Pairs = list[tuple[str, str]]  # a sentence: its words and their tags


def read(path: Path) -> list[Pairs]:
    """The sentences of a CoNLL-U file: words and UPOS."""
    sentences: list[Pairs] = [[]]
    for line in path.read_text(encoding="utf-8").split("\n"):
        fields = line.split("\t")
        if not line and sentences[-1]:
            sentences.append([])
        elif fields[0].isdigit():
            sentences[-1].append((fields[1], fields[3]))
    return [sentence for sentence in sentences if sentence]


def create(train: Sequence[Pairs], hidden: int, *, words: int = 300, min_count: int = 2, seed: int = 1) -> Any:
    """An untrained tagger, its dictionaries made from the training sentences."""
    import flair
    from flair.data import Dictionary
    from flair.embeddings import CharacterEmbeddings, OneHotEmbeddings, StackedEmbeddings
    from flair.models import SequenceTagger

    flair.set_seed(seed)
    vocabulary, characters, tags = Dictionary(), Dictionary(), Dictionary(add_unk=False)
    for word, count in Counter(w for sentence in train for w, _ in sentence).items():
        if count >= min_count:
            vocabulary.add_item(word)
    for character in sorted({c for sentence in train for w, _ in sentence for c in w}):
        characters.add_item(character)
    for tag in sorted({t for sentence in train for _, t in sentence}):
        tags.add_item(tag)
    embeddings = StackedEmbeddings(
        [OneHotEmbeddings(vocabulary, embedding_length=words), CharacterEmbeddings(characters)]
    )
    return SequenceTagger(
        embeddings,
        tags,
        tag_type="upos",
        hidden_size=hidden,
        use_crf=True,
        allow_unk_predictions=False,
    )


def _sentences(pairs: Sequence[Pairs], *, labelled: bool) -> list[Any]:
    from flair.data import Sentence

    found = []
    for pair in pairs:
        sentence = Sentence([word for word, _ in pair])
        if labelled:
            for token, (_, tag) in zip(sentence, pair, strict=True):
                token.add_label("upos", tag)
        found.append(sentence)
    return found


def train(tagger: Any, pairs: Sequence[Pairs], *, batch_size: int = 32, rate: float = 0.1, seed: int = 1) -> float:
    """One pass over the sentences; tokens a second. The first batch, which warms up, is not counted."""
    import random

    import torch

    sentences = _sentences(pairs, labelled=True)
    random.Random(seed).shuffle(sentences)
    batches = [sentences[i : i + batch_size] for i in range(0, len(sentences), batch_size)]
    optimizer = torch.optim.SGD(tagger.parameters(), lr=rate)
    tagger.train()
    began, counted = time.perf_counter(), 0
    for number, batch in enumerate(batches):
        if number == 1:
            began = time.perf_counter()
        loss, _ = tagger.forward_loss(batch)  # a sum over the sentences: the clipping sets the step
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(tagger.parameters(), 5.0)
        optimizer.step()
        for sentence in batch:
            sentence.clear_embeddings()
        counted += sum(map(len, batch)) if number else 0
    return counted / (time.perf_counter() - began)


def predict(tagger: Any, pairs: Sequence[Pairs], *, batch_size: int = 32) -> tuple[float, float]:
    """(tokens a second, accuracy) of tagging the sentences; making flair's Sentence objects is not timed."""
    sentences = _sentences(pairs, labelled=False)
    tagger.predict(_sentences(pairs[:batch_size], labelled=False), mini_batch_size=batch_size)
    began = time.perf_counter()
    tagger.predict(sentences, mini_batch_size=batch_size, label_name="found")
    elapsed = time.perf_counter() - began
    found = [token.get_label("found").value for sentence in sentences for token in sentence]
    gold = [tag for sentence in pairs for _, tag in sentence]
    return len(gold) / elapsed, sum(a == b for a, b in zip(found, gold, strict=True)) / len(gold)


def main() -> None:
    """Read the options, train a little, tag the test split, print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--hidden", type=int, default=256, help="of the BiLSTM, each direction")
    parser.add_argument("--sentences", type=int, default=2000, help="to train on, an epoch")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--threads", type=int, help="of torch; default: its own choice")
    options = parser.parse_args()
    if "SEQCLI_DATA" not in os.environ:
        sys.exit("SEQCLI_DATA does not name the folder of data sets")
    import logging

    import flair
    import torch

    logging.getLogger("flair").setLevel(logging.ERROR)  # it writes to standard output
    flair.device = torch.device("cpu")
    if options.threads:
        torch.set_num_threads(options.threads)
    folder = Path(os.environ["SEQCLI_DATA"]) / "ud-en-ewt"
    training, test = (read(folder / f"en_ewt-ud-{split}.conllu") for split in ("train", "test"))
    tagger = create(training, options.hidden)
    speeds = [train(tagger, training[: options.sentences], seed=epoch) for epoch in range(options.epochs)]
    tagging, accuracy = predict(tagger, test)
    figures = {
        "flair": flair.__version__,
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "hidden": options.hidden,
        "train_sentences": min(options.sentences, len(training)),
        "epochs": options.epochs,
        "train_tokens_per_second": speeds,
        "predict_tokens_per_second": tagging,
        "accuracy": accuracy,
    }
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
