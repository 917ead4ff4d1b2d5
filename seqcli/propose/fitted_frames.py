"""Choose frames, model and training for series and recordings, by their number and length.

The sizes are those of the packaged recipes: `japanese-vowels` (short series of vectors), `italy-power` (short series
of numbers), `basic-motions`, `osu-leaf` (long series), `spoken-digits` and `spoken-digits-ctc`.
"""

from __future__ import annotations

from typing import Any

from seqcli.propose import fitted, fitted_pairs
from seqcli.propose.fitted import Entry, Fit, Section
from seqcli.propose.frames import Shape
from seqcli.propose.look import PAIRS, Found, Look

FRAMES = 1.6e7  # read in a run of some minutes on two cores, with a front end that drops most steps
STEPS = 1500  # optimizer steps that few records need; long series need more
FEW, SOME = 100, 1000  # records
SHORT, LONG = 40, 200  # frames of a record
READ, SOURCE = 1000, 500  # the defaults of `data.longest` for labelled records and for pairs


def fit(found: Found, look: Look, others: dict[str, Look]) -> Fit:
    """Return the sections of a recipe for records of vectors, and hints."""
    shape: Shape = found.frames
    held = sum(e.value for e in fitted.shares(found, look, others) if isinstance(e.value, float))
    whole = found.pairs.total if found.task == PAIRS else found.records * look.scale
    records = max(whole * (1 - held), 1)
    judged = bool(held) or "valid" in others
    sections: dict[str, Section] = {"frames": _frames(shape, records)}
    front, every = _front_end(shape)
    if found.task != PAIRS:
        sections["model"] = _classifier(shape, records, front)
        sections["train"] = _train(shape, records, found, judged=judged)
        return sections, _hints(found, records)
    target = fitted_pairs.kind_of(found.pairs.target)
    if target.tokenizer == "sentencepiece":
        target = target._replace(tokenizer="char", why="letters, for which few recordings are enough", tokens=0.0)
    symbols = target.tokens or found.pairs.target.length
    sections["tokenizer"] = [Entry("kind", target.tokenizer, f"of the transcripts: {target.why}")]
    if target.split:
        sections["tokenizer"].append(Entry("split", target.split, ""))
    ordered = shape.axes < 3 and symbols * 2 <= shape.steps / every
    sections["model"] = _transcriber(records, front) if ordered else _writer(records, front)
    sections["train"] = _train(shape, records, found, judged=judged, ordered=ordered)
    return sections, {}


def described(shape: Shape) -> str:
    """Describe records: `30 frames each, the longest 33; 2 numbers a frame`."""
    many = f"{shape.dimensions:,} numbers" if shape.dimensions > 1 else "a number"
    return f"{shape.steps:,} frames each (the median), the longest {shape.longest:,}; {many} a frame"


