"""Writes a tiny checkpoint of each family, what its reference makes of it, and families.json.

    python tests/reference/make_family_goldens.py

Twice gives the same bytes. check_families.py compares them with a second implementation.
"""

import json

import timm
import torch
import transformers

from families import big_vision, merger, minicpmv, navit, siglip, timm_layout
from families.fixture import FIXTURES, write_family

MODULES = (minicpmv, navit, siglip, merger, timm_layout, big_vision)


def main() -> None:
    torch.set_num_threads(1)  # the order of summation must not depend on the machine's cores
    manifest = {
        "madeBy": "tests/reference/make_family_goldens.py",
        "torch": torch.__version__.split("+")[0],
        "transformers": transformers.__version__,
        "timm": timm.__version__,
        "families": [write_family(family) for module in MODULES for family in module.families()],
    }
    (FIXTURES / "families.json").write_text(json.dumps(manifest, indent=2) + "\n")


if __name__ == "__main__":
    main()
