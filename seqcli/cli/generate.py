"""Generate text: continue a prompt (language models), or answer a source (sequence to sequence).

With --prompt the text is written as it comes. Without, every line of FILES or standard input is a prompt or a source,
and one line comes back for each, in order.

Language models write the continuation alone, ended at its first line end or after --max-tokens; --echo writes the
prompt before it. Each (seed, line, sample) draws from its own stream of random numbers.

Sequence to sequence: the best answer that beam search finds (--beam 1 is greedy), or one that is drawn, where
--temperature, --top-k or --top-p say so. --n-best writes several, a tab between. --jsonl writes `text`, `logprob`
(nats), `score` (what answers are ranked by), `finished` and `tokens`, and where they are asked for `answers`,
`alignment`, `attention` (a row of weights a token) and `source_tokens` (its columns).

\b
  seqcli generate --prompt "Once upon a time" --temperature 0.8
  seqcli generate < test.en > test.de
  seqcli generate --beam 5 --n-best 3 --jsonl --attention < test.en
"""

from __future__ import annotations

from typing import Annotated

import typer

from seqcli.cli._options import Model, nothing_to_read, show_help
from seqcli.cli._reads import Reads
from seqcli.errors import UsageError

LANGUAGE, SEQUENCE = "Language models", "Sequence to sequence"
READ = Reads(("text", "jsonl", "tsv", "csv", "scan"), "source", "one more column")


def formats(incomplete: str) -> list[str]:
    """Names of formats to read."""
    return READ.offered(incomplete)


