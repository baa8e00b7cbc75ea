"""The SigLIP tower as numbers, and the tensors that follow from them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    width: int  # C
    heads: int  # H
    mlp: int  # F
    layers: int  # L
    table: int  # S: side of the position table
    patch: int = 14
    gelu: str = "tanh"

    def tensors(self) -> dict[str, tuple[int, ...]]:
        """Every tensor of the tower by its bare name, in the order of the network; linear weights are [out, in]."""
        C, F, p = self.width, self.mlp, self.patch
        shapes: dict[str, tuple[int, ...]] = {
            "embeddings.patch_embedding.weight": (C, 3, p, p),
            "embeddings.patch_embedding.bias": (C,),
            "embeddings.position_embedding.weight": (self.table**2, C),
        }
        for layer in range(self.layers):
            block = f"encoder.layers.{layer}"
            for norm in ("layer_norm1", "layer_norm2"):
                shapes |= {f"{block}.{norm}.weight": (C,), f"{block}.{norm}.bias": (C,)}
            for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
                shapes |= {f"{block}.self_attn.{name}.weight": (C, C), f"{block}.self_attn.{name}.bias": (C,)}
            shapes |= {f"{block}.mlp.fc1.weight": (F, C), f"{block}.mlp.fc1.bias": (F,)}
            shapes |= {f"{block}.mlp.fc2.weight": (C, F), f"{block}.mlp.fc2.bias": (C,)}
        return shapes | {"post_layernorm.weight": (C,), "post_layernorm.bias": (C,)}


SOVIT_400M = Shape(width=1152, heads=16, mlp=4304, layers=27, table=70)
