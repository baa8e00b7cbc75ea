"""Muon for the matrices between hidden layers, AdamW for all else; and the learning rate by the clock."""

import torch
from torch import nn

from model import Nano

MUON_RATE, ADAM_RATE = 2.5e-3, 2e-3
WARM_UP_STEPS = 60
DECAY_FROM = 0.55  # of the budget: constant until then, linear to 0 from there


class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalised (Keller Jordan, 2024), scaled to AdamW's usual step (Moonlight, arXiv 2502.16982).

    As torch.optim.Muon with adjust_lr_fn='match_rms_adamw', but matrices of one shape go through each product together:
    half the time where they are as small as here.
    """

    def __init__(self, parameters: list[nn.Parameter], lr: float, momentum: float = 0.95, weight_decay: float = 0.05):
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        for settings in self.param_groups:
            shapes: dict[torch.Size, list[nn.Parameter]] = {}
            for parameter in settings["params"]:
                shapes.setdefault(parameter.shape, []).append(parameter)
            for shape, alike in shapes.items():
                updates = torch.stack([self._nesterov(parameter, settings["momentum"]) for parameter in alike])
                rate = settings["lr"] * 0.2 * max(shape) ** 0.5
                for parameter, update in zip(alike, orthogonalise(updates)):
                    parameter.mul_(1 - settings["lr"] * settings["weight_decay"]).add_(update, alpha=-rate)

    def _nesterov(self, parameter: nn.Parameter, momentum: float) -> torch.Tensor:
        state = self.state[parameter]
        buffer = state.setdefault("momentum_buffer", torch.zeros_like(parameter))
        buffer.lerp_(parameter.grad, 1 - momentum)
        return parameter.grad.lerp(buffer, momentum)


def orthogonalise(matrices: torch.Tensor) -> torch.Tensor:
    """[N, R, S] to matrices of the same row and column spaces with singular values near 1: five quintic steps."""
    tall = matrices.shape[1] > matrices.shape[2]
    x = (matrices.mT if tall else matrices).bfloat16()
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(5):
        gram = x @ x.mT
        x = 3.4445 * x + (-4.775 * gram + 2.0315 * gram @ gram) @ x
    return (x.mT if tall else x).float()


class Optimiser:
    """Both optimisers as one; `state_dict` holds all of it."""

    def __init__(self, model: Nano):
        hidden = [p for name, p in model.tower.named_parameters() if p.ndim == 2 and not name.startswith("embeddings")]
        taken = {id(parameter) for parameter in hidden}
        ours = {id(model.labels): 3.0, id(model.scales): 5.0, id(model.biases): 5.0}
        rest = [parameter for parameter in model.parameters() if id(parameter) not in taken]
        groups = [
            {"params": [p for p in rest if ours.get(id(p), 1.0) == factor], "lr": ADAM_RATE * factor}
            for factor in (1.0, 3.0, 5.0)
        ]
        self.muon = Muon(hidden, MUON_RATE)
        self.adam = torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=0.0, fused=True)
        self.parameters = list(model.parameters())
        self.rates = [group["lr"] for optimiser in (self.muon, self.adam) for group in optimiser.param_groups]

    def step(self, factor: float) -> float:
        """One step of `factor` times the full learning rate; gives the gradient's norm before it was clipped."""
        norm = nn.utils.clip_grad_norm_(self.parameters, 2.0).item()
        groups = self.muon.param_groups + self.adam.param_groups
        for group, rate in zip(groups, self.rates):
            group["lr"] = rate * factor
        for optimiser in (self.muon, self.adam):
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        return norm

    def state_dict(self) -> dict:
        return {"muon": self.muon.state_dict(), "adam": self.adam.state_dict()}

    def load_state_dict(self, state: dict) -> None:
        self.muon.load_state_dict(state["muon"])
        self.adam.load_state_dict(state["adam"])


def rate_factor(step: int, share: float) -> float:
    """`share`: trained seconds over the budget."""
    decay = min(1.0, max(0.0, (1 - share) / (1 - DECAY_FROM)))
    return min(1.0, (step + 1) / WARM_UP_STEPS) * decay
