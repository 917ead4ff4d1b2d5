"""Read texts with one label or several: TSV, CSV, JSON lines, fastText, trees; or labelled by file or folder."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, model_validator

from seqcli import console, streams
from seqcli.datasets import corpus, sources, targets
from seqcli.datasets.corpus import Records, known_format, stated
from seqcli.datasets.entry import Encoding
from seqcli.datasets.reading import Reading, said_texts, trained_roles, with_texts
from seqcli.datasets.replay import ReplaySpec
from seqcli.errors import UsageError, did_you_mean
from seqcli.frames import ENDINGS, content
from seqcli.records import (
    BLANKS,
    LABELLED,
    NAMED,
    UNPRINTABLE,
    Example,
    Options,
    as_trained,
    detect,
    formats_of,
    labels_of,
)
from seqcli.tasks.classification.labels import LEVELS, check_labels, check_renamed, check_targets, renamed

FORMATS = list(formats_of(LABELLED, "GOLD"))  # the formats that have labels
Format = Annotated[str | None, known_format(FORMATS, "with labels")]
TOKENIZED = True  # a recipe names a tokenizer, unless the model reads text by itself
OF_TEXT = ("vectors", "keep_all_vectors", "phrases")  # keys that frames have no use for


LabelFrom = Literal["record", "file", "folder"]


def _name(value: str) -> str:
    """Return a label's new name, stripped. Raises ValueError for a name that a label cannot have."""
    if UNPRINTABLE.search(value):
        raise ValueError(f"the label {value[:40]!r} holds a tab or a line break; labels are printed on a line")
    if not value.strip(BLANKS):
        raise ValueError("a label cannot be empty; null drops its records")
    return value.strip(BLANKS)


Texts = str | int | Annotated[list[str | int], Field(min_length=2)] | None
Labels = Texts


class Config(BaseModel, extra="forbid"):
    """Recipe keys of `data` for classification."""

    train: sources.Files  # a name, a path, a glob, `-`, or a list of paths and globs
    valid: sources.Held = (
        None  # a share of each label's records, or files; default: the named data set's split, else none
    )
    test: sources.Held = None
    format: Format = None  # tsv, csv, jsonl, fasttext, label-text, trees; default: from the name or the file
    text: Texts = None  # the text's column, by name or number (tsv, csv), or key (jsonl); a list: several, as one
    label: Labels = None  # the label's column or key; a list: those of several targets. In formats without
    # either it names the levels of one label: the first ends at label_until, the second is the whole
    header: bool | None = None  # tsv, csv: whether the first row names the columns; default: detected
    delimiter: str | None = None  # tsv, csv: what separates columns; default: tab, comma
    quoting: bool | None = None  # whether cells may be in double quotes; default: csv yes, tsv no
    label_prefix: str = "__label__"  # fasttext: what labels begin with
    label_until: str | None = None  # a label ends before this text: with ":" `DESC:manner` is DESC
    label_separator: str | None = None  # multi_label: what separates the labels of a cell, as ","
    label_from: LabelFrom = "record"  # file: its name labels its lines; folder: its name labels its files as wholes
    labels: dict[
        str, Annotated[str, AfterValidator(_name)] | None
    ] = {}  # other names for labels; null drops their records
    multi_label: bool = False  # a text may have several labels, or none
    phrases: bool = False  # trees: train on the phrase of every node, not only on whole sentences
    longest: Annotated[int, Field(gt=0)] = 1000  # tokens of a text that are read, in training and in use
    replay: ReplaySpec = None  # with --init-from: this share of an epoch comes from the model's earlier training data
    vectors: str | None = None  # word vectors: word2vec text, GloVe or fastText
    keep_all_vectors: bool = False  # keep vectors of words that the training split lacks too
    encoding: Encoding = "utf-8"

    @model_validator(mode="after")
    def _consistent(self) -> Config:
        if self.label_separator and not self.multi_label:
            raise ValueError("label_separator: applies to texts with several labels; set multi_label too")
        if self.label_from != "record" and self.format:
            raise ValueError(f"format: with label_from: {self.label_from} files are plain text; remove format")
        if targets.named(self.label):
            names = ("label_from",) * (self.label_from != "record") + ("multi_label",) * self.multi_label
            if odd := [*names, *("phrases",) * self.phrases]:
                raise ValueError(f"label: several targets cannot be combined with {odd[0]}")
        if self.phrases and self.format not in (None, "trees"):
            raise ValueError(f"phrases: applies to trees, not to {self.format}")
        return self


