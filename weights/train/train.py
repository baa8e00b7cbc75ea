"""Trains sovit-nano: `python train.py --minutes 180 --resume`. Stop it at any time; the same command goes on.

The schedule (sizes, learning rate, end) goes by the seconds spent in steps, added up over all runs, so that a paused or
shared machine changes how many steps are made but not their plan.
"""

import argparse
import json
import os
import signal
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from evaluate import quick_figures
from feed import Batch, Feed, choose_size
from load import Load
from loss import Targets, total_loss
from model import Nano, unbake
from optimiser import Optimiser, rate_factor

AHEAD = 6  # batches asked for in advance
LONGEST_STEP = 8.0  # s: what takes longer was paused, and counts as this
SAVE_EVERY, FIGURES_EVERY = 300.0, 900.0  # s


class Trainer:
    def __init__(self, folder: Path, seed: int, minutes: float, start: Path | None):
        torch.manual_seed(seed)
        self.folder, self.seed, self.budget = folder, seed, minutes * 60
        self.model = exported(start) if start else Nano()
        self.optimiser = Optimiser(self.model)
        self.rng = np.random.default_rng(seed)
        self.seconds, self.step, self.tokens, self.runs = 0.0, 0, 0, 0

    @property
    def share(self) -> float:
        return self.seconds / self.budget

    def log(self, **entry: object) -> None:
        line = json.dumps({"t": round(self.seconds, 1), "step": self.step, **entry})
        print(line, flush=True)
        with open(self.folder / "log.jsonl", "a") as file:
            file.write(line + "\n")

    def save(self) -> None:
        state = {
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "torch_rng": torch.get_rng_state(),
            "numpy_rng": self.rng.bit_generator.state,
            "seed": self.seed,
            "progress": (self.seconds, self.step, self.tokens, self.runs),
        }
        torch.save(state, self.folder / "checkpoint.part")
        os.replace(self.folder / "checkpoint.part", self.folder / "checkpoint.pt")  # never half a checkpoint

    def resume(self) -> None:
        state = torch.load(self.folder / "checkpoint.pt", weights_only=False)
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        torch.set_rng_state(state["torch_rng"])
        self.rng.bit_generator.state = state["numpy_rng"]
        self.seed = state["seed"]
        self.seconds, self.step, self.tokens, self.runs = state["progress"]

    def train_step(self, batch: Batch) -> dict[str, float]:
        pixels = torch.from_numpy(batch.pixels)
        targets = Targets(*(torch.from_numpy(a) for a in (batch.present, batch.label.astype(np.int64), batch.group)))
        with torch.autocast("cpu", torch.bfloat16):
            tokens, pooled = self.model(pixels)
        loss, parts = total_loss(self.model, tokens, pooled, targets, 0.3 if self.share < 2 / 3 else 1.0)
        loss.backward()
        norm = self.optimiser.step(rate_factor(self.step, self.share))
        self.step += 1
        self.tokens += tokens.shape[0] * tokens.shape[1]
        return {"loss": loss.item(), **parts, "norm": norm}

    def run(self) -> None:
        """Until the budget is spent or somebody stops it."""
        self.runs += 1
        stopped = []
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda signum, frame: stopped.append(signum))
        # Each run draws scenes of its own: a resumed one must not see the first ones again.
        feed = Feed(self.seed * 1000 + self.runs)
        load = Load([os.getpid(), feed.process.pid])
        self.log(run=self.runs, seed=self.seed, budget=self.budget, torch=torch.__version__, numpy=np.__version__)
        sums, saved, shown = {}, self.seconds, self.seconds
        for _ in range(AHEAD):
            feed.ask(choose_size(self.rng, self.share))
        batch = feed.take()
        while self.seconds < self.budget and not stopped:
            start = time.perf_counter()
            torch.set_num_threads(load.threads())
            feed.ask(choose_size(self.rng, self.share))
            parts = self.train_step(batch)
            worked = time.perf_counter()
            batch = feed.take()
            now = time.perf_counter()
            self.seconds += min(now - start, LONGEST_STEP)
            parts |= {"wait": now - worked, "seconds": now - start, "threads": torch.get_num_threads()}
            sums = {name: sums.get(name, 0.0) + value for name, value in parts.items()}
            if self.step % 50 == 0:
                self.log(tokens=self.tokens, **{name: float(f"{value / 50:.4g}") for name, value in sums.items()})
                sums = {}
            if self.seconds - shown >= FIGURES_EVERY:
                shown = self.seconds
                self.log(**quick_figures(self.model))
            if self.seconds - saved >= SAVE_EVERY:
                saved = self.seconds
                self.save()
        self.save()
        feed.close()
        self.log(**quick_figures(self.model), ended="stopped" if stopped else "budget spent", tokens=self.tokens)


def exported(folder: Path) -> Nano:
    tower = load_file(folder / "sovit-nano.safetensors")
    bare = {name.removeprefix("vision_model."): value for name, value in tower.items()}
    return unbake(bare, load_file(folder / "labels.safetensors"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=180, help="budget of all runs together")
    parser.add_argument("--resume", action="store_true", help="go on from the folder's checkpoint, if it has one")
    parser.add_argument("--folder", type=Path, default=Path.home() / ".cache/sovit/nano", help="checkpoint and log")
    parser.add_argument("--start", type=Path, help="go on from what export.py wrote there, with new optimisers")
    parser.add_argument("--seed", type=int, default=14)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(options.folder, options.seed, options.minutes, options.start)
    there = (options.folder / "checkpoint.pt").exists()
    if there and not options.resume:
        parser.error(f"{options.folder} has a checkpoint: add --resume, or name another --folder")
    if there:
        trainer.resume()
    trainer.run()


if __name__ == "__main__":
    main()
