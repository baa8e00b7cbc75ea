"""Seeded random weights with the scales of a trained tower, so that no activation is degenerate.

Each tensor has a generator of its own, seeded by its name: neither order nor depth changes its values.
"""

import math
import zlib

import torch

from shape import Shape


def random_tensor(name: str, shape: tuple[int, ...], seed: int) -> torch.Tensor:
    """The f32 tensor of this bare name."""
    generator = torch.Generator().manual_seed(seed << 32 | zlib.crc32(name.encode()))

    def normal(*size: int) -> torch.Tensor:
        return torch.randn(size, generator=generator)

    if name == "embeddings.patch_embedding.weight":
        return smooth_filters(normal(*shape))
    if name == "embeddings.position_embedding.weight":
        return smooth_table(normal(*shape), normal(9, shape[1]))
    if "norm" in name:
        return 1 + 0.2 * normal(*shape) if name.endswith("weight") else 0.1 * normal(*shape)
    if name.endswith("bias"):
        return 0.1 * normal(*shape)
    # q and k are large enough that attention is selective, the branches' ends small enough that the stream of a patch
    # still shows what the patch was after many blocks.
    gain = {"q_proj": 1.4, "k_proj": 1.4, "out_proj": 0.7, "fc2": 0.7}.get(name.split(".")[-2], 1.0)
    return gain / math.sqrt(shape[1]) * normal(*shape)


def smooth_filters(noise: torch.Tensor) -> torch.Tensor:
    """Patch filters [C, 3, p, p] as trained ones look: cosines, the low frequencies strongest, over random colours."""
    side = noise.shape[-1]
    k = torch.arange(side, dtype=torch.float64)
    cosines = torch.cos(math.pi / side * torch.outer(k, k + 0.5)) * math.sqrt(2 / side)
    cosines[0] /= math.sqrt(2)
    radius = (k[:, None] ** 2 + k[None, :] ** 2).sqrt()
    spectrum = 1 / (1 + radius) ** 1.5
    spectrum[0, 0] = 0.3  # the mean of a patch is by far its strongest part in pictures
    filters = cosines.T @ (noise.double() * spectrum) @ cosines
    return (0.25 * filters).float()


def smooth_table(noise: torch.Tensor, waves: torch.Tensor) -> torch.Tensor:
    """A position table [S², C]: slow waves over the picture, plus noise that tells each cell from its neighbours."""
    side = math.isqrt(noise.shape[0])
    t = torch.arange(side, dtype=torch.float64) / side
    rows, columns = torch.meshgrid(t, t, indexing="ij")
    basis = [torch.cos(math.pi * (u * rows + v * columns)) for u in range(3) for v in range(3)]
    slow = torch.stack(basis, dim=-1).reshape(-1, 9) @ waves.double()
    return (0.05 * slow + 0.1 * noise.double()).float()


def random_tower(shape: Shape, seed: int) -> dict[str, torch.Tensor]:
    return {name: random_tensor(name, size, seed) for name, size in shape.tensors().items()}
