"""Training and use on a GPU: `SEQCLI_DATA=... python tests/benchmarks/bench_gpu.py [--minutes 2] > gpu.json`.

For each recipe of --recipes: trained for --minutes on the device, its tokens a second, its score on the validation
split by the CPU's NumPy form; then --steps steps twice from one seed, and once cut in the middle and resumed: whether
the three runs end with the same bits, or how far apart. Language models: tokens a second of generation by torch on
the device, one stream and 64. Beside them, in the same process, plain PyTorch of the shapes of `tinyshakespeare-large`
(nn.LSTM) and of nanoGPT's recipe for one GPU (6 layers of 384 units, 6 heads, 256 characters, batches of 64, bfloat16).

JSON on stdout: the card, the versions, a record a recipe. --device cpu tries the script where there is no card.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from figures import begin
from torch import nn

from seqcli import artifact

NANOGPT = {  # its config/train_shakespeare_char.py
    "model": {"kind": "transformer", "size": 384, "layers": 6, "heads": 6, "dropout": 0.2, "window": 256},
    "train.sequence_length": 256,
    "train.batch_size": 64,
    "train.learning_rate": 1e-3,
    "train.warmup": 100,
}
RECIPES: dict[str, tuple[str, dict[str, Any]]] = {
    "language model, LSTM": ("tinyshakespeare-large", {}),
    "language model, GRU": ("tinyshakespeare", {"model.cell": "gru", "model.hidden": 512, "model.layers": 2}),
    "language model, minGRU in blocks": (
        "tinyshakespeare",
        {"model.cell": {"kind": "mingru", "block": True}, "model.hidden": 512, "model.layers": 4},
    ),
    "language model, transformer": ("tinyshakespeare", NANOGPT),
    "tagger": ("ewt-upos", {}),
    "classifier": ("trec", {}),
    "translation, LSTM": ("multi30k-en-de", {}),
    "translation, transformer": ("multi30k-transformer", {}),
}


def seqcli(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "seqcli", "-q", *arguments]
    return subprocess.run(command, cwd=folder, check=True, text=True, stdout=subprocess.PIPE).stdout


def train(folder: Path, recipe: str, name: str, keys: dict[str, Any], *more: str) -> Path:
    sets = [part for key, value in keys.items() for part in ("--set", f"{key}={json.dumps(value)}")]
    seqcli(folder, "train", recipe, "--name", name, *sets, *more)
    return folder / "runs" / name


def apart(a: Path, b: Path) -> float:
    """The largest difference of two models' weights; 0: the same bits."""
    one, other = (artifact.read(run / "model.safetensors").part("model") for run in (a, b))
    return max(float(np.abs(one[n] - other[n]).max()) for n in one)


