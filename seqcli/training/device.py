"""Choose device, precision and threads by static rules, so that a run can be repeated from its recipe."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from seqcli import layers
from seqcli.console import warn
from seqcli.errors import UsageError
from seqcli.recipe.schema import TrainConfig

BFLOAT16_FROM = 256  # hidden units: below, bfloat16 gains nothing on a CPU


def resolve(config: TrainConfig, hidden: int, processes: int = 1) -> TrainConfig:
    """Return the configuration with `device`, `precision` and `threads` resolved; each of several `processes` on a
    machine gets its share of the cores. Raises UsageError for a device that is not there."""
    device = config.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    elif device == "cuda" and not torch.cuda.is_available():
        raise UsageError(
            "train.device: cuda was asked for, but this torch finds no CUDA device", hint="use device: auto"
        )
    elif device == "mps" and not torch.backends.mps.is_available():
        raise UsageError("train.device: mps was asked for, but this machine has none", hint="use device: auto")
    precision = config.precision
    if precision == "auto":
        precision = "bfloat16" if hidden >= BFLOAT16_FROM and has_bfloat16(device) else "float32"
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    asked = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    threads = config.threads or (int(asked) if asked.isdecimal() else 0) or max((here or 1) // processes, 1)
    if processes > 1 and device == "cpu" and threads * processes > (here or threads * processes):
        warn(f"{processes} processes of {threads} threads on {here} cores: fewer are faster, see train.threads")
    return config.model_copy(update={"device": device, "precision": precision, "threads": threads})


def has_bfloat16(device: str) -> bool:
    """Whether the device multiplies bfloat16 in hardware."""
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device != "cpu":
        return False
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, check, lambda: False)() for check in checks)


def keep_freed_memory() -> None:
    """Keep the memory that one step frees in the process for the next: pages returned to the system cost a page fault
    each when they are needed again, a fifth of the time of a step. glibc only; does nothing elsewhere."""
    if "MALLOC_TRIM_THRESHOLD_" in os.environ or not hasattr(os, "confstr"):
        return  # the user's own choice; not a POSIX system
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:
        set_option(-1, 1 << 30)  # M_TRIM_THRESHOLD: bytes free at the heap's end before any are given back
        set_option(-3, 32 << 20)  # M_MMAP_THRESHOLD, at its maximum: only larger blocks are mapped one by one


def leaves(model: Any, device: str) -> dict[str, torch.Tensor]:
    """Return the model's arrays as float32 leaves with gradients."""
    return {
        name: torch.from_numpy(np.array(a, dtype=np.float32)).to(device).requires_grad_()
        for name, a in layers.arrays(model).items()
    }


def bind(model: Any, weights: Mapping[str, torch.Tensor], precision: str) -> Any:
    """Return the model with torch weights cast to `precision`; gradients flow back to the float32 leaves."""
    if precision == "bfloat16":
        weights = {name: w.to(torch.bfloat16) for name, w in weights.items()}
    return layers.replace(model, weights)


def detached(state: Any) -> Any:
    """Return a carried state (nested tuples of tensors) detached, so that no gradient flows back through it."""
    return tuple(map(detached, state)) if isinstance(state, tuple) else state.detach()


def to_numpy(weights: Mapping[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """Return copies of tensors as NumPy arrays (bfloat16 as float32, since NumPy has no such type)."""

    def copy(t: torch.Tensor) -> np.ndarray:
        t = t.detach().cpu()
        return (t.float() if t.dtype == torch.bfloat16 else t).numpy().copy()

    return {name: copy(t) for name, t in weights.items()}


def kernel_works(try_once: Callable[[], None], precision: str) -> bool:
    """Whether a step runs in a precision; warns if a kernel refuses it."""
    if precision == "float32":
        return True
    try:
        try_once()
    except RuntimeError as error:
        warn(f"this device's kernel refuses {precision} ({str(error).splitlines()[0]}); training in float32")
        return False
    return True
