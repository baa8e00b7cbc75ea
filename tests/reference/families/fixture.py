"""How a family's tiny checkpoint and its expected outputs are written, and listed in families.json."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import save_file

from pixels import test_pixels
from shape import Shape

FIXTURES = Path(__file__).parents[2] / "fixtures"
Tensors = dict[str, torch.Tensor]
Grid = tuple[int, int]
DTYPES = {torch.bfloat16: "BF16", torch.float16: "F16", torch.float32: "F32"}


@dataclass(frozen=True)
class Picture:
    """A picture of pixels.py, and the patches (rows, columns) that it has."""

    seed: int
    grid: Grid
    height: int
    width: int

    def pixels(self) -> torch.Tensor:
        return torch.from_numpy(test_pixels(self.seed, self.height, self.width))


def picture(seed: int, grid: Grid, patch: int, extra: tuple[int, int] = (0, 0)) -> Picture:
    """A picture of this grid; `extra` pixels (height, width) beyond it fill no patch."""
    return Picture(seed, grid, grid[0] * patch + extra[0], grid[1] * patch + extra[1])


@dataclass
class Case:
    """One call of the encoder. Outputs are numbered: `tokens.0` is the first picture's."""

    key: str
    pictures: list[Picture]
    positions: str
    outputs: Tensors
    options: dict = field(default_factory=dict)  # merge, temporalIds, …: what else the call is told

    def entry(self) -> dict:
        pictures = [{"seed": p.seed, "height": p.height, "width": p.width} for p in self.pictures]
        grids = [p.grid for p in self.pictures]
        return {"key": self.key, "pictures": pictures, "grids": grids, "positions": self.positions, **self.options}


@dataclass
class Family:
    name: str
    family: str  # the line of the guide's table
    reference: str
    checkpoints: list[str]  # real ones that it stands for
    layout: str
    shape: Shape
    cases: list[Case]
    tensors: Tensors = field(default_factory=dict)  # by their names in the file
    config: dict | None = None
    file: str = "model.safetensors"
    shards: int = 1
    save: Callable[[Tensors, Path], None] = lambda tensors, path: save_file(tensors, path, {"format": "pt"})
    shared: "Family | None" = None  # whose files of weights these are too
    goldens_of: str | None = None  # the family whose expected outputs are these too
    note: str | None = None

    @property
    def folder(self) -> Path:
        return FIXTURES / "models" / self.name


def relative(path: Path) -> str:
    return path.relative_to(FIXTURES.parents[1]).as_posix()


def write_shards(family: Family) -> list[str]:
    """Tensors in the order given, spread over at most so many shards, and the index."""
    total = sum(tensor.nbytes for tensor in family.tensors.values())
    parts: list[Tensors] = [{} for _ in range(family.shards)]
    before = 0
    for name, tensor in family.tensors.items():
        parts[before * family.shards // total][name] = tensor
        before += tensor.nbytes
    parts = [part for part in parts if part]  # a large tensor may reach over a whole shard
    files, weight_map = [], {}
    for shard, part in enumerate(parts, start=1):
        files.append(f"model-{shard:05}-of-{len(parts):05}.safetensors")
        family.save(part, family.folder / files[-1])
        weight_map |= dict.fromkeys(part, files[-1])
    index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(weight_map.items()))}
    (family.folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")
    return ["model.safetensors.index.json", *files]


def write_checkpoint(family: Family) -> list[str]:
    """Writes the folder of a checkpoint and returns the names of its files."""
    family.folder.mkdir(parents=True, exist_ok=True)
    files = []
    if family.config:
        (family.folder / "config.json").write_text(json.dumps(family.config, indent=2) + "\n")
        files.append("config.json")
    if not family.tensors:
        return files
    if family.shards > 1:
        return files + write_shards(family)
    family.save(family.tensors, family.folder / family.file)
    return [*files, family.file]


def shared_files(family: Family | None) -> dict[str, str]:
    """Names and paths of the weights of a family that is already written."""
    paths = sorted(family.folder.glob("model*")) if family else []
    return {path.name: relative(path) for path in paths}


def write_family(family: Family) -> dict:
    """Writes checkpoint and expected outputs, and returns the entry of families.json."""
    files = write_checkpoint(family)
    goldens = FIXTURES / "goldens" / f"{family.goldens_of or family.name}.safetensors"
    if not family.goldens_of:
        outputs = {f"{case.key}.{name}": t.contiguous() for case in family.cases for name, t in case.outputs.items()}
        assert all(torch.isfinite(tensor).all() for tensor in outputs.values()), family.name
        save_file(outputs, goldens)
    optional = {"shared": shared_files(family.shared), "note": family.note}
    return {
        "name": family.name,
        "family": family.family,
        "reference": family.reference,
        "checkpoints": family.checkpoints,
        "folder": relative(family.folder),
        "files": files,
        **{key: value for key, value in optional.items() if value},
        "layout": family.layout,
        "dtypes": sorted({DTYPES[tensor.dtype] for tensor in (family.shared or family).tensors.values()}),
        "shape": {f: getattr(family.shape, f) for f in ("width", "heads", "mlp", "layers", "table", "patch", "gelu")},
        "outputs": sorted({name.split(".")[0] for case in family.cases for name in case.outputs}),
        "goldens": relative(goldens),
        "cases": [case.entry() for case in family.cases],
    }