class Corpus(corpus.Corpus[Example]):
    """The examples of each split, their labels renamed as the recipe says."""

    KEPT = ("label_from", "labels", "multi_label", "longest")
    UNIT = "records with a text"

    @staticmethod
    def row(record: Example) -> list[Any]:
        return [record.text, record.labels, *content(record), *(labels for _, labels, _ in record.targets)]

    @property
    def targets(self) -> list[str]:
        """The targets, if there are several; the examples' own labels are those of the first."""
        further = self.options.further_labels
        return [str(self.options.label), *further] if further else []

    def of(self, name: str) -> Corpus:
        """Return the corpus with the labels of only one of several targets."""
        splits = {split: [e.aimed(name) for e in own] for split, own in self.splits.items()}
        return replace(self, splits=splits)

    def doubts(self) -> list[str]:
        """Return the usual doubts, and those about labels that look like mistakes."""
        counts = Counter(label for e in self.splits["train"] for label in e.labels or ())
        folded: dict[str, str] = {}
        found = []
        for label in sorted(counts):
            if (other := folded.setdefault(label.strip().casefold(), label)) != label:
                names = f"{other!r} ({counts[other]:,} texts) and {label!r} ({counts[label]:,})"
                found.append(f"the labels {names} differ only in case: data.labels can give them one name")
        if len(counts) == 1 and not self.config.multi_label:
            found.append(f"every training text has the label {next(iter(counts))!r}: there is nothing to tell apart")
        return [*super().doubts(), *found]

    def phrases(self, split: str = "train") -> list[Example]:
        """Return the distinct phrases of a split's trees with their labels, whole sentences included."""
        found: dict[tuple[str, str], Example] = {}
        for example in self.splits.get(split, ()):
            if example.tree is None:  # a text without a tree
                found.setdefault((example.text, (example.labels or [""])[0]), example)
                continue
            for phrase, label in example.tree.phrases():
                name = self.config.labels.get(label, label)
                if name is not None and (phrase, name) not in found:
                    found[phrase, name] = replace(
                        example, text=phrase, labels=[name], words=phrase.split(" "), tree=None
                    )
        return list(found.values())


def fingerprint(examples: Iterable[Example]) -> str:
    """Return the hexadecimal sha256 of texts, labels and files that texts name; the same in every format."""
    return corpus.digest(map(Corpus.row, examples))


def open_corpus(config: Config, base: Path, *, numbers: bool = False) -> Corpus:
    """Find, read and check the splits; `numbers`: texts hold frames or name files of them. Raises SeqcliError with
    file:line:column for what cannot be read."""
    plan = sources.Plan.of(config, base)
    if "label_from" in plan.settings:
        config = config.model_copy(update={"label_from": plan.settings.pop("label_from")})
    format_name = "text" if config.label_from != "record" else plan.format(config.format, guess)
    if format_name not in formats_of(LABELLED):
        raise UsageError(f"the data set {config.train!r} is {format_name}: it has no labelled texts")
    if config.phrases and format_name != "trees":
        raise UsageError(f"data.phrases is for trees; {sources.describe(config.train)} is {format_name}")
    own = {**plan.settings, **stated(config, LABELLED)}
    if several := targets.named(config.label):
        own |= {"label": several[0], "further_labels": tuple(several[1:])}
        check_targets(several, format_name, own)
    options = Options(LABELLED, **with_texts(own), numbers=numbers)
    if options.further and (numbers or format_name not in NAMED):
        what = "frames are read from one" if numbers else f"{format_name} has neither"
        raise UsageError(f"data.text: a list names several columns or keys: {what}")
    records = Records(format_name, options, plan.encoding)
    splits = {
        split: list(read_examples(records, paths, config.label_from, f"reading {split}"))
        for split, paths in plan.files.items()
    }
    check_renamed(config.labels, splits)
    splits = {split: list(renamed(examples, config.labels)) for split, examples in splits.items()}
    for examples in splits.values():
        check_labels(examples, config.multi_label)
        for name in several[1:]:
            check_labels((e.aimed(name) for e in examples), False, name)
    splits |= _share_out(splits["train"], plan.shares)
    return Corpus.made(config, plan, format_name, options, splits, roles=records.found)


def read_examples(
    records: Records, paths: Sequence[Path | str], label_from: str = "record", what: str = ""
) -> Iterator[Example]:
    """Yield the records that have a text, in order, with their labels; warns how many have none."""
    empty = 0
    if label_from == "record":
        found = records.read(paths, what)
    else:
        found = (example for path in paths for example in _by_name(records, path, label_from))
    for example in found:
        if example.text.strip():
            yield example
        else:
            empty += records.format != "text"
    if empty:
        console.warn(f"{empty:,} records without a text are left out")


def _by_name(records: Records, path: Path | str, label_from: str) -> Iterator[Example]:
    """Yield the texts of a file, labelled with its name or its folder's."""
    own = _own_label(path, label_from)
    if records.options.numbers and Path(path).suffix.lower() in ENDINGS:
        yield Example(text=Path(path).name, source=str(path), labels=list(own))
        return
    for example in _whole(path, records.encoding) if label_from == "folder" else records.read([path]):
        example.labels = list(own)
        yield example


