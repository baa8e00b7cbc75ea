"""What lies beside the tower once more, in plain torch and f64: pooling head, resampler, mergers, resampled tables."""

import math

import torch

from plain import attention, gelu, layer_norm

Tensors = dict[str, torch.Tensor]


def norm(w: Tensors, name: str, x: torch.Tensor) -> torch.Tensor:
    return layer_norm(x, w[f"{name}.weight"], w[f"{name}.bias"])


def linear(w: Tensors, name: str, x: torch.Tensor) -> torch.Tensor:
    return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]


def cross_attention(
    w: Tensors, name: str, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, heads: int
) -> torch.Tensor:
    """q [Q, C], k and v [P, C], through projections in one matrix: query, key, value."""
    weights, biases = w[f"{name}.in_proj_weight"].chunk(3), w[f"{name}.in_proj_bias"].chunk(3)
    q, k, v = (x @ weight.T + bias for x, weight, bias in zip((q, k, v), weights, biases, strict=True))
    D = q.shape[1] // heads
    parts = []
    for h in range(heads):
        at = slice(h * D, (h + 1) * D)
        scores = torch.softmax(q[:, at] @ k[:, at].T / math.sqrt(D), dim=-1)
        parts.append(scores @ v[:, at])
    return linear(w, f"{name}.out_proj", torch.cat(parts, dim=1))


def map_head(w: Tensors, at: str, tokens: torch.Tensor, heads: int, form: str) -> torch.Tensor:
    """[P, C] to [C]; nothing is added to the probe."""
    x = cross_attention(w, f"{at}attention", w[f"{at}probe"][0], tokens, tokens, heads)
    hidden = gelu(linear(w, f"{at}mlp.fc1", norm(w, f"{at}layernorm", x)), form)
    return (x + linear(w, f"{at}mlp.fc2", hidden))[0]


def waves(position: torch.Tensor, channels: int) -> torch.Tensor:
    angles = position[:, None] * 10000.0 ** (-torch.arange(channels // 2).double() / (channels // 2))
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def resample(
    w: Tensors, at: str, tokens: list[torch.Tensor], grids: list[list[int]], groups: list[list[int]]
) -> list[torch.Tensor]:
    """Tokens of each picture to [Q, D] for each group of frames; -1 is a still picture."""
    D = w[f"{at}query"].shape[1]
    results, i = [], 0
    for group in groups:
        keys, values = [], []
        for frame in group:
            rows, columns = grids[i]
            y, x = torch.meshgrid(torch.arange(rows).double(), torch.arange(columns).double(), indexing="ij")
            place = torch.cat([waves(x.flatten(), D // 2), waves(y.flatten(), D // 2)], dim=1)
            time = waves(torch.tensor([float(frame)]).double(), D) if frame >= 0 else 0
            value = norm(w, f"{at}ln_kv", tokens[i] @ w[f"{at}kv_proj.weight"].T)
            keys.append(value + place + time)
            values.append(value)
            i += 1
        queries = norm(w, f"{at}ln_q", w[f"{at}query"])
        out = cross_attention(w, f"{at}attn", queries, torch.cat(keys), torch.cat(values), D // 128)
        results.append(norm(w, f"{at}ln_post", out) @ w[f"{at}proj"])
    return results


def squares(x: torch.Tensor, grid: list[int]) -> torch.Tensor:
    """[P, C] in raster order to [P/4, 4, C], the patches of each 2×2 square in raster order."""
    rows, columns = grid
    index = torch.arange(rows * columns).reshape(rows // 2, 2, columns // 2, 2).transpose(1, 2)
    return x[index.reshape(-1, 4)]


def window_merger(w: Tensors, at: str, x: torch.Tensor, grid: list[int], heads: int) -> torch.Tensor:
    y = squares(norm(w, f"{at}layer_norm1", x), grid)
    q, k, v = (linear(w, f"{at}self_attn.{name}_proj", y) for name in "qkv")
    attended = torch.stack([attention(*window, heads) for window in zip(q, k, v, strict=True)])
    four = squares(x, grid) + linear(w, f"{at}self_attn.out_proj", attended)
    hidden = gelu(linear(w, f"{at}linear_1", norm(w, f"{at}pre_norm", four.flatten(1))), "tanh")
    return linear(w, f"{at}linear_2", hidden) + four.mean(1)


def final_merger(w: Tensors, at: str, tokens: torch.Tensor, grid: list[int]) -> torch.Tensor:
    four = squares(tokens, grid).flatten(1)
    return linear(w, f"{at}linear_2", gelu(linear(w, f"{at}linear_1", norm(w, f"{at}pre_norm", four)), "erf"))


def taps(old: int, new: int, mode: str) -> torch.Tensor:
    """[new, old]: what each new position takes of the old ones. Antialiased kernels widen where the axis shrinks."""
    scale = old / new
    antialias = mode.endswith("antialias")
    wide = max(scale, 1.0) if antialias else 1.0
    a = -0.5 if antialias else -0.75

    def kernel(t: float) -> float:
        t = abs(t)
        if mode.startswith("bilinear"):
            return max(1 - t, 0.0)
        if t < 1:
            return ((a + 2) * t - (a + 3)) * t * t + 1
        return (((t - 5) * t + 8) * t - 4) * a if t < 2 else 0.0

    result = torch.zeros(new, old, dtype=torch.float64)
    for i in range(new):
        centre = (i + 0.5) * scale - 0.5
        for j in range(math.floor(centre - 3 * wide), math.ceil(centre + 3 * wide) + 1):
            if antialias and not 0 <= j < old:
                continue  # antialiased kernels leave out what lies beyond the border, others repeat the border
            result[i, min(max(j, 0), old - 1)] += kernel((j - centre) / wide)
    return result / result.sum(1, keepdim=True) if antialias else result


def resized(table: torch.Tensor, side: int, grid: list[int], mode: str) -> torch.Tensor:
    """The table [S², C] at another grid, [P, C]."""
    rows, columns = (taps(side, n, mode) for n in grid)
    cells = table.reshape(side, side, -1)
    return torch.einsum("ra,sb,abc->rsc", rows, columns, cells).flatten(0, 1)
