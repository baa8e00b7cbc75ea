"""What training minimises: SigLIP's sigmoid loss on the pooled embedding and on every patch, against one label table.

Both sigmoids leave the names' order to chance for long (each concept is absent nearly everywhere), so a softmax over
the names is added; and pairs of patches learn to be alike within one object or one background.
"""

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from model import Nano

POOLED, PATCH, PAIR = 0, 1, 2  # rows of Nano.scales and Nano.biases
PAIR_TOKENS = 96  # drawn of each picture


@dataclass
class Targets:
    present: torch.Tensor  # i8 [B, K]: 1 shown, 0 absent, -1 mostly hidden: counts as neither
    label: torch.Tensor  # i64 [B, P]: concept; -1 background; -2 neither
    group: torch.Tensor  # i64 [B, P]: patches that shall be alike share it; -2 none


def total_loss(
    model: Nano, tokens: torch.Tensor, pooled: torch.Tensor, targets: Targets, pair_weight: float
) -> tuple[torch.Tensor, dict[str, float]]:
    """Tokens [B, P, C], pooled [B, C] of `Nano.forward`; the loss, and its parts for the log."""
    vectors = model.label_vectors()
    scales = model.scales.exp()
    directions = F.normalize(tokens.float(), dim=-1)
    pooled_cosines = F.normalize(pooled.float(), dim=-1) @ vectors.T
    keep = targets.label > -2
    parts = {
        **_pooled_losses(scales[POOLED] * pooled_cosines, model.biases[POOLED], targets.present),
        **_patch_losses(scales[PATCH] * (directions[keep] @ vectors.T), model.biases[PATCH], targets.label[keep]),
        "pair": _pair_loss(directions, targets.group, scales[PAIR], model.biases[PAIR]) * pair_weight,
    }
    return torch.stack(list(parts.values())).sum(), {name: value.item() for name, value in parts.items()}


def _pooled_losses(logits: torch.Tensor, bias: torch.Tensor, present: torch.Tensor) -> dict[str, torch.Tensor]:
    """Sigmoids summed over concepts; and, for each concept shown, a softmax of it among all that are absent."""
    shown, absent = present == 1, present == 0
    each = F.binary_cross_entropy_with_logits(logits + bias, shown.float(), reduction="none")
    sigmoid = each.masked_fill(present < 0, 0).sum(1).mean()
    others = logits.masked_fill(~absent, float("-inf")).logsumexp(1, keepdim=True)
    softmax = F.softplus(others - logits)[shown].sum() / shown.sum().clamp(min=1)
    return {"pooled": sigmoid, "pooled softmax": 0.5 * softmax}


def _patch_losses(logits: torch.Tensor, bias: torch.Tensor, label: torch.Tensor) -> dict[str, torch.Tensor]:
    """Sigmoids summed over concepts, patches of objects twice; a softmax over concepts on objects alone."""
    is_object = label >= 0
    target = F.one_hot(label.clamp(min=0), logits.shape[1]).float() * is_object[:, None]
    each = F.binary_cross_entropy_with_logits(logits + bias, target, reduction="none").sum(1)
    weight = 1 + is_object.float()
    sigmoid = (each * weight).mean()
    objects = F.cross_entropy(logits[is_object], label[is_object], reduction="sum") / is_object.sum().clamp(min=1)
    return {"patch": sigmoid, "patch softmax": 0.5 * objects}


def _pair_loss(directions: torch.Tensor, group: torch.Tensor, scale: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """Sigmoids of two patches' cosine, some patches of each picture; pairs alike and unlike weigh the same."""
    usable = group > -2
    chance = torch.rand(group.shape).masked_fill(~usable, -1)
    picked = chance.topk(min(PAIR_TOKENS, group.shape[1]), dim=1).indices
    chosen = directions.gather(1, picked[..., None].expand(-1, -1, directions.shape[2]))
    number, valid = group.gather(1, picked), usable.gather(1, picked)
    alike = number[:, :, None] == number[:, None, :]
    valid = valid[:, :, None] & valid[:, None, :] & ~torch.eye(picked.shape[1], dtype=torch.bool)
    logits = scale * (chosen @ chosen.mT) + bias
    each = F.binary_cross_entropy_with_logits(logits, alike.float(), reduction="none")
    yes, no = alike & valid, ~alike & valid
    return (each * yes).sum() / yes.sum().clamp(min=1) + (each * no).sum() / no.sum().clamp(min=1)
