"""Vectors of texts for zero-shot.mjs, by SigLIP's text tower.

    pip install torch transformers sentencepiece
    python examples/text_vectors.py google/siglip-so400m-patch14-384 texts.json "a photo of a cat" "a photo of a dog"
"""

import json
import sys

import torch
from transformers import AutoModel, AutoProcessor

name, out, *labels = sys.argv[1:]
model, processor = AutoModel.from_pretrained(name), AutoProcessor.from_pretrained(name)
# Trained on padded texts: without "max_length" the scores are wrong.
inputs = processor(text=labels, padding="max_length", return_tensors="pt")
with torch.no_grad():
    vectors = model.text_model(**inputs).pooler_output
with open(out, "w") as file:
    json.dump({"labels": labels, "vectors": vectors.tolist()}, file)
