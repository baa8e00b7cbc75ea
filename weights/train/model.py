"""sovit-nano's network: transformers' own SiglipVisionModel, trained with a small learnt grid of positions.

The tower, the final norm and the MAP head are transformers' modules. Only the embeddings are ours: positions are learnt
on a 16x16 grid, resized bicubically to 70x70 at every step, and looked up by floor(70*i/n) as the NaViT towers do. So
every cell of the table is trained, whatever the sizes of the pictures, and `bake` gives the plain table of a checkpoint.
"""

import torch
from torch import nn
from torch.nn import functional as F
from transformers import SiglipVisionConfig, SiglipVisionModel

from concepts import NAMES

PATCH = 14
SIDE = 70  # of the table of positions
GRID = 16  # of the learnt positions


def config() -> SiglipVisionConfig:
    """Width 144 = 2 heads of 72, MLP 528 = 16*33: the odd sizes of SoViT-400m in miniature."""
    return SiglipVisionConfig(
        hidden_size=144,
        intermediate_size=528,
        num_hidden_layers=6,
        num_attention_heads=2,
        image_size=SIDE * PATCH,
        patch_size=PATCH,
        hidden_act="gelu_pytorch_tanh",
        layer_norm_eps=1e-6,
        vision_use_head=True,
        attn_implementation="sdpa",
    )


def navit_ids(rows: int, columns: int) -> torch.Tensor:
    """Row of the 70x70 table for each patch in raster order, [P]: floor(70*i/n) per axis."""
    down = torch.arange(rows) * SIDE // rows
    across = torch.arange(columns) * SIDE // columns
    return (down[:, None] * SIDE + across[None, :]).reshape(-1)


class GridEmbeddings(nn.Module):
    """Pixels u8 [B, H, W, 3] to patch embeddings [B, P, C]."""

    def __init__(self, width: int):
        super().__init__()
        self.patch_embedding = nn.Conv2d(3, width, PATCH, PATCH)
        self.positions = nn.Parameter(torch.randn(1, width, GRID, GRID) * 0.02)

    def table(self) -> torch.Tensor:
        """Positions as checkpoints hold them, [4900, C]."""
        large = F.interpolate(self.positions.float(), size=(SIDE, SIDE), mode="bicubic", align_corners=False)
        return large[0].flatten(1).T

    def forward(self, pixels: torch.Tensor, interpolate_pos_encoding: bool = False) -> torch.Tensor:
        rows, columns = pixels.shape[1] // PATCH, pixels.shape[2] // PATCH
        values = normalise(pixels).unflatten(1, (rows, PATCH)).unflatten(3, (columns, PATCH))  # [B, R, 14, S, 14, 3]
        patches = values.permute(0, 1, 3, 5, 2, 4).flatten(3).flatten(1, 2)  # [B, P, 588], a row as the kernel's
        weight = self.patch_embedding.weight.flatten(1)
        return F.linear(patches, weight, self.patch_embedding.bias) + self.table()[navit_ids(rows, columns)]


class Nano(nn.Module):
    """The tower and what ships beside it: the label table, and scale and bias of the sigmoids."""

    def __init__(self):
        super().__init__()
        self.tower = SiglipVisionModel(config())
        width = self.tower.config.hidden_size
        self.tower.embeddings = GridEmbeddings(width)
        self.labels = nn.Parameter(torch.randn(len(NAMES), width) * 0.1)
        # log of the scale, and bias, of each sigmoid: concepts of a picture, of a patch; two patches of one thing
        self.scales = nn.Parameter(torch.full((3,), 10.0).log())
        self.biases = nn.Parameter(torch.tensor([-6.0, -6.0, -3.0]))

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Pixels u8 [B, H, W, 3], sides multiples of 14, to tokens [B, P, C] and pooled [B, C]."""
        out = self.tower(pixels)
        return out.last_hidden_state, out.pooler_output

    def label_vectors(self) -> torch.Tensor:
        """The label table, rows of length 1, [K, C]."""
        return F.normalize(self.labels.float(), dim=-1)


def bake(model: Nano) -> dict[str, torch.Tensor]:
    """Weights f32 by the names that SiglipVisionModel of `config()` loads, positions as a 70x70 table."""
    state = {name: value.float() for name, value in model.tower.state_dict().items()}
    del state["embeddings.positions"]
    state["embeddings.position_embedding.weight"] = model.tower.embeddings.table().detach()
    return {name: value.detach().clone().contiguous() for name, value in state.items()}


def unbake(weights: dict[str, torch.Tensor], labels: dict[str, torch.Tensor]) -> Nano:
    """A model to train on, of what export.py wrote: the inverse of `bake`, but for bf16's rounding.

    The table is a linear map of the learnt grid, which least squares inverts. The lengths of label vectors, which nothing
    depends on, and what the pairs' sigmoid had learnt, are as at the start.
    """
    model = Nano()
    state = {name: value.float() for name, value in weights.items()}
    table = state.pop("embeddings.position_embedding.weight").T.reshape(-1, SIDE, SIDE)
    # Rows and columns are resized one after the other, each by the same matrix [SIDE, GRID].
    resize = F.interpolate(torch.eye(GRID)[None, None], size=(SIDE, GRID), mode="bicubic", align_corners=False)[0, 0]
    inverse = torch.linalg.pinv(resize)
    state["embeddings.positions"] = (inverse @ table @ inverse.T)[None]
    model.tower.load_state_dict(state)
    with torch.no_grad():
        model.labels.copy_(labels["labels"])
        for i, name in enumerate(("pooled", "patch")):
            model.scales[i] = labels[f"{name}_logit_scale"][0]
            model.biases[i] = labels[f"{name}_logit_bias"][0]
    return model


def plain_tower(weights: dict[str, torch.Tensor], rows: int, columns: int) -> SiglipVisionModel:
    """transformers' model, untouched, with baked weights; its table cut to the NaViT rows of a grid of patches.

    Its positions are a buffer of ids; overwritten by the lookup's, the model takes pictures of that grid alone.
    """
    with torch.device("meta"):
        tower = SiglipVisionModel(config())
    tower.load_state_dict({name: value.float() for name, value in weights.items()}, assign=True)
    tower.embeddings.position_ids = navit_ids(rows, columns)[None]
    return tower.eval()


def normalise(pixels: torch.Tensor) -> torch.Tensor:
    """u8 0..255 to -1..1, as SigLIP's processor does."""
    return pixels.float() / 127.5 - 1
