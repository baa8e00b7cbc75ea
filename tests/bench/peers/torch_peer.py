"""The same tower in PyTorch: eager f32 on a CPU, compiled bf16 on CUDA.

    python torch_peer.py FOLDER P HEADS LAYERS

FOLDER holds model.safetensors (BF16, canonical names), rows.f32 [P,K] and positions.u32 [P]. Prints one line that says
what it is; then answers each line of its input with one: "run" with milliseconds, "hidden" after it has written
hidden.f32 [P,C], the residual stream after the last block.
"""

import json
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F

folder, P, heads, layers = Path(sys.argv[1]), *map(int, sys.argv[2:5])
cuda = torch.cuda.is_available()
device, dtype = ("cuda", torch.bfloat16) if cuda else ("cpu", torch.float32)


def read_tensors() -> dict[str, torch.Tensor]:
    data = bytearray((folder / "model.safetensors").read_bytes())
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    body = memoryview(data)[8 + size :]
    return {
        name: torch.frombuffer(body[slice(*entry["data_offsets"])], dtype=torch.bfloat16)
        .reshape(entry["shape"])
        .to(device, dtype)
        for name, entry in header.items()
    }


def read_file(name: str, kind: torch.dtype) -> torch.Tensor:
    return torch.frombuffer(bytearray((folder / name).read_bytes()), dtype=kind)


w = read_tensors()
rows = read_file("rows.f32", torch.float32).reshape(1, P, -1)
places = read_file("positions.u32", torch.int32).to(device, torch.long)
C = w["post_layernorm.weight"].shape[0]


def linear(x: torch.Tensor, name: str) -> torch.Tensor:
    return F.linear(x, w[f"{name}.weight"].flatten(1), w[f"{name}.bias"])


def norm(x: torch.Tensor, name: str) -> torch.Tensor:
    return F.layer_norm(x, (C,), w[f"{name}.weight"], w[f"{name}.bias"], 1e-6)


def block(x: torch.Tensor, name: str) -> torch.Tensor:
    y = norm(x, f"{name}.layer_norm1")
    q, k, v = (
        linear(y, f"{name}.self_attn.{part}_proj").unflatten(-1, (heads, -1)).transpose(1, 2) for part in "qkv"
    )
    y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
    x = x + linear(y, f"{name}.self_attn.out_proj")
    y = F.gelu(linear(norm(x, f"{name}.layer_norm2"), f"{name}.mlp.fc1"), approximate="tanh")
    return x + linear(y, f"{name}.mlp.fc2")


def tower(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    x = linear(x, "embeddings.patch_embedding") + w["embeddings.position_embedding.weight"][places]
    for i in range(layers):
        x = block(x, f"encoder.layers.{i}")
    return x, norm(x, "post_layernorm")


@torch.inference_mode()
def main() -> None:
    run = torch.compile(tower, mode="max-autotune-no-cudagraphs") if cuda else tower
    form = "bf16, compiled" if cuda else "f32, eager"
    print(f"PyTorch {torch.__version__} on {torch.cuda.get_device_name() if cuda else 'the CPU'}, {form}", flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        hidden, tokens = run(rows.to(device, dtype))
        tokens.float().cpu()  # waits for the device, as every racer does
        milliseconds = 1e3 * (time.perf_counter() - start)
        if line.strip() == "hidden":
            (folder / "hidden.f32").write_bytes(hidden.float().cpu().numpy().tobytes())
        print(milliseconds, flush=True)


main()
