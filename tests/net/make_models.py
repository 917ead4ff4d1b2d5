"""Trains the small models of this folder and writes its inputs: `python tests/net/make_models.py FOLDER [NAME...]`.

The models are kept as files, so that what the verbs write can be compared from one version to the next whatever
training does. FOLDER is where the runs go; their model files are copied to `models/`.
"""

from __future__ import annotations

import json
import math
import random
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TRAIN = "train: {steps: 80, evaluate_every: 80, batch_size: 16, learning_rate: 2e-2, threads: 1}"
LANGUAGE = "train: {steps: 120, sequence_length: 16, batch_size: 8, learning_rate: 1e-2, threads: 1}"
DATA = {
    "pos": "data: {train: pos-train.txt, valid: pos-valid.txt, test: pos-test.txt, format: word-tag}",
    "ner": "data: {train: ner-train.conll, valid: ner-valid.conll, test: ner-test.conll, columns: [word, pos, ner]}",
    "remarks": "data: {train: remarks-train.tsv, valid: remarks-valid.tsv, test: remarks-test.tsv}",
    "digits": "data: {train: numbers.csv, valid: 0.15, test: 0.15, source: spelled, target: digits}",
    "beeps": "data: {train: beeps-train.jsonl, valid: beeps-valid.jsonl, test: beeps-test.jsonl}",
}
RECIPES = {
    "lm": f"""task: language-model
tokenizer: char
data: {{train: corpus.txt, valid: 0.1, test: 0.1}}
model: {{cell: lstm, embedding: 8, hidden: 16}}
{LANGUAGE}""",
    "lm-words": f"""task: language-model
tokenizer: {{kind: word, min_count: 3}}
data: {{train: corpus.txt, valid: 0.1, test: 0.1}}
model: {{cell: gru, embedding: 8, hidden: 8}}
{LANGUAGE}""",
    "lm-counted": """task: language-model
tokenizer: byte
data: {train: corpus.txt, valid: 0.1, test: 0.1}
model: {kind: ngram, order: 3}""",
    "lm-attention": f"""task: language-model
tokenizer: char
data: {{train: corpus.txt, valid: 0.1, test: 0.1}}
model: {{kind: transformer, size: 16, heads: 2, layers: 2, dropout: 0}}
{LANGUAGE}""",
    "tides": f"""task: language-model
tokenizer: {{kind: bins, size: 32, period: 12}}
data: {{train: tides.txt, valid: 0.15, test: 0.15}}
model: {{cell: gru, embedding: 8, hidden: 12}}
{LANGUAGE}""",
    "pos": f"""task: tagging
{DATA["pos"]}
model: {{embedding: 8, characters: {{kind: cnn, embedding: 4, filters: 6}}, hidden: 8}}
{TRAIN}""",
    "pos-attention": f"""task: tagging
{DATA["pos"]}
model: {{kind: transformer, embedding: 8, characters: none, size: 8, heads: 2, layers: 1}}
{TRAIN}""",
    "ner": f"""task: tagging
{DATA["ner"]}
model: {{embedding: 8, characters: none, hidden: 8, features: [pos]}}
{TRAIN}""",
    "spaces": f"""task: tagging
data: {{train: corpus.txt, valid: 0.1, test: 0.1, restore: spaces}}
model: {{embedding: 8, characters: none, hidden: 12}}
{TRAIN}""",
    "forms": f"""task: tagging
data: {{train: forms-train.conllu, valid: forms-valid.conllu, tag: [upos, feats, lemma, misc.NER]}}
model: {{embedding: 8, characters: {{kind: cnn, embedding: 4, filters: 16}}, hidden: 16, targets: {{lemma: {{weight: 2}}}}}}
{TRAIN}""",
    "tags-counted": f"""task: tagging
{DATA["pos"]}
model: {{kind: frequency-tagger}}""",
    "remarks": f"""task: classification
tokenizer: {{kind: word, split: rule, lowercase: true}}
{DATA["remarks"]}
model: {{cell: lstm, embedding: 8, hidden: 8, pooling: attention}}
{TRAIN}""",
    "remarks-attention": f"""task: classification
tokenizer: {{kind: word, split: rule, lowercase: true}}
{DATA["remarks"]}
model: {{kind: transformer, embedding: 8, size: 8, heads: 2, layers: 1, pooling: mean}}
{TRAIN}""",
    "topics": f"""task: classification
tokenizer: {{kind: word, split: rule}}
data: {{train: topics-train.jsonl, valid: topics-valid.jsonl, test: topics-test.jsonl, multi_label: true}}
model: {{kind: bag, embedding: 8}}
{TRAIN}""",
    "linear": f"""task: classification
{DATA["remarks"]}
model: {{kind: ngram-linear, words: 1, characters: null}}""",
    "trees": f"""task: classification
tokenizer: {{kind: word, split: whitespace}}
data: {{train: trees-train.txt, valid: trees-valid.txt, test: trees-test.txt}}
model: {{kind: recursive, embedding: 6, hidden: 6}}
{TRAIN}""",
    "digits": f"""task: sequence-to-sequence
tokenizer: {{kind: word, split: punctuation}}
target_tokenizer: {{kind: char}}
{DATA["digits"]}
model: {{cell: gru, embedding: 12, hidden: 16}}
train: {{steps: 200, evaluate_every: 100, batch_size: 16, learning_rate: 1e-2, threads: 1}}""",
    "back": """task: sequence-to-sequence
tokenizer: char
data: {train: back.tsv, valid: 0.1, test: 0.1}
model: {kind: transformer, size: 16, heads: 2, layers: 1, dropout: 0}
train: {steps: 150, evaluate_every: 75, batch_size: 32, learning_rate: 1e-2, threads: 1}""",
    "plurals": """task: sequence-to-sequence
tokenizer: char
data: {train: plurals.tsv, valid: 0.15, test: 0.15}
model: {kind: transducer, embedding: 8, hidden: 10}
train: {steps: 400, evaluate_every: 100, batch_size: 16, learning_rate: 2e-2, threads: 1}""",
    "waves": f"""task: classification
frames: {{kind: values, augment: {{noise: 0.1, shift: 2, time_masks: 1, feature_masks: 1}}}}
data: {{train: waves-train.jsonl, valid: waves-valid.jsonl, test: waves-test.jsonl, text: wave}}
model: {{cell: gru, embedding: 8, hidden: 8, front_end: {{kind: conv, width: 3, layers: 1}}}}
{TRAIN}""",
    "waves-linear": """task: classification
frames: values
data: {train: waves-train.jsonl, valid: waves-valid.jsonl, test: waves-test.jsonl, text: wave}
model: {kind: frames-linear}""",
    "waves-tags": f"""task: tagging
frames: values
data: {{train: waves-train.jsonl, valid: waves-valid.jsonl, test: waves-test.jsonl, field: wave, tag: signs}}
model: {{embedding: 8, hidden: 8}}
{TRAIN}""",
    "beeps": f"""task: sequence-to-sequence
frames: values
tokenizer: {{kind: word, split: whitespace}}
{DATA["beeps"]}
model: {{cell: gru, embedding: 12, hidden: 16}}
train: {{steps: 200, evaluate_every: 100, batch_size: 16, learning_rate: 1e-2, threads: 1}}""",
    "beeps-ctc": f"""task: sequence-to-sequence
frames: values
tokenizer: {{kind: word, split: whitespace}}
{DATA["beeps"]}
model: {{kind: ctc, embedding: 12, hidden: 16, layers: 1}}
train: {{steps: 200, evaluate_every: 100, batch_size: 16, learning_rate: 1e-2, threads: 1}}""",
}
WORDS = [
    "the",
    "cat",
    "sat",
    "on",
    "a",
    "mat",
    "and",
    "dog",
    "ran",
    "to",
    "see",
    "it",
    "all",
    "over",
    "again",
    "quickly",
]
SUBJECTS = {"food": "bread cheese soup", "music": "drum violin song", "sport": "ball goal race"}