def measured(folder: Path, name: str, recipe: str, keys: dict[str, Any], given: argparse.Namespace) -> dict[str, Any]:
    """A recipe's record."""
    own, slug = keys | {"train.device": given.device}, name.replace(" ", "-").replace(",", "")
    timed = own | {"train.minutes": given.minutes, "train.epochs": None, "train.steps": None}
    run = train(folder, recipe, slug, timed)
    log = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    header = artifact.read(run / "model.safetensors").header
    found = {
        "recipe": recipe,
        "keys": keys,
        "precision": header["recipe"]["train"]["precision"],
        "tokens_per_second": log[-1]["tokens_per_second"],
        "tokens": log[-1]["tokens"],
        "scores": header["scores"],
    }
    few = own | {"train.epochs": None, "train.minutes": None, "train.evaluate_every": given.steps}
    runs = [train(folder, recipe, f"{slug}-{i}", few | {"train.steps": given.steps}) for i in range(2)]
    cut = train(folder, recipe, f"{slug}-cut", few | {"train.steps": given.steps, "train.schedule": "constant"})
    half = train(
        folder, recipe, f"{slug}-half", few | {"train.steps": given.steps // 2, "train.schedule": "constant"}
    )
    train(folder, str(half / "recipe.yaml"), half.name, {"train.steps": given.steps}, "--resume")
    found["repeated"], found["resumed"] = apart(*runs), apart(cut, half)
    if header["task"] == "language-model":
        for count in (1, 64):
            seconds = []
            for tokens in (1, 1 + given.tokens):
                began = time.perf_counter()
                seqcli(
                    *(folder, "generate", "-m", str(run), "--prompt", "A", "-n", str(count), "--seed", "1"),
                    *("--max-tokens", str(tokens), "--device", given.device),
                )
                seconds.append(time.perf_counter() - began)
            found[f"generated_per_second_{count}"] = round(count * given.tokens / (seconds[1] - seconds[0]))
    return found


class PlainLSTM(nn.Module):
    """The network of a user's own loop."""

    def __init__(self, symbols: int, size: int, layers: int):
        super().__init__()
        self.table, self.head = nn.Embedding(symbols, size), nn.Linear(size, symbols)
        self.recurrent = nn.LSTM(size, size, layers, batch_first=True)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.head(self.recurrent(self.table(ids))[0])


class PlainTransformer(nn.Module):
    """A decoder-only transformer of torch's own layers."""

    def __init__(self, symbols: int, size: int, layers: int, heads: int, window: int):
        super().__init__()
        self.table, self.places = nn.Embedding(symbols, size), nn.Embedding(window, size)
        layer = nn.TransformerEncoderLayer(size, heads, 4 * size, 0.2, "gelu", batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(layer, layers, nn.LayerNorm(size), enable_nested_tensor=False)
        self.head = nn.Linear(size, symbols, bias=False)
        self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(window))

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        x = self.table(ids) + self.places(torch.arange(ids.shape[1], device=ids.device))
        return self.head(self.blocks(x, self.mask, is_causal=True))


def plain(net: nn.Module, batch: int, steps: int, given: argparse.Namespace) -> float:
    """Tokens a second of a plain loop: autocast in bfloat16, fused AdamW, clipped gradients."""
    net = net.to(given.device).train()
    optimizer = torch.optim.AdamW(net.parameters(), fused=True)
    x, y = torch.randint(65, (2, batch, steps), device=given.device)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(given.device, torch.bfloat16):
            loss = nn.functional.cross_entropy(net(x).flatten(0, 1), y.flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        loss.item()

    return batch * steps * rate(step, given.seconds)


def rate(step: Callable[[], None], seconds: float) -> float:
    for _ in range(3):
        step()
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        step()
        count += 1
    return count / (time.perf_counter() - began)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each plain loop")
    parser.add_argument("--steps", type=int, default=60, help="of the runs that must end alike")
    parser.add_argument("--tokens", type=int, default=1000)
    parser.add_argument("--recipes", help="keys of RECIPES, with ; between")
    given, figures = begin(parser)
    if given.device == "cuda" and not torch.cuda.is_available():
        print("this torch finds no CUDA device; --device cpu tries the script", file=sys.stderr)
        return 2
    card = torch.cuda.get_device_name() if given.device == "cuda" else platform.processor() or platform.machine()
    found: dict[str, Any] = {"card": card, "torch": torch.__version__, "load": os.getloadavg()[0], "recipes": {}}
    nets = {
        "LSTM 2x512, 32x64": (PlainLSTM(65, 512, 2), 32, 64),
        "transformer of nanoGPT's size, 64x256": (PlainTransformer(65, 384, 6, 6, 256), 64, 256),
    }
    found["plain"] = {name: round(plain(*net, given)) for name, net in nets.items()}
    with tempfile.TemporaryDirectory() as folder:
        for name in given.recipes.split(";") if given.recipes else RECIPES:
            recipe, keys = RECIPES[name]
            print(name, file=sys.stderr)
            try:
                found["recipes"][name] = measured(Path(folder), name, recipe, keys, given)
            except subprocess.CalledProcessError as error:  # the others are worth knowing all the same
                found["recipes"][name] = {"recipe": recipe, "keys": keys, "failed": error.returncode}
    print(json.dumps(found, indent=2))
    for name, speed in found["plain"].items():
        figures.add(f"plain loop, {name}", speed, "tokens/s")
    for name, record in found["recipes"].items():
        for key, value in record.items():
            if "per_second" in key:
                figures.add(f"{name}, {key.replace('_', ' ')}", value, "tokens/s")
    figures.end()
    return int(any("failed" in record for record in found["recipes"].values()))


if __name__ == "__main__":
    sys.exit(main())
