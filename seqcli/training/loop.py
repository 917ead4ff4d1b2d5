"""The resumable training loop of gradient-trained models; the task defines batches and their loss.

`Trainer`'s weights, optimizer, generator, carried state and `Progress` decide every later step; `save` writes them to
`last.safetensors`, the commit point, and `load` restores them, so that an interrupted run ends bit-identical to an
uninterrupted one.
"""

from __future__ import annotations

import dataclasses
import math
import time
from typing import Any

import numpy as np
import torch

from seqcli import artifact, layers
from seqcli.errors import SeqcliError
from seqcli.reader import filed
from seqcli.recipe.schema import TrainConfig
from seqcli.runs import Run
from seqcli.task import BaseTask, Evaluation
from seqcli.training import averaging, device, optimizers
from seqcli.training.board import Board
from seqcli.training.display import Display
from seqcli.training.group import Group
from seqcli.training.interrupt import Interrupt
from seqcli.training.progress import Progress, restored


class Trainer:
    """A trainer of one model; `fit` runs until the budget is spent, patience runs out, or a signal interrupts it."""

    def __init__(
        self, task: BaseTask, config: TrainConfig, run: Run, header: dict[str, Any], group: Group | None = None
    ):
        self.task, self.config, self.run, self.header = task, config, run, header
        self.progress, self.group = Progress(), group or Group()
        self.device = self.group.device(str(config.device))
        averaging.check(config, task)
        torch.set_num_threads(config.threads or 1)
        device.keep_freed_memory()
        self.weights = device.leaves(task.model, self.device)
        if not device.kernel_works(lambda: self._probe(config.precision), config.precision):
            self.config = config = config.model_copy(update={"precision": "float32"})
            self.header["recipe"]["train"]["precision"] = "float32"
        self.averaged = {n: w.detach().clone() for n, w in self.weights.items()} if config.average else None
        self.optimizer = optimizers.build(config, self.weights, task.depth.rates())
        self.learning = 0  # number of groups of `task.depth` that are being trained
        self.generator = torch.Generator(self.device)
        self.generator.manual_seed(config.seed)
        task.rows = self.group.rows
        self.state = self._fresh_state()
        self.board: Board | None = None
        self._last_save = time.monotonic()

    def _probe(self, precision: str) -> None:
        """Compute one loss and its gradient, and discard them. Raises RuntimeError if a kernel refuses."""
        model = device.bind(self.task.model, self.weights, precision)
        loss, _ = self.task.loss(model, self.task.batch(0, 0), self.task.initial_state(model), None)
        torch.autograd.grad(loss, list(self.weights.values()), allow_unused=True)

    # budgets

    @property
    def steps_per_epoch(self) -> float:
        return self.task.batches / self.config.accumulate

    @property
    def total_steps(self) -> int | None:
        """Optimizer steps of the budget; None if only `minutes` limits it."""
        limits = [self.config.steps] if self.config.steps else []
        if self.config.epochs:
            limits.append(max(1, round(self.config.epochs * self.steps_per_epoch)))
        return min(limits) if limits else None

    @property
    def epochs_done(self) -> float:
        return self.progress.epoch + self.progress.batch / self.task.batches

    @property
    def share(self) -> float:
        """The spent part of the budget, 0 .. 1."""
        spent = [self.progress.step / self.total_steps] if self.total_steps else []
        if self.config.minutes:
            spent.append(self.progress.seconds / (60 * self.config.minutes))
        return min(max(spent), 1.0)

    def limit(self) -> str:
        """Return the key of the limit that is reached first: epochs, steps or minutes."""
        if self.config.minutes and self.progress.seconds >= 60 * self.config.minutes:
            return "minutes"
        return "steps" if self.config.steps == self.total_steps else "epochs"

    def evaluate_every(self) -> int:
        """Return the steps between evaluations: an epoch, but at least 10 and at most about 50 evaluations a run."""
        if self.config.evaluate_every:
            return self.config.evaluate_every
        every = math.ceil(self.steps_per_epoch)
        total = self.total_steps or 10 * every
        return max(1, min(every, math.ceil(total / 10)), total // 50)

    def _nearly_done(self, every: int) -> bool:
        """Whether the final evaluation is so close that an evaluation now would add nothing."""
        left = (self.total_steps or math.inf) - self.progress.step
        return 0 < left < every / 2

    def done(self) -> bool:
        """Whether a budget is spent or patience has run out."""
        if self.config.patience and self.progress.stale >= self.config.patience:
            return True
        return self.share >= 1.0

    # the loop

    def fit(self, display: Display, interrupt: Interrupt) -> int:
        """Train to the end or to an interrupt, and save; return the number of the signal, or 0 at the end."""
        p, began = self.progress, time.monotonic() - self.progress.seconds
        p.finished = False
        if not p.step:
            self.save()  # from here on there is a run to resume
        every, evaluated_at = self.evaluate_every(), p.seconds
        while not self.done():
            loss, norm, rate = self.step()
            p.seconds = self._clock(began)
            display.step(p, loss, norm, rate, self.share, self.total_steps)
            # written before `last.safetensors` of this step
            if self.config.snapshot_every and p.step % self.config.snapshot_every == 0:
                self.write_model(self.run.snapshot(p.step), {})
            due = p.step % every == 0 and not self._nearly_done(every)
            if self.config.minutes and not self.config.evaluate_every:
                due = due or p.seconds - evaluated_at > 6 * self.config.minutes
            if due or self.done():
                self.evaluate(rate)
                p.seconds = self._clock(began)
                evaluated_at = p.seconds
                display.evaluation(p)
                if due:
                    self.save()
            due = time.monotonic() - self._last_save > self.config.save_every
            due, wanted = self.group.agreed(due, interrupt.wanted)
            if due or wanted:
                self.save()
            if wanted:
                return wanted
        if self.group.first:
            averaging.average(self)
        p.finished = True
        self.save()
        return 0

    def _clock(self, began: float) -> float:
        """Return the seconds of training; the same in all processes if the budget is in minutes."""
        seconds = time.monotonic() - began
        return self.group.clock(seconds) if self.config.minutes else seconds

    def step(self) -> tuple[float, float, float]:
        """Take one optimizer step; return (training loss in nats per token, gradient norm, learning rate)."""
        p, config = self.progress, self.config
        rate = optimizers.learning_rate(
            config, step=p.step, epoch=self.epochs_done, share=self.share, factor=p.factor
        )
        optimizers.set_rate(self.optimizer, rate)
        self.optimizer.zero_grad(set_to_none=True)
        self._unfreeze()
        self.group.draw(self.generator, config.seed, p.step)
        total = 0.0
        for _ in range(config.accumulate):
            total += self._descend(self.task.batch(p.epoch, p.batch))
            p.batch += 1
            if p.batch == self.task.batches:
                p.epoch, p.batch = p.epoch + 1, 0
                self.state = self._fresh_state()
        parameters = list(self.weights.values())
        total = self.group.reduce(parameters, total)
        length = torch.nn.utils.get_total_norm([w.grad for w in parameters if w.grad is not None])
        norm = length.item()
        if not (math.isfinite(total) and math.isfinite(norm)):
            raise self._diverged(f"the loss became {total} (gradient norm {norm}) at step {p.step + 1}", rate)
        if config.clip_norm is not None and norm > config.clip_norm:
            torch.nn.utils.clip_grads_with_norm_(parameters, config.clip_norm, length)
        self.optimizer.step()
        p.step += 1
        self._average()
        p.loss_sum, p.norm_sum, p.steps_since = p.loss_sum + total, p.norm_sum + norm, p.steps_since + 1
        return total, norm, rate

    def _unfreeze(self) -> None:
        """Let exactly those weights have gradients whose turn to learn has come."""
        learning = self.task.depth.learning(self.epochs_done)
        if learning != self.learning:
            self.learning = learning
            for i, names in enumerate(self.task.depth.groups):
                for name in names:
                    self.weights[name].requires_grad_(i < learning)

    def _descend(self, batch: Any) -> float:
        """Add to the gradient of a step what a batch, or this process's rows of it (None: no rows), contributes;
        return its part of the loss."""
        mine = (self.task.weight(batch), self.task.size(batch)) if batch is not None else (0, 0)
        share, units = self.group.share(*mine)
        self.progress.tokens += units
        if not share:
            return 0.0
        model = device.bind(self.task.model, self.weights, self.config.precision)
        loss, state = self.task.loss(model, batch, self.state, self.generator)
        (loss / (self.config.accumulate / share)).backward()
        self.state = device.detached(state)
        return loss.item() / self.config.accumulate * share

    @torch.no_grad()
    def _average(self) -> None:
        """Move the average towards the weights, faster early on, so that it forgets the initial weights."""
        if self.averaged is not None:
            decay = min(self.config.average, (1 + self.progress.step) / (10 + self.progress.step))
            for name, average in self.averaged.items():
                average.lerp_(self.weights[name], 1 - decay)

    @property
    def kept(self) -> dict[str, torch.Tensor]:
        """The weights that are evaluated and written: the moving average, if there is one."""
        return self.weights if self.averaged is None else self.averaged

    def _diverged(self, what: str, rate: float) -> SeqcliError:
        kept = f"the best model so far is kept in {self.run.model}\n" if self.progress.best is not None else ""
        return SeqcliError(
            f"{what}: training has diverged",
            hint=f"{kept}try a lower train.learning_rate (it was {rate:.2g}), more train.warmup,"
            f" {'a smaller train.clip_norm' if self.config.clip_norm else 'train.clip_norm: 1.0'}"
            f"{', or train.precision: float32' if self.config.precision == 'bfloat16' else ''};"
            " --resume continues from the last save, --overwrite starts again",
        )

    def evaluate(self, rate: float) -> None:
        """Evaluate and log, keep the model if it is the best so far, and advance the plateau schedule."""
        p = self.progress
        train = p.loss_sum / max(p.steps_since, 1)
        with torch.no_grad():
            model = device.bind(self.task.model, self.kept, "float32")
            found = self.group.of_first(lambda: self.task.evaluate(model))
        found = found or Evaluation({"train_loss": train}, "train_loss")
        watched = found.scores[found.watched]
        if not all(math.isfinite(score) for score in found.scores.values()):
            raise self._diverged(f"the validation loss became {watched} at step {p.step}", rate)
        better = p.best is None or (watched > p.best if found.more_is_better else watched < p.best)
        if better:
            p.best, p.best_step, p.stale, p.plateau, p.mean_of = watched, p.step, 0, 0, 0
            self.write_model(self.run.model, dict(found.scores))
        else:
            p.stale, p.plateau = p.stale + 1, p.plateau + 1
            if self.config.schedule == "plateau" and p.plateau > self.config.decay_patience:
                p.factor, p.plateau = p.factor * self.config.decay, 0
        scores = {"train_loss": train, "valid_loss": None, **found.scores}
        figures = {
            "gradient_norm": p.norm_sum / max(p.steps_since, 1),
            "learning_rate": rate,
            "tokens": p.tokens,
            "tokens_per_second": round(p.tokens / p.seconds) if p.seconds else None,
        }
        p.loss_sum = p.norm_sum = 0.0
        p.steps_since = 0
        p.history.append({"step": p.step, "epoch": round(self.epochs_done, 4), **scores})
        self.log(scores | figures, better)

    def log(self, figures: dict[str, Any], better: bool) -> None:
        """Append a line to metrics.jsonl; `better` says whether the evaluated model is kept."""
        if not self.group.first:
            return
        p = self.progress
        when = {"step": p.step, "epoch": round(self.epochs_done, 4), "seconds": round(p.seconds, 1)}
        p.log_bytes = self.run.log({**when, **figures, "best": better})
        if self.board is not None:
            self.board.add(p.step, figures)

    # saving

    def write_model(self, path: Any, scores: dict[str, Any], weights: dict[str, torch.Tensor] | None = None) -> None:
        """Write the model as an artifact, with its current weights or with `weights`."""
        if not self.group.first:
            return
        p = self.progress
        path.parent.mkdir(exist_ok=True)
        header = {**self.header, "scores": {**scores, "step": p.step, "epoch": round(self.epochs_done, 4)}}
        last = max(self.epochs_done - 1 / self.task.batches, 0)  # when the last step began
        if self.task.tuned and self.task.depth.learning(last) > self.task.depth.own:
            header["reader"] = [{**own, "tuned": True} for own in header["reader"]]
        arrays = {filed(n): a for n, a in device.to_numpy(weights or self.kept).items()}
        artifact.write(path, header, self.task.arrays | arrays)

    def save(self) -> None:
        """Write last.safetensors: everything that decides the next step."""
        self._last_save, state = time.monotonic(), self.group.gathered(self.state)
        if not self.group.first:
            return
        slots = {name: self.optimizer.state.get(w, {}) for name, w in self.weights.items()}
        tensors = {
            **{f"model.{name}": w for name, w in self.weights.items()},
            **{f"optimizer.{name}.{key}": value for name, own in slots.items() for key, value in own.items()},
            **{f"average.{name}": a for name, a in (self.averaged or {}).items()},
            **{f"state.{n}": s for n, s in layers.arrays(state).items()},
            "generator": self.generator.get_state(),
        }
        header = {**self.header, "kind": "checkpoint", "progress": dataclasses.asdict(self.progress)}
        header.pop("task", None)
        if self.group.size > 1:
            header["processes"] = self.group.size
        artifact.write(self.run.last, header, device.to_numpy(tensors) | self.task.arrays)
        self._last_save = time.monotonic()

    def load(self, saved: artifact.Artifact) -> None:
        """Restore what `save` wrote and truncate the log to match. Raises SeqcliError for an invalid checkpoint."""
        with artifact.restoring(saved.path):
            self.progress = restored(saved.header["progress"], self.task.batches)
            self._put_back(saved)
            if self.group.first:
                self.run.cut_log(self.progress.log_bytes)

    def _put_back(self, saved: artifact.Artifact) -> None:
        with torch.no_grad():
            for name, weight in self.weights.items():
                weight.copy_(torch.from_numpy(saved.arrays[f"model.{name}"]))
                if self.averaged is not None:
                    self.averaged[name].copy_(torch.from_numpy(saved.arrays[f"average.{name}"]))
                prefix = f"optimizer.{name}."
                own = {k.removeprefix(prefix): a for k, a in saved.arrays.items() if k.startswith(prefix)}
                if own:  # copies: the arrays of a file must not become the optimizer's own
                    state = {k: torch.from_numpy(np.array(a)) for k, a in own.items()}
                    self.optimizer.state[weight] = {
                        k: v if k == "step" and self.device == "cpu" else v.to(self.device) for k, v in state.items()
                    }
        fresh = layers.arrays(self.state)
        stored = saved.part("state")
        self.state = layers.replace(
            self.state,
            {n: torch.from_numpy(stored[n][self.group.rows].copy()).to(s.device, s.dtype) for n, s in fresh.items()},
        )
        self.generator.set_state(torch.from_numpy(np.array(saved.arrays["generator"])))

    def _fresh_state(self) -> Any:
        return self.task.initial_state(device.bind(self.task.model, self.weights, self.config.precision))