def sentences(count: int) -> str:
    """Lines of made-up words."""
    draw = random.Random(count)
    return "".join(" ".join(draw.choice(WORDS) for _ in range(draw.randint(3, 9))) + ".\n" for _ in range(count))


def names(count: int) -> str:
    """Columns of word, part of speech and entity (IOB2)."""
    draw = random.Random(count)
    kinds = {"PER": ["Ada", "Bob", "Emil Zola", "Finn de Vries"], "LOC": ["Paris", "New York"]}

    def entity(label: str) -> list[str]:
        words = draw.choice(kinds[label]).split()
        return [f"{w} NNP {'I' if i else 'B'}-{label}" for i, w in enumerate(words)]

    def sentence() -> str:
        rows = [*entity("PER"), f"{draw.choice(['visited', 'saw'])} VBD O", *entity("LOC"), ". . O"]
        return "\n".join(rows) + "\n\n"

    return "".join(sentence() for _ in range(count))


def topics(count: int) -> str:
    """JSON lines with any number of labels."""
    draw = random.Random(count)
    lines = []
    for _ in range(count):
        own = sorted(draw.sample(sorted(SUBJECTS), draw.choice([0, 1, 1, 2])))
        words = [draw.choice(WORDS) for _ in range(3)] + [draw.choice(SUBJECTS[label].split()) for label in own]
        lines.append(json.dumps({"text": " ".join(words), "labels": own}) + "\n")
    return "".join(lines)