def command(
    files: Annotated[
        list[str] | None, typer.Argument(help="Files of prompts or sources, one a line; - is standard input.")
    ] = None,
    prompt: Annotated[
        str | None, typer.Option("--prompt", help="Continue or answer this text; standard input is ignored.")
    ] = None,
    model: Model = None,
    max_tokens: Annotated[
        int | None,
        typer.Option(
            "--max-tokens", min=0, help="Tokens at most. Default: 200; of an answer by its source's length."
        ),
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(help="0 is greedy; below 1 safer, above 1 wilder. Default: 1, or none is drawn.")
    ] = None,
    top_k: Annotated[int | None, typer.Option(help="Draw from the K most probable tokens only.")] = None,
    top_p: Annotated[
        float | None, typer.Option(help="Draw from the smallest set with this much probability.")
    ] = None,
    repetition_penalty: Annotated[
        float, typer.Option(help="Above 1: make tokens that were there less probable, where they are drawn.")
    ] = 1.0,
    samples: Annotated[int, typer.Option("-n", "--samples", min=1, help="Texts for each prompt.")] = 1,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Of the random numbers. Default: drawn, and said on stderr.")
    ] = None,
    jsonl: Annotated[
        bool, typer.Option("--jsonl", help="One JSON object a text, with log-probabilities (nats).")
    ] = False,
    field: Annotated[
        str | None, typer.Option(help="Input lines are JSON objects, the prompt is this field; implies --jsonl.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="BLAS threads. Default: 1, or of one prompt what a short probe prefers.")
    ] = None,
    stop: Annotated[
        list[str] | None,
        typer.Option(
            help=r"Language models: end before this text; \n and \t are understood. Repeatable.",
            rich_help_panel=LANGUAGE,
        ),
    ] = None,
    next_: Annotated[
        int | None,
        typer.Option(
            "--next",
            metavar="K",
            min=1,
            help="Language models: list the K most probable next tokens instead.",
            rich_help_panel=LANGUAGE,
        ),
    ] = None,
    echo: Annotated[
        bool,
        typer.Option(
            "--echo", help="Language models: write the prompt before its continuation.", rich_help_panel=LANGUAGE
        ),
    ] = False,
    device: Annotated[
        str, typer.Option(help="Language models: cpu runs on NumPy; cuda and mps on torch.", rich_help_panel=LANGUAGE)
    ] = "cpu",
    beam: Annotated[
        int | None,
        typer.Option(
            min=1, help="Pairs: hypotheses kept. Default: the recipe's model.beam.", rich_help_panel=SEQUENCE
        ),
    ] = None,
    n_best: Annotated[int, typer.Option(min=1, help="Pairs: the N best answers.", rich_help_panel=SEQUENCE)] = 1,
    length_penalty: Annotated[
        float | None,
        typer.Option(
            min=0, help="Pairs: favour long answers; 0 not at all. Default: the recipe's.", rich_help_panel=SEQUENCE
        ),
    ] = None,
    coverage_penalty: Annotated[
        float,
        typer.Option(
            min=0,
            help="Pairs: favour answers that look at all of the source (Wu et al. 2016).",
            rich_help_panel=SEQUENCE,
        ),
    ] = 0.0,
    no_repeat: Annotated[
        int, typer.Option(min=0, metavar="N", help="Pairs: no N tokens in a row twice.", rich_help_panel=SEQUENCE)
    ] = 0,
    min_length: Annotated[
        int, typer.Option(min=0, help="Pairs: tokens of an answer at least.", rich_help_panel=SEQUENCE)
    ] = 0,
    ensemble: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODEL", help="Pairs: decide together with this model. Repeatable.", rich_help_panel=SEQUENCE
        ),
    ] = None,
    replace_unknown: Annotated[
        bool,
        typer.Option("--replace-unknown", help="Pairs: for <unk> copy what it looks at.", rich_help_panel=SEQUENCE),
    ] = False,
    input: Annotated[
        str | None,
        typer.Option(
            "--input",
            metavar="FORMAT",
            help=f"Pairs: what is read, {', '.join(READ.formats)}; tsv and csv come back with {READ.more}."
            " [default: text]",
            autocompletion=formats,
            rich_help_panel=SEQUENCE,
        ),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN", help="Pairs in tsv, csv, jsonl: the source's column or key.", rich_help_panel=SEQUENCE
        ),
    ] = None,
    prefix: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Pairs in tsv, csv, jsonl: the column or key of what an answer must begin with.",
            rich_help_panel=SEQUENCE,
        ),
    ] = None,
    delimiter: Annotated[
        str | None, typer.Option(help="Pairs in tsv, csv: what separates columns.", rich_help_panel=SEQUENCE)
    ] = None,
    header: Annotated[
        bool | None,
        typer.Option(
            "--header/--no-header",
            help="Pairs in tsv, csv: whether the first row names the columns.",
            rich_help_panel=SEQUENCE,
        ),
    ] = None,
    attention: Annotated[
        bool,
        typer.Option(
            "--attention", help="Pairs, with --jsonl: how much each token looks at each.", rich_help_panel=SEQUENCE
        ),
    ] = False,
    alignment: Annotated[
        bool,
        typer.Option(
            "--alignment",
            help="Pairs: after an answer a tab, and its alignment as 0-0 1-2.",
            rich_help_panel=SEQUENCE,
        ),
    ] = False,
    draw: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Pairs: draw what the first answer looks at, as .png, .svg or .pdf.",
            rich_help_panel=SEQUENCE,
        ),
    ] = None,
    batch_size: Annotated[
        int,
        typer.Option(
            min=1, help="Pairs: sources answered together at most; the output is the same.", rich_help_panel=SEQUENCE
        ),
    ] = 64,
    jobs: Annotated[
        int, typer.Option(min=1, help="Pairs: processes; the output is the same.", rich_help_panel=SEQUENCE)
    ] = 1,
) -> int | None:
    from seqcli.decoding.sampling import Sampling

    drawn = any(v is not None for v in (temperature, top_k, top_p)) and temperature != 0
    sampling = Sampling(1.0 if temperature is None else temperature, top_k, top_p, repetition_penalty)
    if prompt is not None and (files or field):
        raise UsageError(
            f"--prompt does not go with {'FILES' if files else '--field'}: it is the one prompt there is"
        )
    if "" in (stop or []):
        raise UsageError("--stop needs a text to stop at")
    if prompt is None and not files and nothing_to_read():
        return show_help("generate")
    from seqcli import runs

    stored = runs.open_model(model, "generate")
    language = {"--stop": stop, "--next": next_, "--echo": echo, "--device": device != "cpu"}
    sequence = {
        "--beam": beam, "--n-best": n_best > 1, "--length-penalty": length_penalty is not None,
        "--coverage-penalty": coverage_penalty, "--no-repeat": no_repeat, "--min-length": min_length,
        "--ensemble": ensemble, "--replace-unknown": replace_unknown, "--input": input, "--source": source,
        "--prefix": prefix, "--delimiter": delimiter, "--header": header is not None, "--attention": attention,
        "--alignment": alignment, "--draw": draw, "--jobs": jobs > 1,
    }  # fmt: skip
    two_sided = stored.header["task"] == "sequence-to-sequence"
    if given := [flag for flag, value in (language if two_sided else sequence).items() if value]:
        kind = stored.header["model"]["kind"]
        raise UsageError(f"{given[0]} does not serve {stored.path}: it is a model of the kind {kind}")
    if two_sided:
        from seqcli.cli import _translating

        searched = {name: sequence[name] for name in ("--beam", "--n-best", "--length-penalty", "--coverage-penalty")}
        if not drawn and (samples > 1 or repetition_penalty != 1.0):
            flag, other = ("--samples", "--n-best") if samples > 1 else ("--repetition-penalty", "--no-repeat")
            raise UsageError(f"{flag} is for answers that are drawn", hint=f"add --temperature 1, or use {other}")
        if drawn and (given := [flag for flag, value in searched.items() if value]):
            said = f"{given[0]} is for answers that are searched, --temperature, --top-k and --top-p draw them"
            raise UsageError(f"{said}: give one kind")
        if temperature == 0 and beam is None:
            beam = n_best
        request = _translating.Request(
            files or ["-"],
            prompt,
            beam,
            n_best,
            length_penalty,
            coverage_penalty,
            no_repeat,
            min_length,
            max_tokens,
            sampling if drawn else None,
            samples,
            _seed(seed) if drawn else 0,
            ensemble or [],
            replace_unknown,
            input,
            field,
            source,
            prefix,
            delimiter,
            header,
            jsonl,
            attention,
            alignment,
            draw,
            batch_size,
        )
        _translating.run(request, stored, jobs, threads or 1)
        return None
    from seqcli.cli import _generating

    settings = _generating.Settings(
        sampling,
        200 if max_tokens is None else max_tokens,
        samples,
        [_generating.unescape(s) for s in stop or []],
        seed,
        next_,
        echo,
        jsonl or field is not None,
        field,
    )
    generator = _generating.Generator.open(stored, settings, device, threads)
    if prompt is not None:
        generator.one(prompt)
    else:
        generator.lines(files or ["-"])
    return None


def _seed(given: int | None) -> int:
    """The seed, drawn and said where none is given."""
    if given is not None:
        return given
    import secrets

    from seqcli import console

    drawn = secrets.randbelow(1 << 31)
    console.say(f"seed {drawn}")
    return drawn
