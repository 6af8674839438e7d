"""Muon, the optimizer of the parents' weight matrices (Jordan et al., 2024), in float32.

A matrix moves by its momentum made orthogonal: every direction it has gathered counts alike, however
seldom its gradient pointed there. ``torch.optim.Muon`` does this in bfloat16, which a CPU without
bfloat16 units computes twenty times slower than float32; so this is our own.
"""

from __future__ import annotations

import torch

COEFFICIENTS = (3.4445, -4.7750, 2.0315)   # of the quintic Newton-Schulz iteration, Jordan et al.


def orthogonal(matrix: torch.Tensor, steps: int = 5) -> torch.Tensor:
    """The matrix with all singular values brought near 1, [m, n] -> [m, n].

    >>> orthogonal(torch.diag(torch.tensor([9.0, 1.0]))).diag().round().tolist()
    [1.0, 1.0]
    """
    a, b, c = COEFFICIENTS
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    x = wide / (wide.norm() + 1e-7)
    for _ in range(steps):
        gram = x @ x.T                                             # [m, m]
        x = a * x + torch.addmm(gram, gram, gram, beta=b, alpha=c) @ x
    return x if wide is matrix else x.T


class Muon(torch.optim.Optimizer):
    """For matrices inside a network; embeddings, heads and vectors are left to AdamW.

    A step's root mean square is 0.2 times the learning rate, so that Adam's learning rates fit
    (Liu et al., 2025). Raises ValueError for anything but a matrix.
    """

    def __init__(self, parameters, lr: float = 1e-3, momentum: float = 0.95, weight_decay: float = 0.0):
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        if any(p.ndim != 2 for group in self.param_groups for p in group["params"]):
            raise ValueError("Muon moves matrices only; give vectors and convolutions to AdamW.")

    @torch.no_grad()
    def step(self, closure=None) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state["momentum"] = torch.zeros_like(p)
                state["momentum"].lerp_(p.grad, 1 - group["momentum"])
                way = orthogonal(p.grad.lerp(state["momentum"], group["momentum"]))    # Nesterov's look ahead
                p.mul_(1 - group["lr"] * group["weight_decay"]).add_(way, alpha=-0.2 * group["lr"] * max(p.shape) ** 0.5)