def parses(count: int) -> str:
    """Labelled binary trees."""
    draw = random.Random(count)
    known = {"good": 2, "fine": 2, "bad": 0, "dull": 0}

    def tree() -> str:
        word = draw.choice(sorted(known))
        label = known[word]
        return f"({label} (1 (1 the) (1 {draw.choice(WORDS[1:6])})) ({label} (1 is) ({label} {word})))\n"

    return "".join(tree() for _ in range(count))


def waves(count: int) -> str:
    """JSON lines of series of two numbers: how fast the first one swings is the label, its signs are tags."""
    draw = random.Random(count)
    lines = []
    for _ in range(count):
        label, phase = draw.choice(["slow", "fast"]), draw.uniform(0, 6)
        rate = {"slow": 0.4, "fast": 1.1}[label]
        wave = [
            [round(math.sin(rate * t + phase), 3), round(draw.gauss(0, 1), 3)] for t in range(draw.randint(9, 20))
        ]
        signs = ["up" if x > 0 else "down" for x, _ in wave]
        lines.append(json.dumps({"wave": wave, "label": label, "signs": signs}) + "\n")
    return "".join(lines)


def beeps(count: int) -> str:
    """JSON lines of series of two numbers, in which beeps of two kinds follow each other, and their names."""
    draw = random.Random(count)
    lines = []
    for _ in range(count):
        names, source = [draw.choice(["dit", "dah"]) for _ in range(draw.randint(1, 4))], []
        for name in names:
            level = [1.0, 0.0] if name == "dit" else [0.0, 1.0]
            source += [level] * draw.randint(2, 3) + [[0.0, 0.0]] * draw.randint(1, 2)
        lines.append(json.dumps({"source": source, "target": " ".join(names)}) + "\n")
    return "".join(lines)


def tides(count: int) -> str:
    """Series of 40 numbers, one a line."""
    draw = random.Random(count)
    starts = [draw.random() for _ in range(count)]
    return "".join(" ".join(f"{(t * 7 + 20 * s) % 12 + draw.random():.2f}" for t in range(40)) + "\n" for s in starts)


