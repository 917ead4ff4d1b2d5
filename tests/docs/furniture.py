"""A folder in which the commands of the documentation work: small models of the names that the pages use, small files.

Models are those of `tests/net` under other names, and a few more that are trained here for a second each. What a page
needs beyond that stands in PAGES.
"""

from __future__ import annotations

import json
import math
import random
import shutil
import struct
import wave
from collections.abc import Callable
from pathlib import Path

from net import cases, make_models

from seqcli import artifact

NET = Path(__file__).resolve().parents[1] / "net" / "models"
ROOT = NET.parents[2]
KEPT = {  # a model of tests/net: the names that pages give to its like
    "pos": "pos-tagger ewt-upos old ewt",
    "forms": "ewt-morphology",
    "remarks": "sentiment sst2 trec",
    "linear": "sst2-linear trec-linear",
    "trees": "sst5-tree",
    "digits": "numbers dates RUN",
    "tides": "mackey-glass",
    "waves": "sensors",
}
COPIED = {
    "digits": "spoken-digits",
    "digits-ctc": "spoken-digits-ctc",
    "multi30k-en-de": "run other-run",
    "charlm": "lm lm-1 lm-2 lm-3 LM forward",
}
STEPS = "train: {steps: 30, evaluate_every: 30, batch_size: 8, learning_rate: 2e-2, threads: 1}\n"
LINES = "train: {steps: 30, sequence_length: 16, batch_size: 4, threads: 1}\n"
SOUND = "frames: {kind: mel, bands: 8}\n"
RECIPES = {
    "ngrams": "task: language-model\ntokenizer: {kind: char, unk: true}\ndata: {train: book.txt, valid: 0.1, test: 0.1}\n"
    "model: {kind: ngram, order: 3}\n",
    "charlm": "task: language-model\ntokenizer: {kind: char, unk: true}\ndata: {train: book.txt, valid: 0.1, test: 0.1}\n"
    "model: {embedding: 8, hidden: 12}\n" + LINES,
    "wordlm": "task: language-model\ntokenizer: word\ndata: {train: book.txt, valid: 0.1, test: 0.1}\n"
    "model: {embedding: 8, hidden: 12}\n" + LINES,
    "backward": "task: language-model\ntokenizer: char\ndata: {train: corpus.txt, valid: 0.1, reversed: true}\n"
    "model: {embedding: 8, hidden: 12}\n" + LINES,
    "fasttext": "task: classification\ndata: {train: train.txt, valid: 0.2}\nmodel: ngram-linear\n",
    "wnut17-ner": "task: tagging\ndata: {train: ner-train.conll, valid: ner-valid.conll, test: ner-test.conll}\n"
    "model: {embedding: 8, characters: none, hidden: 8}\n" + STEPS,
    "ewt-sentences": "task: tagging\ndata: {train: forms-train.conllu, valid: forms-valid.conllu, test: forms-test.conllu,"
    " restore: sentences}\nmodel: {embedding: 8, characters: none, hidden: 12, head: softmax}\n" + STEPS,
    "names": "task: language-model\ntokenizer: {kind: char, unk: true}\n"
    "data: {train: surnames.tsv, valid: 0.2, test: 0.2, condition: language}\nmodel: {embedding: 8, hidden: 12}\n"
    "train: {steps: 30, sequence_length: 16, batch_size: 4, threads: 1}\n",
    "pairs": "task: classification\ntokenizer: {kind: word, lowercase: true}\n"
    "data: {train: pairs.csv, valid: 0.2, text: [question, passage], label: answer}\n"
    "model: {embedding: 8, hidden: 8, pair: attend, hops: 2}\n" + STEPS,
    "multi30k-en-de": "task: sequence-to-sequence\ntokenizer: char\n"
    "data: {train: train.en, valid: test.en, test: test.en, target: de}\nmodel: {embedding: 12, hidden: 16, beam: 3}\n"
    + STEPS,
    "digits": f"task: classification\n{SOUND}data: {{train: digits.csv, valid: 0.3, text: recording, label: digit}}\n"
    "model: {embedding: 8, hidden: 8, bidirectional: false}\n" + STEPS,
    "digits-ctc": f"task: sequence-to-sequence\n{SOUND}tokenizer: {{kind: word}}\n"
    "data: {train: digits.csv, valid: 0.3, source: recording, target: digit}\n"
    "model: {kind: ctc, embedding: 8, hidden: 8, bidirectional: false}\n" + STEPS,
    "voices": f"task: tagging\n{SOUND}data: {{train: voices.jsonl, valid: voices.jsonl}}\n"
    "model: {embedding: 8, hidden: 8, bidirectional: false, head: softmax}\n" + STEPS,
}
BROKEN = """task: language-model
tokenizer: char
data: {train: corpus.txt, valid: 0.1}
model:
  cell: lstn
  hiden: 512
  layers: 1
  layers: 2
train:
  learning_rate: fast
  batch_size: -32
"""
ENGLISH = (
    "a man rides a bicycle .|two dogs play in the snow .|a young girl eats an apple .|__NAME__ was here in 2021 ."
)
GERMAN = "ein mann fährt Fahrrad .|zwei hunde spielen im hohen weissen schnee von heute .|ein mädchen isst einen apfel .|__NAME__ war 2021-05-34 hier ."


