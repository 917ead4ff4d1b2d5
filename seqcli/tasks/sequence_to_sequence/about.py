"""Describe a sequence-to-sequence model for `inspect`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqcli.tasks.sequence_to_sequence.columns import PART


def facts(header: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return pairs (name, fact) from a model's header; sizes of vocabularies exclude BOS and EOS."""
    sizes, target = header["vocabulary"], header.get("target_tokenizer")
    of_frames = "frames" in header
    first = f"{header['tokenizer']['kind']}, vocabulary of {sizes['target' if of_frames else 'source'] - 2:,}"
    found = [("tokenizer", f"{first}, of both sides" if target is None else f"{first}, of the source")]
    if columns := header.get(PART):
        own = ", ".join(f"{c['tokenizer']['kind']} of column {c['column']}" for c in columns)
        first = f"vocabulary of {sizes['source'] - 2:,}, of the source"
        found = [("tokenizers", f"{own}; {first}")]
        found.append(("", f"{header['tokenizer']['kind']}, vocabulary of {sizes['target'] - 2:,}, of the target"))
    if of_frames:
        found = [("tokenizer", f"{first}, of the target")]
    if target is not None:
        found.append(("", f"{target['kind']}, vocabulary of {sizes['target'] - 2:,}, of the target"))
    model, data = header["model"], header["data"]
    penalty = f", length penalty {model['length_penalty']:g}" if "length_penalty" in model else ""
    found.append(("answers", f"beam {model['beam']}{penalty}"))
    if not penalty:  # a CTC model cannot give more symbols than there are steps
        return found
    return [*found, ("", f"at most {data['answer_ratio']:g} tokens for each source token, plus 10")]