def forms(count: int) -> str:
    """CoNLL-U: names of places as spans, nouns and verbs with endings; lemmas, features."""
    draw, blocks = random.Random(count), []
    for _ in range(count):
        rows: list[list[str]] = []
        for place in range(draw.randint(3, 6)):
            kind, ending = draw.choice(("NOUN", "VERB", "PROPN")), draw.choice(("", "s"))
            stems = {"NOUN": ["cat", "dog", "tree"], "VERB": ["see", "like"], "PROPN": ["Bath", "Rome"]}
            lemma = draw.choice(stems[kind])
            word, feats, ner = lemma + ending, {"": "Number=Sing", "s": "Number=Plur"}[ending], ""
            if kind == "PROPN":
                word, ner = lemma, "NER=S-LOC"
            word = word if place else word[:1].upper() + word[1:]
            rows.append([word, lemma, kind, "_" if kind == "PROPN" else feats, ner])
        rows.append([".", ".", "PUNCT", "_", ""])
        lines = [f"# text = {' '.join(word for word, *_ in rows[:-1])}.\n"]
        for n, (word, lemma, kind, feats, ner) in enumerate(rows, 1):
            misc = "|".join(filter(None, ("SpaceAfter=No" if n == len(rows) - 1 else "", ner))) or "_"
            lines.append("\t".join([str(n), word, lemma, kind, "_", feats, "_", "_", "_", misc]) + "\n")
        blocks.append("".join(lines) + "\n")
    return "".join(blocks)


def furnish(folder: Path) -> None:
    """The data that the recipes read, and the recipes."""
    (folder / "corpus.txt").write_text(sentences(300))
    (folder / "tides.txt").write_text(tides(60))
    for split, count in (("train", 200), ("valid", 40), ("test", 40)):
        for source, target in (
            (f"pos-{split}.txt", f"pos-{split}.txt"),
            (f"sentiment-{split}.tsv", f"remarks-{split}.tsv"),
        ):
            lines = (ROOT / "data" / source).read_text().splitlines(keepends=True)
            (folder / target).write_text("".join(lines[:count]))
        (folder / f"ner-{split}.conll").write_text(names(count))
        (folder / f"forms-{split}.conllu").write_text(forms(count))
        (folder / f"topics-{split}.jsonl").write_text(topics(count))
        (folder / f"trees-{split}.txt").write_text(parses(count))
        (folder / f"waves-{split}.jsonl").write_text(waves(count))
        (folder / f"beeps-{split}.jsonl").write_text(beeps(count))
    rows = [line.split("\t") for line in (ROOT / "data" / "numbers.tsv").read_text().splitlines() if "\t" in line]
    rows = [[a, b] for a, b in rows if b.isdigit()]
    cells = [f"{i},about {b},{a},{b}" for i, (a, b) in enumerate(rows)]
    (folder / "numbers.csv").write_text("\n".join(["id,text,spelled,digits", *cells]) + "\n")
    draw = random.Random(1)
    texts = ["".join(draw.choice("abcdef") for _ in range(draw.randint(1, 4))) for _ in range(300)]
    (folder / "back.tsv").write_text("".join(f"{t}\t{t[::-1]}\n" for t in texts))
    endings = {"y": "ies", "s": "ses"}
    words = sorted({"".join(draw.choice("abcdefsy") for _ in range(draw.randint(2, 6))) for _ in range(300)})
    rows = [f"{w}\t{w[:-1]}{endings.get(w[-1], w[-1] + 's')}\n" for w in words]
    (folder / "plurals.tsv").write_text("".join(rows))
    for name, recipe in RECIPES.items():
        (folder / f"{name}.yaml").write_text(recipe + "\n")


def main(folder: Path, names: list[str]) -> None:
    """Train those that are named, or all, and keep the model files, the data of the test splits among the inputs."""
    folder.mkdir(parents=True, exist_ok=True)
    furnish(folder)
    (HERE / "models").mkdir(exist_ok=True)
    for name in names or RECIPES:
        command = [sys.executable, "-m", "seqcli", "-q", "train", f"{name}.yaml", "--overwrite"]
        subprocess.run(command, cwd=folder, check=True)
        shutil.copy(folder / "runs" / name / "model.safetensors", HERE / "models" / f"{name}.safetensors")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