def _own_label(path: Path | str, label_from: str) -> list[str]:
    """Return the label from a file's name or its folder's; none if the name is empty. Raises UsageError for `-`."""
    if str(path) == "-":
        raise UsageError(
            f"the label of a text is the name of its {label_from}, but standard input has no name",
            hint="name the files; or name a format that has labels: --input tsv, csv, jsonl …",
        )
    whole = Path(os.path.abspath(path))  # noqa: PTH100  the folder that a link is in, not the one it leads to
    name = whole.stem if label_from == "file" else whole.parent.name
    return labels_of(name, Options(LABELLED), lambda: f"{path}:1:1", split=False)


def _whole(path: Path | str, encoding: str) -> Iterator[Example]:
    """Yield a file as one record, with spaces for line breaks."""
    parts = [chunk.text for chunk in streams.read_text([path], encoding=encoding)]
    yield Example(text=" ".join("".join(parts).split("\n")).strip(), source=str(path))


def _share_out(train: list[Example], shares: dict[str, float]) -> dict[str, list[Example]]:
    """Draw the shares from each label's records; the splits keep the order of the data."""
    if not shares:
        return {}
    groups: dict[tuple[str, ...], list[int]] = {}
    for i, example in enumerate(train):
        groups.setdefault(tuple(example.labels or ())[:1], []).append(i)
    parts = corpus.drawn([members for _, members in sorted(groups.items())], shares)
    return {split: [train[i] for i in members] for split, members in parts.items()}


def guess(path: Path) -> str:
    """Detect the format of a file by its name or its beginning. Raises UsageError if neither shows it."""
    found = detect(LABELLED, str(path), corpus.beginning(path))
    if found not in FORMATS:
        raise UsageError(
            f"{path}: cannot tell the format of this file",
            hint=f"set data.format (in a recipe) or --input: {', '.join(FORMATS)};"
            " or data.label_from: file or folder, if its name is the label",
        )
    return found


# files that are scored


def read_scored(header: Mapping[str, Any], paths: Sequence[str | Path], said: Reading) -> list[Example]:
    """Read the texts of files with their labels. Raises SeqcliError."""
    data = header["data"]
    given = said.said("text", "label", "delimiter", "field")
    kept = "record" if said.input or given else data["label_from"]
    first, further = data["options"]["label"], tuple(data["options"].get("further_labels", ()))
    levels = bool(further) and said.label in (first, *further)
    read = _scored_format(said, paths, data, levels=levels) if kept == "record" else "text"
    own = {k: v for k, v in data["options"].items() if k != "gold"} if read == data["format"] else {}
    for name in ("label_prefix", "label_until", "label_separator"):
        own[name] = data["options"][name]
    own["multi_label"] = data["multi_label"]
    second = said.label in further and read not in LEVELS  # in training it was read whole, under its own names
    if second:
        own["label_until"] = None
    if further:  # targets have the same names in every format; one that is named is scored alone
        said_of_levels = tuple(name for name in further if name == said.label and read in LEVELS)
        own |= {"label": first, "further_labels": further if said.label is None else said_of_levels}
    given |= {name: value for name, value in said_texts(header, given.pop("field", said.text)).items() if value}
    options = Options(LABELLED, **{**own, **given}, numbers="frames" in header)
    roles = trained_roles(header)
    found = read_examples(Records(read, options, data["encoding"], roles), paths, kept, "reading")
    examples = list(renamed(found, {} if second else data["labels"]))
    if read in LEVELS and said.label:
        examples = [e.aimed(said.label) for e in examples]
    if said.skip:
        examples = [e for e in examples if e.labels or data["multi_label"]]
        examples = [e for e in examples if all(e.aimed(name).labels for name in options.further_labels)]
    check_labels(examples, data["multi_label"])
    for name in options.further_labels:
        check_labels((e.aimed(name) for e in examples), False, name)
    return examples


def _scored_format(said: Reading, paths: Sequence[Any], data: Mapping[str, Any], *, levels: bool) -> str:
    """Return the format to read: the one given, else that of the first file, else that of the training data;
    `levels`: the given label may be a level. Raises UsageError for a format without labels and for contradictions."""
    known, read = FORMATS, said.input or ("jsonl" if said.field else None)
    trained = data["format"] if data["format"] in known else None  # None: files' names were the labels
    if read is None and "-" not in paths:
        try:
            read = guess(paths[0])
            read = read if said.said("text", "delimiter") else as_trained(read, trained)
        except UsageError:
            if trained is None:
                raise
    read = read or trained
    if read is None:
        raise UsageError("cannot tell the format of the labels", hint=f"name it with --input: {', '.join(known)}")
    if read not in known:
        raise UsageError(f"--input {read}: not a format with labels", hint=did_you_mean(read, known))
    if said.field and said.text:
        raise UsageError("--field and --text both name the place of the text: give one of them")
    if not (levels and read in LEVELS):
        said.check_format(read)
    return read
