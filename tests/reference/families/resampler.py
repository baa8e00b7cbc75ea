"""MiniCPM-V's resampler through torch's own MultiheadAttention, f32.

Written after the resampler.py of the releases 2.5 to 4.5. 4.5 adds a frame's time to the keys and lets the queries see
all frames of a group at once. Its batched path does so for frames of any sizes; its other path (batch_3d_resampler
false) lines keys and padding up differently where frames of a group differ in size, and is no reference there.
"""

import numpy as np
import torch
from torch import nn

HEAD = 128


def sincos(positions: np.ndarray, channels: int) -> np.ndarray:
    """[n] to [n, channels]: sines, then cosines, of position·10000^(-k/(channels/2)), each step in f32."""
    k = np.arange(channels // 2, dtype=np.float32) / np.float32(channels / 2)
    omega = 1.0 / 10000**k  # stays f32
    angles = positions.astype(np.float32)[:, None] * omega[None, :]
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1)


def grid_positions(grid: tuple[int, int], channels: int) -> torch.Tensor:
    """[P, D] in raster order: the first half of the channels tells the column, the second the row."""
    rows, columns = np.divmod(np.arange(grid[0] * grid[1]), grid[1])
    half = channels // 2
    return torch.from_numpy(np.concatenate([sincos(columns, half), sincos(rows, half)], axis=1))


def frame_position(frame: int, channels: int) -> torch.Tensor:
    """[D]; nothing for -1, a still picture."""
    if frame == -1:
        return torch.zeros(channels)
    return torch.from_numpy(sincos(np.array([frame]), channels)[0])


class Resampler(nn.Module):
    def __init__(self, tensors: dict[str, torch.Tensor]):
        super().__init__()
        queries, D = tensors["query"].shape
        self.query = nn.Parameter(torch.empty(queries, D))
        self.proj = nn.Parameter(torch.empty(D, D))
        self.kv_proj = nn.Linear(tensors["kv_proj.weight"].shape[1], D, bias=False)
        self.attn = nn.MultiheadAttention(D, D // HEAD)
        self.ln_q, self.ln_kv, self.ln_post = (nn.LayerNorm(D, eps=1e-6) for _ in range(3))
        self.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
        self.eval()

    @torch.inference_mode()
    def forward(
        self, tokens: list[torch.Tensor], grids: list[tuple[int, int]], temporal_ids: list[list[int]] | None = None
    ) -> list[torch.Tensor]:
        """Tokens [P, C] of each picture to [Q, D] for each group; without temporal ids each picture is a group."""
        D = self.query.shape[1]
        frames = iter(zip(tokens, grids, strict=True))
        results = []
        for group in temporal_ids or [[-1]] * len(tokens):
            keys, values = [], []
            for frame in group:
                x, grid = next(frames)
                value = self.ln_kv(self.kv_proj(x))
                values.append(value)
                keys.append(value + grid_positions(grid, D) + frame_position(frame, D))
            attended, _ = self.attn(self.ln_q(self.query), torch.cat(keys), torch.cat(values), need_weights=False)
            results.append(self.ln_post(attended) @ self.proj)
        return results
