"""Score a model on text, or on labelled text.

Without FILES the run's own test split is scored (its validation split if it has no test split). The last line printed
is the signature, which is the same for comparable numbers.

Language models have two context protocols: `stateful` carries the state through the whole text; `--window N` resets
it every N tokens and scores every position, for comparison with Transformers.

--dynamic learns from each segment once it is scored. --cache N mixes in the tokens that followed similar states
before, --mix MODEL the probabilities of other models (a counted one, or networks), with weights fitted on the
validation split.

Models of numbers (tokenizer: bins) also report the error of the next value, beside those of a linear autoregression
fitted in training and of the last value, and the share of values inside the 80 % interval; --horizon N reports the
same for the N values that follow.

Classifiers: accuracy, F1 over labels (macro, micro, weighted), ROC-AUC for two labels, calibration; --compare A B
scores two models on the same texts and reports how certain their difference is.

Sequence to sequence: BLEU, chrF, TER (--metric ter), exact match and edits of the answers that beam search finds;
--per-line gives the surprise of each given target, of FILES, of standard input, or, on a terminal or with
--split, of the run's own data. FILES of lines have their targets in files beside them: with --source en --target
de, test.en belongs to test.de. A source may have several targets, each of which is a right answer: a list in JSON
lines, or further columns, keys or files named by --reference. --compare A B scores two models (by exact match;
--metric bleu …) and reports how certain their difference is.

Taggers: accuracy of known and unknown words, precision, recall and F1 of spans by conlleval's rules, calibration.
FILES are read like the training data, or as their name or content tells; --input overrides that. --columns and --tag
(taggers) or --text and --label (classifiers) name the columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import typer

from seqcli.cli._complete import entries
from seqcli.cli._options import (
    CLASSIFICATION,
    IN_ROWS,
    LANGUAGE,
    NAMED,
    SEQUENCE,
    TAGGING,
    Columns,
    For,
    Fusing,
    Given,
    Lines,
    Mixed,
    Model,
    grouped,
    option,
)
from seqcli.errors import UsageError

Unknown = Literal["error", "skip", "count-wrong"]
UNKNOWN = ("error", "skip", "count-wrong")
LABELS, TEXTS, FIELDS, ROWS = For(has="labels"), For(has="text"), For(has="field"), For(has="rows")
DYNAMIC = For(needs="--dynamic")
LINES, PER_LINE = For(has="costs"), For(has="costs", needs="--per-line")


def metric_names(incomplete: str) -> list[tuple[str, str]]:
    """Return the names of metrics, with their units."""
    from seqcli.metrics import offers

    return [(name, offer.unit) for name, offer in offers().items() if name.startswith(incomplete)]


labelled = entries("records")  # names of the formats of pairs, and of text with tags or labels


def tokenizations(incomplete: str) -> list[str]:
    """Return sacrebleu's tokenizations that need no further package."""
    return [name for name in ("13a", "none", "char", "intl", "zh") if name.startswith(incomplete)]


@dataclass(frozen=True)
class Scoring:
    """Scores."""

    metric: Annotated[
        list[str] | None, option("Print only this metric. Repeatable.", "--metric", autocompletion=metric_names)
    ] = None
    split: Annotated[str | None, option("Score train, valid or test of the run's own data. Default: test.")] = None
    json: Annotated[bool, option("Print one JSON report on stdout.", "--json")] = False


@dataclass(frozen=True)
class Reading:
    """Input."""

    input: Annotated[
        str | None,
        option(
            "Classifiers: tsv, csv, jsonl, fasttext, label-text, trees; taggers: word-tag, conll, conllu, jsonl,"
            " text for models that restore something in it; pairs: lines (two files), tsv, csv, jsonl, scan. Default:"
            " by the content, or as in training. Language models, with --per-line: text, jsonl, tsv, csv.",
            "--input",
            metavar="FORMAT",
            autocompletion=labelled,
        ),
    ] = None
    text: Annotated[
        str | None,
        option("Classifiers, lines: the text's column, or key like --field; for several texts: title,body."),
        TEXTS,
        NAMED,
    ] = None
    label: Annotated[str | None, option("Classifiers: the label's column or key."), CLASSIFICATION, NAMED] = None
    source: Annotated[
        str | None, option("Pairs: the source's column or key; for two files its suffix, such as en."), SEQUENCE
    ] = None
    target: Annotated[str | None, option("Pairs: the same for the target, such as de."), SEQUENCE] = None
    reference: Annotated[
        list[str] | None,
        option(
            "Pairs: a further right answer: a column or key; for two files a suffix or a file. Repeatable. A target"
            " in JSON lines may be a list of right answers.",
            metavar="NAME",
        ),
        SEQUENCE,
    ] = None
    delimiter: Annotated[str | None, option("tsv, csv: the separator of columns."), ROWS, IN_ROWS] = None
    field: Annotated[str | None, option("jsonl: the key of the tokens or the text."), FIELDS] = None
    tag: Annotated[str | None, option("Taggers: the column, field or key of the tags."), TAGGING] = None


@dataclass(frozen=True)
class TagColumns(Columns):
    """Columns of words (conll; taggers)."""

    SERVES = TAGGING