def longest(found: Found) -> Section:
    """Return `data.longest` if records have more frames than its default."""
    shape: Shape = found.frames
    if shape.longest <= (SOURCE if found.task == PAIRS else READ):
        return []
    most = -(-shape.longest * 3 // 2 // 100) * 100
    return [Entry("longest", most, f"frames that are read; the longest record in the sample has {shape.longest:,}")]


def _frames(shape: Shape, records: float) -> Section:
    varied: dict[str, Any] = {}
    if shape.kind == "mel":
        entries = [Entry("kind", "mel", "the loudness of 40 bands, every 10 ms; or mfcc")]
        varied = {"shift": 5, "time_masks": 1, "time_mask": 8, "feature_masks": 1, "feature_mask": 6}
    else:
        size = f"{shape.dimensions:,} numbers" if shape.dimensions > 1 else "a number"
        entries = [Entry("kind", "values", f"{size} a step, {shape.steps:,} steps, the longest {shape.longest:,}")]
        if records < SOME:
            varied["noise"] = 0.3 if records < FEW and shape.steps < LONG else 0.05
        if records < FEW and shape.steps >= SHORT:
            varied["time_masks"] = 2
        if records < SOME and shape.steps >= LONG:
            varied["shift"] = shape.steps // 20
    if shape.normal:
        entries.append(Entry("normalize", "record", "each record already has mean 0 and deviation 1"))
    else:
        entries.append(
            Entry("normalize", "training", "over all records; record: each by itself, if its level tells nothing")
        )
    if varied:
        entries.append(Entry("augment", varied, "only in training"))
    return entries


def _front_end(shape: Shape) -> tuple[Any, int]:
    """Return the front end, and the number of frames for each of its steps."""
    if shape.kind == "mel":
        return {"kind": "conv", "layers": 2, "width": 5, "stride": 2}, 4
    if shape.steps < 8 or (shape.steps < SHORT and shape.dimensions > 1):
        return "linear", 1
    if shape.steps < SHORT:
        return {"kind": "conv", "layers": 1, "width": min(shape.steps, 24), "stride": 2}, 2
    layers = 2 if shape.steps < LONG else 3 if shape.steps < 4 * LONG else 4 if shape.steps < 16 * LONG else 6
    return {"kind": "conv", "layers": layers, "width": 7 if layers < 3 else 9, "stride": 2}, 2**layers


def _stepped(front: Any) -> str:
    if front == "linear":
        return "conv with strides for long series"
    return f"one step for {front['stride'] ** front['layers']} frames"


def _classifier(shape: Shape, records: float, front: Any) -> Section:
    size = 32 if records < FEW / 2 else 64 if records < 5000 else 128
    sound = shape.kind == "mel"
    greatest = sound or (shape.steps < SHORT and shape.dimensions == 1)
    dropout = 0.5 if records < FEW and not sound else 0.4 if records < FEW * 3 else 0.3
    return [
        Entry("cell", "gru", ""),
        Entry("front_end", front, _stepped(front)),
        Entry("embedding", size, "the front end's output size"),
        Entry("hidden", size, f"of each direction, for {records:,.0f} {shape.what}"),
        Entry("pooling", "max" if greatest else "mean", "or attention, last"),
        Entry("dropout", dropout, "more on fewer records"),
    ]


def _encoder(records: float, front: Any, size: int) -> Section:
    """Return the keys of the encoder for the frames of pairs."""
    return [
        Entry("cell", "gru", ""),
        Entry("front_end", front, _stepped(front)),
        Entry("embedding", size, ""),
        Entry("hidden", size, f"of each direction, for {records:,.0f} pairs"),
    ]


def _transcriber(records: float, front: Any) -> Section:
    size = 64 if records < 500 else 96 if records < 10_000 else 256
    return [
        Entry("kind", "ctc", "for targets in the order of the source; else seq2seq"),
        *_encoder(records, front, size),
        Entry("layers", 2 if records >= 500 else 1, ""),
        Entry("dropout", 0.3, "more on fewer pairs"),
    ]


def _writer(records: float, front: Any) -> Section:
    size = 64 if records < 2000 else 128
    return [
        Entry("kind", "seq2seq", "ctc is for targets shorter than the source, in its order"),
        *_encoder(records, front, size),
        Entry("attention", "general", ""),
        Entry("dropout", 0.3, "more on fewer pairs"),
    ]


def _train(shape: Shape, records: float, found: Found, *, judged: bool, ordered: bool = False) -> Section:
    pairs = found.task == PAIRS
    batch = 8 if records < FEW else 16 if records < SOME or pairs else 32
    fewest = 15 if pairs or shape.kind == "mel" else 10
    steps = STEPS if shape.steps < LONG else 2 * STEPS
    wanted = min(max(steps * batch / records, fewest), 200)
    epochs = fitted.epochs_for(FRAMES, records * shape.steps, 0.1, wanted)
    rate = 2e-3 if pairs or shape.steps >= LONG else 3e-3
    train = fitted.training(epochs, batch, rate, 20, 1.0, f"sized for minutes on 2 cores, {records:,.0f} records")
    average = 0.98 if records < 500 else 0.99
    more = [Entry("average", average, "the moving average of the weights is kept")]
    if judged and pairs and ordered:
        more.append(Entry("watch", "phoneme-error-rate", "for tokens that are words, this is the word error rate"))
    elif judged and not pairs and records < 5 * FEW:
        more.append(Entry("watch", "loss", "a small validation split is soon answered without errors"))
    return [*train[:-1], *more, train[-1]]


def _hints(found: Found, records: float) -> dict[str, list[str]]:
    hints: dict[str, list[str]] = {"model": []}
    (most, high), total = found.counts.most_common(1)[0], max(found.counts.total(), 1)
    low = min(found.counts.values())
    if not found.multi_label and len(found.counts) > 1 and (high > 0.8 * total or high > 10 * low):
        hints["model"].append(
            f"class_weights: balanced  # {fitted.shown(most)} has {high / total:.0%} of the records"
        )
    hints["model"].append("model: frames-linear, without train, is the linear baseline, fitted in seconds")
    return hints
