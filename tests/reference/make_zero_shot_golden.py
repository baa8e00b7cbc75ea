"""Writes tests/fixtures/zero-shot-texts.json: what examples/zero-shot.mjs reads, and the scores it must print.

The picture goes through Pillow's processor and SiglipVisionModel of the tiny checkpoint siglip-map; the texts are random
vectors, some of them near the picture's, and the scores those of SiglipModel's formula in f64.

    python tests/reference/make_zero_shot_golden.py
"""

import json

import torch
import transformers
from PIL import Image
from safetensors.torch import load_file

from families.fixture import FIXTURES
from families.siglip import SIGLIP, build_siglip

SIDE = SIGLIP.table * SIGLIP.patch
picture = FIXTURES / "images" / "rgb8.png"
stored = load_file(FIXTURES / "models" / "siglip-map" / "model.safetensors")
prefix = "vision_model."
model = build_siglip(SIGLIP, {name.removeprefix(prefix): w for name, w in stored.items() if name.startswith(prefix)})
processor = transformers.models.siglip.image_processing_pil_siglip.SiglipImageProcessorPil(
    size={"height": SIDE, "width": SIDE}
)
pixels = torch.as_tensor(processor(Image.open(picture).convert("RGB"), return_tensors="np")["pixel_values"])
with torch.inference_mode():
    image = model(pixel_values=pixels).pooler_output[0].double()

labels = ["this picture", "something like it", "anything", "its opposite"]
noise = torch.randn((len(labels), SIGLIP.width), generator=torch.Generator().manual_seed(7), dtype=torch.float64)
vectors = (torch.tensor([1.0, 0.6, 0.0, -1.0])[:, None] * image / image.norm() + 0.2 * noise).float()
texts = vectors.double() / vectors.double().norm(dim=1, keepdim=True)
scale, bias = stored["logit_scale"].double(), stored["logit_bias"].double()
scores = torch.sigmoid(texts @ (image / image.norm()) * scale.exp() + bias)
golden = {
    "transformers": transformers.__version__,
    "picture": picture.name,
    "side": SIDE,
    "labels": labels,
    "vectors": vectors.tolist(),
    "probabilities": scores.tolist(),
}
(FIXTURES / "zero-shot-texts.json").write_text(json.dumps(golden, indent=1) + "\n")
print(scores.tolist())
