"""The training loop: one optimizer step after the other, the same on CPU, one GPU or several processes.

A step takes a *global* batch of rows. It is dealt out to the processes and their micro-batches, and the loss
of each is divided by the number of supervised tokens in the whole batch, which every process knows from the
plan. So two processes, or two micro-batches, give the gradient of one large batch, also when one got long
answers and the other short ones.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import torch
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from .batches import collate, epoch_plan, steps_per_epoch
from .errors import InputError
from .optimizer import build_optimizer, set_rate
from .pack import Row
from .parts import part_of
from .profiles import Stage


class LossError(InputError):
    """The loss, or its gradient, is not a finite number. ``step`` and ``samples`` (their ids) say where."""

    def __init__(self, message: str, step: int, samples: list[str]):
        super().__init__(message)
        self.step, self.samples = step, samples


class Loop:
    """Steps of one stage over ``rows``.

    ``trained``: parameters by name, from freeze(). ``gather(pictures)``: Z_v of pictures. ``precision``: "fp32"
    or "bf16". ``ids``: the sample ids, for errors. ``accelerator``: accelerate's, which knows the processes.
    """

    def __init__(self, model, trained, stage: Stage, rows: list[Row], *, gather, ids, accelerator, precision: str):
        self.model, self.trained, self.stage, self.rows = model, trained, stage, rows
        self.gather, self.ids, self.accelerator, self.precision = gather, ids, accelerator, precision
        self.copy = accelerator.prepare_model(model)        # the model itself; in several processes, wrapped
        self.optimizer = build_optimizer(trained, stage)
        self.per_epoch = steps_per_epoch(len(rows), stage.batch_size)
        steps = max(1, round(stage.epochs * self.per_epoch))
        self.steps = steps if stage.max_steps is None else min(steps, stage.max_steps)
        self._plan = (None, None)                           # the epoch planned last, and its batches

    def run(self, start: int):
        """Takes the steps after ``start`` and yields the record of each; batches are made ready one step ahead."""
        with ThreadPoolExecutor(max_workers=1) as ahead:
            ready = ahead.submit(self.batches, start)
            for step in range(start, self.steps):
                begin = time.perf_counter()
                rows, batches = ready.result()
                if step + 1 < self.steps:
                    ready = ahead.submit(self.batches, step + 1)
                record = self.take(step, rows, batches)
                seconds = time.perf_counter() - begin
                yield record | {"samples_per_second": sum(len(row.samples) for row in rows) / seconds,
                                "tokens_per_second": sum(map(len, rows)) / seconds}

    def take(self, step: int, rows: list[Row], batches: list) -> dict:
        """One optimizer step (counted from 0); raises LossError, before anything moves, if it is not finite."""
        self._seed(step)
        self.model.train()
        supervised, loss_sum = sum(int(row.supervised.sum()) for row in rows), 0.0      # of the whole batch
        for number, batch in enumerate(batches, 1):
            last = number == len(batches)                   # gradients are exchanged once, after the last
            with nullcontext() if last else self.accelerator.no_sync(self.copy):
                loss = self._loss(self.copy, batch)
                # DDP takes the mean over processes, but the sum is meant
                (loss * (self.accelerator.num_processes / supervised)).backward()
            loss_sum += loss.detach()
        norms = self._gradient_norms()
        loss, *values = torch.stack([self.accelerator.reduce(loss_sum) / supervised, *norms.values()]).tolist()
        total = math.hypot(*values)
        if not math.isfinite(loss) or not math.isfinite(total):
            raise self._not_finite(step, rows, loss)
        if self.stage.clip and total > self.stage.clip:
            clip_grads_with_norm_(self.trained.values(), self.stage.clip, torch.tensor(total))
        rates = set_rate(self.optimizer, step, self.steps, self.stage.warmup)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return {"step": step + 1, "epoch": round((step + 1) / self.per_epoch, 4), "loss": loss, "rate": rates,
                "gradient": dict(zip(norms, values))}

    @torch.no_grad()
    def validate(self, rows: list[Row]) -> float:
        """Mean loss per supervised token over ``rows``; every process takes a share."""
        self.model.eval()
        rows = sorted(rows, key=len)
        size = max(1, self.stage.batch_size // (self.stage.accumulate * self.accelerator.num_processes))
        chunks = [rows[start: start + size] for start in range(0, len(rows), size)]
        total = torch.zeros((), device=self.accelerator.device)
        for chunk in chunks[self.accelerator.process_index:: self.accelerator.num_processes]:
            total += self._loss(self.model, self._collate(chunk))
        return float(self.accelerator.reduce(total)) / sum(int(row.supervised.sum()) for row in rows)

    def batches(self, step: int) -> tuple[list[Row], list]:
        """The rows of a step, of all processes, and this process's micro-batches of them."""
        epoch, number = divmod(step, self.per_epoch)
        if self._plan[0] != epoch:
            self._plan = epoch, epoch_plan([len(row) for row in self.rows], self.stage.batch_size, self.stage.seed, epoch)
        rows = [self.rows[index] for index in self._plan[1][number]]
        processes = self.accelerator.num_processes
        shares = [rows[self.accelerator.process_index + processes * turn:: processes * self.stage.accumulate]
                  for turn in range(self.stage.accumulate)]
        # a share may be empty at the end of an epoch: its process still has to take part, with nothing to learn
        return rows, [self._collate(share) if share else self._collate(rows[:1], learn=False) for share in shares]

    def _collate(self, rows: list[Row], learn: bool = True):
        return collate(rows, self.gather, self.model.tokenizer.pad_token_id, learn)

    def _loss(self, model, batch) -> torch.Tensor:
        device = self.accelerator.device
        with torch.autocast(device.type, torch.bfloat16, enabled=self.precision == "bf16"):
            return model(**batch.to(device).inputs).loss_sum

    def _seed(self, step: int) -> None:
        """Chance (dropout) follows from seed, step and process, so a resumed run has nothing to remember."""
        text = f"{self.stage.seed} {step} {self.accelerator.process_index}"
        torch.manual_seed(int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big"))

    def _gradient_norms(self) -> dict[str, torch.Tensor]:
        """The norm of the gradient of each trained part, before clipping."""
        gradients = defaultdict(list)
        for name, parameter in self.trained.items():
            if parameter.grad is not None:
                gradients[part_of(name)].append(parameter.grad)
        return {part: get_total_norm(values) for part, values in gradients.items()}

    def _not_finite(self, step: int, rows: list[Row], loss: float) -> LossError:
        names = [self.ids[sample] for row in rows for sample in row.samples]
        what = "its gradient is not finite" if math.isfinite(loss) else "the loss is not finite"
        self.optimizer.zero_grad()
        return LossError(f"Step {step + 1}: {what} (loss {loss}); nothing was changed by this step. Look at its samples "
                         f"({', '.join(map(repr, names))}), or lower learning_rate, or use precision='fp32'.", step + 1, names)
