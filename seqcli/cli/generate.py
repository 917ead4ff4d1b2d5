"""Generate text: continue a prompt (language models), or answer a source (sequence to sequence).

With --prompt the text is written as it comes. Without, every record of FILES or standard input is a prompt or a
source, and one line comes back for each, in order. FILES are read as their names say (.csv, .tsv, .jsonl), else as
lines; the text is in the column or under the key that the model was trained on.

Language models write the continuation alone, ended at its first line end or after --max-tokens; --echo writes the
prompt before it. Each (seed, record, sample) draws from its own stream of random numbers; prompts and samples are
continued side by side, with the same result whatever their number.

Models of numbers (tokenizer: bins) continue a series; --quantiles forecasts it instead, a line a step.

Sequence to sequence: the best answer that beam search finds (--beam 1 is greedy), or one that is drawn, where
--temperature, --top-k or --top-p say so. --n-best writes several, a tab between. --jsonl writes `text`, `logprob`
(nats), `score` (what answers are ranked by), `finished` and `tokens`, and where they are asked for `answers`,
`alignment`, `attention` (a row of weights a token) and `source_tokens` (its columns). Answers hold what --must,
--glossary and --keep say, and are as --grammar says; for a record where none is so the exit status is 1.

\b
  seqcli generate --prompt "Once upon a time" --temperature 0.8
  seqcli generate < test.en > test.de
  tail -n 1 series.txt | seqcli generate --quantiles 0.1,0.5,0.9 --max-tokens 24
  seqcli generate --beam 5 --n-best 3 --jsonl --attention < test.en
  arecord -t raw -f S16_LE -r 8000 | seqcli generate --input pcm

A CTC model that reads forward writes what comes on standard input while it comes, with --jsonl an object a symbol:
samples of 16 bits, little-endian, one channel (--input pcm), or of a model of numbers lines of vectors, as 0.1,0.2
(--input frames).
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
    """What is read."""

    input: Annotated[str | None, InputOption] = None
    source: Annotated[
        str | None, option("The column or key of the source, or of the prompt.", metavar="COLUMN"), NAMED
    ] = None
    prefix: Annotated[
        str | None,
        option("Sequence to sequence: the column or key of what an answer must begin with.", metavar="COLUMN"),
        NAMED,
        SEQUENCE,
    ] = None
    must_key: Annotated[
        str | None, option("The column or key of phrases that an answer must hold.", metavar="KEY"), OBJECTS, SEQUENCE
    ] = None
    must_not_key: Annotated[
        str | None,
        option("The column or key of phrases that an answer must not hold.", metavar="KEY"),
        OBJECTS,
        SEQUENCE,
    ] = None
    field: Annotated[str | None, FieldOption] = None
    delimiter: Annotated[str | None, DelimiterOption, IN_ROWS] = None
    header: Annotated[bool | None, HeaderOption, IN_ROWS] = None


@dataclass(frozen=True)
class Drawing:
    """How text is drawn."""

    temperature: Annotated[
        float | None,
        option("0 is greedy, below 1 safer, above 1 wilder. Default: 1; sequence to sequence then searches."),
    ] = None
    top_k: Annotated[int | None, option("Draw from the K most probable tokens only.")] = None
    top_p: Annotated[float | None, option("Draw from the smallest set with this much probability.")] = None
    repetition_penalty: Annotated[
        float, option("Above 1: make tokens that already appeared less probable when sampling.")
    ] = 1.0
    samples: Annotated[int, option("Number of texts for each prompt.", "-n", "--samples", min=1)] = 1
    seed: Annotated[
        int | None, option("Seed of the random numbers. Default: a new one, printed on stderr.", min=0)
    ] = None

    @property
    def drawn(self) -> bool:
        """Whether answers that could be searched are drawn."""
        return self.temperature != 0 and (self.temperature, self.top_k, self.top_p) != (None, None, None)

    def seeded(self, drawn: bool) -> int:
        """The seed: the one that is given, else a new one, which is said, where anything is `drawn` by it."""
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
        option("The label to write under (data.condition).", metavar="NAME"),
        LANGUAGE,
    ] = None
    next_: Annotated[
        int | None, option("List the K most probable next tokens instead.", "--next", metavar="K", min=1), LANGUAGE
    ] = None
    quantiles: Annotated[
        str | None,
        option(
            "Numbers: forecast these quantiles over the samples (100), one line for each step, as 0.1,0.5,0.9.",
            metavar="Q,Q,…",
        ),
        LANGUAGE,
    ] = None
    echo: Annotated[bool, option("Write the prompt before its continuation.", "--echo"), LANGUAGE] = False
    device: Annotated[str, option("cpu runs on NumPy; cuda and mps on torch."), LANGUAGE] = "cpu"

    @property
    def shares(self) -> tuple[float, ...]:
        """The quantiles, in order as they are given. Raises UsageError."""
        try:
            found = tuple(map(float, self.quantiles.split(","))) if self.quantiles is not None else ()
        except ValueError:
            found = (2.0,)
        if not all(0 <= q <= 1 for q in found):
            raise UsageError(f"--quantiles {self.quantiles}: they are shares from 0 to 1, as 0.1,0.5,0.9")
        return found


@dataclass(frozen=True)
class Searching(Fusing):
    """Sequence to sequence."""

    beam: Annotated[
        int | None, option("Number of hypotheses kept. Default: the recipe's model.beam.", min=1), SEQUENCE
    ] = None
    n_best: Annotated[int, option("The N best answers.", min=1), SEQUENCE] = 1
    length_penalty: Annotated[
        float | None, option("Favour long answers; 0: not at all. Default: the recipe's.", min=0), SEQUENCE
    ] = None
    coverage_penalty: Annotated[
        float, option("Favour answers that look at all of the source (Wu et al. 2016).", min=0), SEQUENCE
    ] = 0.0
    no_repeat: Annotated[int, option("Never repeat N tokens in a row.", min=0, metavar="N"), SEQUENCE] = 0
    min_length: Annotated[int, option("Least number of tokens in an answer.", min=0), SEQUENCE] = 0
    ensemble: Annotated[
        list[str] | None, option("Decide together with this model. Repeatable.", metavar="MODEL"), SEQUENCE
    ] = None
    replace_unknown: Annotated[
        bool, option("Replace <unk> with the source token that it looks at.", "--replace-unknown"), SEQUENCE
    ] = False


@dataclass(frozen=True)
class Demanding:
    """What answers must be (sequence to sequence; --grammar: language models too)."""

    must: Annotated[
        list[str] | None,
        option("An answer must hold this phrase. Repeatable; needs a beam.", metavar="TEXT"),
        SEQUENCE,
    ] = None
    must_not: Annotated[
        list[str] | None, option("An answer must not hold this phrase. Repeatable.", metavar="TEXT"), SEQUENCE
    ] = None
    glossary: Annotated[
        str | None,
        option("Lines of source TAB target: an answer must hold those whose source is there.", metavar="FILE"),
        SEQUENCE,
    ] = None
    keep: Annotated[
        str | None,
        option("What this matches in a source must appear in the answer as often.", metavar="REGEX"),
        SEQUENCE,
    ] = None
    grammar: Annotated[
        str | None, option("The whole answer, or continuation, must match this; it is one line.", metavar="REGEX")
    ] = None


@dataclass(frozen=True)
class Sure(Confidence):
    """How sure answers must be (sequence to sequence)."""

    SERVES = SEQUENCE

    otherwise: Annotated[str, option("What to write for an answer that is dropped.", "--else")] = ""


@dataclass(frozen=True)
class Writing:
    """What is written."""

    max_tokens: Annotated[
        int | None,
        option(
            "Most tokens to write. Default: 200; for an answer, by the length of its source.", "--max-tokens", min=0
        ),
    ] = None
    jsonl: Annotated[bool, option("One JSON object a text, with log-probabilities (nats).", "--jsonl")] = False
    attention: Annotated[
        bool, option("With --jsonl: how much each token looks at each.", "--attention"), SEQUENCE
    ] = False
    explain: Annotated[
        bool, option("With --jsonl: what each token that was read does to what is written.", "--explain")
    ] = False
    times: Annotated[bool, option("CTC models, with --jsonl: when each symbol is said.", "--times"), SEQUENCE] = False
    alignment: Annotated[
        bool, option("Write a tab and the alignment (0-0 1-2) after each answer.", "--alignment"), SEQUENCE
    ] = False
    confidence: Annotated[
        bool, option("Write a tab and the probability that it is right after each answer.", "--confidence"), SEQUENCE
    ] = False
    draw: Annotated[
        str | None, option("Draw what the first answer looks at, as .png, .svg or .pdf.", metavar="FILE"), SEQUENCE
    ] = None


@dataclass(frozen=True)
class Asked:
    """What the command line asks for."""

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
        raise UsageError(
            f"--prompt does not go with {'FILES' if files else '--field'}: it is the one prompt there is"
        )
    if writing.times and not (writing.jsonl or reading.field or reading.input == "jsonl"):
        raise UsageError("--times goes with --jsonl")
    if writing.explain and not (writing.jsonl or reading.field or reading.input == "jsonl"):
        raise UsageError("--explain goes with --jsonl")
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