def _rows(header: str, rows: list[tuple[object, ...]], between: str = ",") -> str:
    return "".join(
        between.join(map(str, row)) + "\n" for row in ([tuple(header.split(","))] if header else []) + rows
    )


def _spoken(folder: Path) -> None:
    """Recordings: tones of a pitch a digit, 8 kHz; a table of them, and of the frames of each with a tag."""
    (folder / "recordings").mkdir()
    rows = []
    for n in range(12):
        digit, name = ("one", "two", "three")[n % 3], f"recordings/{n}.wav"
        tone = [int(8000 * math.sin(0.2 * (n % 3 + 1) * t + n)) for t in range(1600)]
        with wave.open(str(folder / name), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(struct.pack("<1600h", *tone))
        rows.append((name, digit))
    for copy in ("one.wav", "call.wav", "talk.wav"):
        shutil.copy(folder / "recordings/0.wav", folder / copy)
    (folder / "digits.csv").write_text(_rows("recording,digit", rows))
    frames = [{"text": name, "tags": ["silence", "voice"] * 9} for name, _ in rows]
    (folder / "voices.jsonl").write_text("".join(json.dumps(frame) + "\n" for frame in frames))


def _files() -> dict[str, str]:
    """Small files of the names that the pages use."""
    draw = random.Random(1)
    words, tagged = make_models.sentences(40), cases.INPUTS["tagged.txt"].decode()
    remarks = [tuple(line.split("\t")) for line in (ROOT / "data/sentiment-test.tsv").read_text().splitlines()[1:61]]
    surnames = [("".join(draw.sample("aeiorslt", 5)).title(), draw.choice(("Italian", "Greek"))) for _ in range(80)]
    asked = [(f"where is {a} ?", f"{a} went to the {b} .", b) for a in ("Ines", "Tom") for b in ("mill", "inn")] * 10
    columns = "Bob\tNNP\tB-PER\nsaw\tVBD\tO\nParis\tNNP\tB-LOC\n\n" * 3
    english, german = ENGLISH.replace("|", "\n") + "\n", GERMAN.replace("|", "\n") + "\n"
    lists = [{"seqcli": {"answers": [{"text": t, "logprob": -n} for n, t in enumerate(("it ran", "a dog ran"))]}}] * 4
    return {
        **dict.fromkeys(
            ("lines.txt", "text.txt", "raw.txt", "prompts.txt", "notes.txt", "questions.txt", "sentences.txt"), words
        ),
        "book.txt": "a class of\n" * 9 + (ROOT / "README.md").read_text(),
        "broken.yaml": BROKEN,
        "surnames.tsv": _rows("text,language", surnames, "\t"),
        "more.tsv": _rows("text,language", surnames[:9], "\t"),
        "pairs.csv": _rows("question,passage,answer", asked),
        "pairs.jsonl": "".join(
            json.dumps(dict(zip(("question", "passage"), row, strict=False))) + "\n" for row in asked
        ),
        **{f"{split}.en": english * times for split, times in (("train", 20), ("test", 2), ("three", 1), ("dev", 1))},
        **{f"{split}.de": german * times for split, times in (("train", 20), ("test", 2), ("dev", 1))},
        "test.tsv": _rows("spelled,digits,second,third", [("six", 6, "06", "VI"), ("two", 2, "02", "II")], "\t"),
        "rows.tsv": _rows("", [(1, "two dogs", "zwei"), (2, "a man", "ein")], "\t"),
        **dict.fromkeys(("valid.src", "test.src"), "six\nforty two\n"),
        "valid.tgt": "6\n42\n",
        "lists.jsonl": "".join(json.dumps(answers) + "\n" for answers in lists),
        "dev.jsonl": "".join(json.dumps(answers) + "\n" for answers in lists),
        "words": "cat\ndog\n",
        "tickets.csv": _rows("text,label", [(f'"{text}"', label) for label, text in remarks]),
        "tickets.jsonl": "".join(json.dumps({"id": i, "text": text}) + "\n" for i, (_, text) in enumerate(remarks)),
        **dict.fromkeys(("labelled.txt", "corrected.txt"), "".join(f"{label} {text}\n" for label, text in remarks)),
        "in.csv": _rows("id,comment", [(1, "a fine film"), (2, "a mess")]),
        **dict.fromkeys(("train.txt", "test.txt"), "".join(f"__label__{label} {text}\n" for label, text in remarks)),
        "terms.tsv": "bicycle\tdrahtesel\ndogs\tvierbeiner\napple\tbirne\n",
        "dates.txt": "the 3rd of May 2021\n",
        "records.jsonl": json.dumps({"title": "to see", "source": "a man .", "terms": ["Fahrrad"], "avoid": []})
        + "\n",
        "words.tsv": cases.INPUTS["words.tsv"].decode(),
        "mail.tsv": "1\tBob saw Paris.\n2\tAda ran.\n",
        "train.conll": columns * 20,
        "test.conll": columns,
        "test.crf": columns,
        "partly-tagged.conll": "I\tPRON\nran\t_\n\n",
        "in.conllu": make_models.forms(3),
        "more.conllu": make_models.forms(4),
        "tagged.txt": tagged,
        "series.txt": make_models.tides(2),
        "table.tsv": _rows("", [(w, w + "s", "N;PL") for w in ("cat", "dog", "tree", "house", "mill")] * 12, "\t"),
        "recipe.yaml": make_models.RECIPES["lm"] + "\n",
        **dict.fromkeys(("new.yaml", "wsj.yaml"), make_models.RECIPES["pos"] + "\n"),
    }


# Commands that a page takes for granted, in the place of those of this folder; `arecord` and `sox` give sound.
STAND_INS = dict.fromkeys(("arecord", "sox"), "#!/bin/sh\ntail -c +45 recordings/1.wav\n")


def furnish(folder: Path, seqcli: Callable[..., None]) -> None:
    """Fill a folder; `seqcli(*args)` runs a command there."""
    make_models.furnish(folder)
    for name, data in cases.INPUTS.items():
        (folder / name).write_bytes(data)
    _spoken(folder)
    for name, text in _files().items():
        (folder / name).write_text(text)
    for name, text in RECIPES.items():
        (folder / f"{name}.yaml").write_text(text)
        seqcli("-q", "train", f"{name}.yaml")
    for path in (folder / "runs").glob("*/last.safetensors"):
        path.unlink()
    copies = [(NET / f"{kept}.safetensors", names) for kept, names in KEPT.items()]
    copies += [(folder / "runs" / made / "model.safetensors", names) for made, names in COPIED.items()]
    for model, names in copies:
        for name in names.split():
            (folder / "runs" / name).mkdir()
            shutil.copy(model, folder / "runs" / name / "model.safetensors")
    for name in {*RECIPES, *make_models.RECIPES}:  # a recipe of such a name is the one that ships
        (folder / f"{name}.yaml").unlink()
    for name in ("recipes", "data"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "README.md", folder)


def stamp(folder: Path, run: str, number: int) -> None:
    """Make a run the newest: the one that a verb takes which is told none."""
    path = folder / "runs" / run / "model.safetensors"
    if path.exists():
        opened = artifact.read(path)
        artifact.write(path, {**opened.header, "created": f"3000-01-01T00:00:{number:02}+00:00"}, opened.arrays)
