"""Generate text: continue a prompt (language models), or answer a source (sequence to sequence).

With --prompt the text is written as it is generated. Without it, every record of FILES or standard input is a prompt
or a source, and one line is written for each, in order. The format of FILES follows from their names (.csv, .tsv,
.jsonl), else they are lines; the text is in the column or under the key that the model was trained on.

Language models write only the continuation, up to its first line end or to --max-tokens; --echo writes the prompt
before it. Each (seed, record, sample) draws from its own stream of random numbers; prompts and samples are continued
together, with the same result whatever their number.

Models of numbers (tokenizer: bins) continue a series; --quantiles forecasts it instead, one line a step.

Sequence to sequence: the best answer that beam search finds (--beam 1 is greedy), or a sampled one with
--temperature, --top-k or --top-p. --n-best writes several, separated by tabs. --jsonl writes `text`, `logprob`
(nats), `score` (by which answers are ranked), `finished` and `tokens`, and on request `answers`, `alignment`,
`attention` (a row of weights a token) and `source_tokens` (its columns). Answers satisfy --must, --must-not,
--glossary, --keep and --grammar; if there is no such answer for a record, the exit status is 1.

\b
  seqcli generate --prompt "Once upon a time" --temperature 0.8
  seqcli generate < test.en > test.de
  tail -n 1 series.txt | seqcli generate --quantiles 0.1,0.5,0.9
  seqcli generate --beam 5 --n-best 3 --jsonl --attention < test.en
  arecord -t raw -f S16_LE -r 8000 | seqcli generate --input pcm

A CTC model that reads forward answers standard input while it arrives, with --jsonl one object a symbol. The input is
samples of 16 bits, little-endian, one channel (--input pcm), or, for a model of numbers, lines of vectors such as
0.1,0.2 (--input frames).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from seqcli.cli._options import (
    IN_ROWS,
    LANGUAGE,
    NAMED,
    OBJECTS,
    SEQUENCE,
    Confidence,
    DelimiterOption,
    FieldOption,
    Filtering,
    Fusing,
    Given,
    HeaderOption,
    Mixed,
    Model,
    grouped,
    nothing_to_read,
    option,
)
from seqcli.cli._reading import SOURCES, STREAMS
from seqcli.errors import UsageError

InputOption = SOURCES.option()


@dataclass(frozen=True)
class Reading:
    """Input."""

    input: Annotated[str | None, InputOption] = None
    source: Annotated[
        str | None, option("The column or key of the source, or of the prompt.", metavar="COLUMN"), NAMED
    ] = None
    prefix: Annotated[
        str | None,
        option("Sequence to sequence: the column or key of the required beginning of an answer.", metavar="COLUMN"),
        NAMED,
        SEQUENCE,
    ] = None
    must_key: Annotated[
        str | None, option("The column or key of phrases to require in answers.", metavar="KEY"), OBJECTS, SEQUENCE
    ] = None
    must_not_key: Annotated[
        str | None,
        option("The column or key of phrases to forbid in answers.", metavar="KEY"),
        OBJECTS,
        SEQUENCE,
    ] = None
    field: Annotated[str | None, FieldOption] = None
    delimiter: Annotated[str | None, DelimiterOption, IN_ROWS] = None
    header: Annotated[bool | None, HeaderOption, IN_ROWS] = None


@dataclass(frozen=True)
class Drawing:
    """Sampling."""

    temperature: Annotated[
        float | None,
        option("0 is greedy, below 1 safer, above 1 wilder. Default: 1; sequence to sequence: beam search."),
    ] = None
    top_k: Annotated[int | None, option("Sample only from the K most probable tokens.")] = None
    top_p: Annotated[float | None, option("Sample from the smallest set with this much probability.")] = None
    repetition_penalty: Annotated[
        float, option("Above 1: make tokens that already appeared less probable when sampling.")
    ] = 1.0
    samples: Annotated[int, option("Number of texts for each prompt.", "-n", "--samples", min=1)] = 1
    seed: Annotated[
        int | None, option("Seed of the random numbers. Default: a new one, printed on stderr.", min=0)
    ] = None

    @property
    def drawn(self) -> bool:
        """Whether answers are sampled instead of searched."""
        return self.temperature != 0 and (self.temperature, self.top_k, self.top_p) != (None, None, None)

    def seeded(self, drawn: bool) -> int:
        """Return the given seed; without one, a new seed, which is printed, if anything is `drawn`, else 0."""
        if self.seed is not None or not drawn:
            return self.seed or 0
        import secrets

        from seqcli import console

        seed = secrets.randbelow(1 << 31)
        console.say(f"seed {seed}")
        return seed


@dataclass(frozen=True)
class Continuing:
    """Language models."""

    stop: Annotated[
        list[str] | None, option(r"Stop before this text; \n and \t are understood. Repeatable."), LANGUAGE
    ] = None
    condition: Annotated[
        str | None,
        option("Generate under this label (data.condition).", metavar="NAME"),
        LANGUAGE,
    ] = None
    next_: Annotated[
        int | None, option("List the K most probable next tokens instead.", "--next", metavar="K", min=1), LANGUAGE
    ] = None
    quantiles: Annotated[
        str | None,
        option(
            "Numbers: forecast these quantiles of the samples (100), one line for each step, as in 0.1,0.5,0.9.",
            metavar="Q,Q,…",
        ),
        LANGUAGE,
    ] = None
    echo: Annotated[bool, option("Write the prompt before its continuation.", "--echo"), LANGUAGE] = False
    device: Annotated[str, option("cpu runs NumPy; cuda and mps run torch."), LANGUAGE] = "cpu"

    @property
    def shares(self) -> tuple[float, ...]:
        """The quantiles, in the order given. Raises UsageError."""
        try:
            found = tuple(map(float, self.quantiles.split(","))) if self.quantiles is not None else ()
        except ValueError:
            found = (2.0,)
        if not all(0 <= q <= 1 for q in found):
            raise UsageError(f"--quantiles {self.quantiles}: expected numbers from 0 to 1, as in 0.1,0.5,0.9")
        return found


@dataclass(frozen=True)
class Searching(Fusing):
    """Sequence to sequence."""

    beam: Annotated[
        int | None, option("Number of hypotheses kept. Default: the recipe's model.beam.", min=1), SEQUENCE
    ] = None
    n_best: Annotated[int, option("Write the N best answers.", min=1), SEQUENCE] = 1
    length_penalty: Annotated[
        float | None, option("Favour long answers; 0 does not. Default: the recipe's.", min=0), SEQUENCE
    ] = None
    coverage_penalty: Annotated[
        float, option("Favour answers that attend to all of the source (Wu et al. 2016).", min=0), SEQUENCE
    ] = 0.0
    no_repeat: Annotated[int, option("Never repeat a sequence of N tokens.", min=0, metavar="N"), SEQUENCE] = 0
    min_length: Annotated[int, option("Least number of tokens in an answer.", min=0), SEQUENCE] = 0
    ensemble: Annotated[
        list[str] | None, option("Use this model too, as an ensemble. Repeatable.", metavar="MODEL"), SEQUENCE
    ] = None
    replace_unknown: Annotated[
        bool, option("Replace <unk> by the source token with the most attention.", "--replace-unknown"), SEQUENCE
    ] = False


@dataclass(frozen=True)
class Demanding:
    """Constraints on answers (sequence to sequence; --grammar: language models too)."""

    must: Annotated[
        list[str] | None,
        option("An answer must contain this phrase. Repeatable; needs a beam.", metavar="TEXT"),
        SEQUENCE,
    ] = None
    must_not: Annotated[
        list[str] | None, option("An answer must not contain this phrase. Repeatable.", metavar="TEXT"), SEQUENCE
    ] = None
    glossary: Annotated[
        str | None,
        option("Lines of source TAB target: an answer must contain the targets of sources in it.", metavar="FILE"),
        SEQUENCE,
    ] = None
    keep: Annotated[
        str | None,
        option("Text that this matches in a source must occur in the answer as often.", metavar="REGEX"),
        SEQUENCE,
    ] = None
    grammar: Annotated[
        str | None, option("The whole answer, or continuation, must match this; it is one line.", metavar="REGEX")
    ] = None


@dataclass(frozen=True)
class Sure(Confidence):
    """Confidence (sequence to sequence)."""

    SERVES = SEQUENCE

    otherwise: Annotated[str, option("What to write for an answer that is dropped.", "--else")] = ""


@dataclass(frozen=True)
class Writing:
    """Output."""

    max_tokens: Annotated[
        int | None,
        option(
            "The most tokens to write. Default: 200; for an answer by its source's length.", "--max-tokens", min=0
        ),
    ] = None
    jsonl: Annotated[bool, option("Write one JSON object a text, with log-probabilities (nats).", "--jsonl")] = False
    attention: Annotated[
        bool, option("With --jsonl: the attention weights of each token.", "--attention"), SEQUENCE
    ] = False
    explain: Annotated[
        bool, option("With --jsonl: how each token that was read affects those written.", "--explain")
    ] = False
    times: Annotated[bool, option("CTC models, with --jsonl: the time of each symbol.", "--times"), SEQUENCE] = False
    alignment: Annotated[
        bool, option("Write a tab and the alignment (0-0 1-2) after each answer.", "--alignment"), SEQUENCE
    ] = False
    confidence: Annotated[
        bool, option("Write a tab and the probability that it is right after each answer.", "--confidence"), SEQUENCE
    ] = False
    draw: Annotated[
        str | None, option("Draw the first answer's attention: .png, .svg or .pdf.", metavar="FILE"), SEQUENCE
    ] = None


@dataclass(frozen=True)
class Asked:
    """The options of the command line."""

    files: list[str]
    prompt: str | None
    reading: Reading
    drawing: Drawing
    continuing: Continuing
    mixed: Mixed
    searching: Searching
    demanding: Demanding
    writing: Writing
    sure: Sure
    how: Filtering


@grouped
def command(
    reading: Reading,
    writing: Writing,
    drawing: Drawing,
    continuing: Continuing,
    mixed: Mixed,
    searching: Searching,
    demanding: Demanding,
    sure: Sure,
    how: Filtering,
    given: Given,
    files: Annotated[
        list[str] | None, typer.Argument(help="Files of prompts or sources; - is standard input.")
    ] = None,
    prompt: Annotated[
        str | None, option("Continue or answer this text; standard input is ignored.", "--prompt")
    ] = None,
    model: Model = None,
) -> int | None:
    if prompt is not None and (files or reading.field):
        raise UsageError(f"--prompt is the only prompt: {'FILES' if files else '--field'} cannot be combined with it")
    if writing.times and not (writing.jsonl or reading.field or reading.input == "jsonl"):
        raise UsageError("--times needs --jsonl")
    if writing.explain and not (writing.jsonl or reading.field or reading.input == "jsonl"):
        raise UsageError("--explain needs --jsonl")
    if "" in (continuing.stop or []):
        raise UsageError("--stop needs a text to stop at")
    if prompt is None and not files and nothing_to_read():
        return given.help()
    from seqcli import registry, runs

    stored = runs.open_model(model, "generate")
    if reading.input in STREAMS:
        from seqcli.cli import _streaming

        _streaming.run(
            files or [], reading.input, stored, given, _streaming.How(writing.jsonl, how.threads, texts=True)
        )
        return None
    given.check_model(stored)
    asked = Asked(
        files or ["-"], prompt, reading, drawing, continuing, mixed, searching, demanding, writing, sure, how
    )
    registry.load("cli/_generating", stored.header["task"]).run(asked, stored, given)
    return None
