"""Transcribe a record while it arrives, with the best path of a CTC model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from seqcli import ops
from seqcli.decoding.ctc import Greedy
from seqcli.errors import UsageError
from seqcli.inference import live
from seqcli.inference.live import Heard

if TYPE_CHECKING:
    from seqcli.tasks.sequence_to_sequence.predict import Translator


class Live(live.Live):
    """A live transcriber that answers each symbol where it begins."""

    name = "text"

    def __init__(self, translator: Translator):
        codec, model = translator.codec, translator.model
        if not hasattr(model, "posteriors"):
            raise UsageError("its decoder needs whole records", hint="train one with model.kind: ctc")
        super().__init__(codec.frames, model)
        self._banned = [id for id in codec.banned if id != codec.bos]  # there is no BOS: the blank has its number
        self._symbol, self._greedy, self._texts = codec.target.symbol, Greedy(model.blank), codec.target.stream()

    def heard(self, first: int, logits: np.ndarray, last: bool) -> list[Heard]:
        logprobs = ops.log_softmax(logits)
        logprobs[:, self._banned] = -np.inf
        ids, steps = self._greedy.push(logprobs)
        chances = np.exp(logprobs[steps - first, ids].astype(np.float64)).tolist()
        return [
            Heard(step, self._symbol(id), p, self._texts.push(id))
            for id, step, p in zip(ids.tolist(), steps.tolist(), chances, strict=True)
        ]

    def rest(self) -> str:
        return self._texts.finish()