@dataclass(frozen=True)
class Contexts:
    """Language models."""

    window: Annotated[
        int | None, option("Reset the state every N tokens.", "--window", metavar="N", min=1), LANGUAGE
    ] = None
    horizon: Annotated[
        int | None,
        option("Numbers: forecast N steps, with 100 paths from each of 50 places.", metavar="N", min=1),
        LANGUAGE,
    ] = None
    threads: Annotated[int | None, option("BLAS threads.", min=1), LANGUAGE] = None


@dataclass(frozen=True)
class Learning:
    """Dynamic evaluation (recurrent language models; needs torch)."""

    dynamic: Annotated[
        bool, option("Learn from each segment once it is scored (dynamic evaluation).", "--dynamic"), LANGUAGE
    ] = False
    dynamic_rate: Annotated[float, option("How far each segment moves the weights.", min=0), LANGUAGE, DYNAMIC] = 1e-4
    dynamic_decay: Annotated[float, option("How far the weights then return.", min=0, max=1), LANGUAGE, DYNAMIC] = (
        0.01
    )
    dynamic_segment: Annotated[int, option("Tokens of a segment.", metavar="N", min=1), LANGUAGE, DYNAMIC] = 50


@dataclass(frozen=True)
class PerLine:
    """The surprise of each line, as a filter (language models, sequence to sequence)."""

    per_line: Annotated[bool, option("Write each line's nats TAB tokens.", "--per-line"), LINES] = False
    jsonl: Annotated[bool, option("Like --per-line, as JSON objects, one a line.", "--jsonl"), LINES] = False
    errors: Annotated[
        str,
        option("The same as in the other filters: see seqcli generate --help.", metavar="strict|replace"),
        PER_LINE,
    ] = "strict"
    unknown: Annotated[str, option("The same as in the other filters.", metavar="answer|strict"), PER_LINE] = "answer"

    @property
    def asked(self) -> bool:
        """Whether lines are scored one by one."""
        return self.per_line or self.jsonl

    @property
    def how(self) -> Lines:
        """The options of the filter loop."""
        return Lines(self.errors, self.unknown)


@dataclass(frozen=True)
class Labels:
    """Labels (classifiers, taggers)."""

    unknown_label: Annotated[
        str | None,
        option(
            "A label that the model does not know: error, skip or count-wrong. Default: error in FILES; in the run's"
            " own data count-wrong, as in training.",
            "--unknown-label",
            metavar="error|skip|count-wrong",
        ),
        LABELS,
    ] = None
    confusion: Annotated[
        bool, option("Print which labels were taken for which, most frequent first.", "--confusion"), LABELS
    ] = False
    compare: Annotated[
        tuple[str, str] | None,
        option(
            "Classifiers, sequence to sequence: compare two models, with the interval of their difference.",
            metavar="A B",
        ),
        For(("classification", "sequence-to-sequence")),
    ] = None

    def unknown(self, files: list[str]) -> Unknown:
        """Return how to treat a label that the model does not know. Raises UsageError for an unknown value."""
        if self.unknown_label is None:
            return "error" if files else "count-wrong"
        if self.unknown_label not in UNKNOWN:
            said = f"--unknown-label: {self.unknown_label!r} is not a known value"
            raise UsageError(said, hint=f"known: {', '.join(UNKNOWN)}")
        return self.unknown_label  # type: ignore[return-value]


@dataclass(frozen=True)
class Answers(Fusing):
    """Sequence to sequence."""

    beam: Annotated[int | None, option("Number of hypotheses kept. Default: the recipe's.", min=1), SEQUENCE] = None
    length_penalty: Annotated[
        float | None, option("Favour long answers. Default: the recipe's.", min=0), SEQUENCE
    ] = None
    tokenize: Annotated[
        str | None,
        option("sacrebleu's name of the tokenization for BLEU: 13a, none, char …", autocompletion=tokenizations),
        SEQUENCE,
    ] = None
    lowercase: Annotated[bool, option("Ignore case in BLEU and chrF.", "--lowercase"), SEQUENCE] = False


@dataclass(frozen=True)
class Asked:
    """The options of the command line."""

    files: list[str]
    scoring: Scoring
    reading: Reading
    columns: Columns
    contexts: Contexts
    learning: Learning
    mixed: Mixed
    per_line: PerLine
    labels: Labels
    answers: Answers

    @property
    def unknown(self) -> Unknown:
        """How to treat a label that the model does not know. Raises UsageError for an unknown value."""
        return self.labels.unknown(self.files)


@grouped
def command(
    scoring: Scoring,
    labels: Labels,
    contexts: Contexts,
    learning: Learning,
    mixed: Mixed,
    answers: Answers,
    per_line: PerLine,
    reading: Reading,
    columns: TagColumns,
    given: Given,
    files: Annotated[list[str] | None, typer.Argument(help="Text files; - is standard input.")] = None,
    model: Model = None,
) -> int | None:
    from seqcli import metrics, predictor, registry, runs

    for name in scoring.metric or []:
        metrics.check(name)
    if files and scoring.split:
        raise UsageError("--split names a part of the run's own data: it cannot be combined with FILES")
    if labels.compare and model:
        raise UsageError("--compare names both models: leave out --model")
    stored = runs.open_model(labels.compare[0] if labels.compare else model, "eval")
    given.check_model(stored)
    asked = Asked(files or [], scoring, reading, columns, contexts, learning, mixed, per_line, labels, answers)
    return registry.load("cli/_scoring", stored.header["task"]).run(asked, predictor.load(stored), given)
