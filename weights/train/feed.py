"""Scenes for training, drawn by a process of its own, some batches ahead. Imports no torch: it starts in a second."""

import multiprocessing
import os
import queue
import signal
from dataclasses import dataclass

import numpy as np

from backgrounds import TRAINED
from scenes import PATCH, SMALLEST, Painter, Recipe, Scene

TOKENS = 4096  # of a batch, all of one size

PHASES = (0.5, 0.965)  # shares of the budget where the next column of SIZES begins; the last one is for large pictures

# (height, width): shares of the batches in each phase
SIZES = {
    (112, 112): (0.40, 0.08, 0.02),
    (168, 168): (0.33, 0.08, 0.04),
    (224, 224): (0.15, 0.38, 0.24),
    (224, 448): (0.03, 0.10, 0.10),
    (448, 224): (0.03, 0.10, 0.10),
    (336, 336): (0.03, 0.10, 0.14),
    (448, 448): (0.03, 0.14, 0.20),
    (896, 896): (0.00, 0.02, 0.16),
}


@dataclass
class Batch:
    pixels: np.ndarray  # u8 [B, H, W, 3]
    present: np.ndarray  # i8 [B, K]
    label: np.ndarray  # i16 [B, P]
    group: np.ndarray  # i16 [B, P]


class Feed:
    """Batches in the order they were asked for; `ask` some ahead, then `take`."""

    def __init__(self, seed: int):
        context = multiprocessing.get_context("spawn")
        self.asked, self.ready = context.Queue(), context.Queue()
        self.process = context.Process(target=_serve, args=(seed, self.asked, self.ready), daemon=True)
        self.process.start()

    def ask(self, size: tuple[int, int]) -> None:
        self.asked.put(size)

    def take(self) -> Batch:
        while True:
            try:
                return self.ready.get(timeout=30)
            except queue.Empty:  # a pause of the machine looks like this too
                if not self.process.is_alive():
                    raise RuntimeError("the process that draws scenes has ended; its message is above") from None

    def close(self) -> None:
        self.process.terminate()
        self.process.join()


def choose_size(rng: np.random.Generator, share: float) -> tuple[int, int]:
    """`share`: trained seconds over the budget."""
    phase = sum(share >= begin for begin in PHASES)
    weights = np.array([shares[phase] for shares in SIZES.values()])
    return list(SIZES)[int(rng.choice(len(weights), p=weights / weights.sum()))]


def stack(scenes: list[Scene]) -> Batch:
    fields = ("pixels", "present", "label", "group")
    return Batch(*(np.stack([getattr(scene, field) for scene in scenes]) for field in fields))


def _serve(seed: int, asked: "multiprocessing.Queue", ready: "multiprocessing.Queue") -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(1)  # the step in progress goes first
    rng = np.random.default_rng(seed)
    painter = Painter(rng, TRAINED)
    while True:
        height, width = asked.get()
        count = max(1, TOKENS // (height // PATCH * (width // PATCH)))
        ready.put(stack([painter.draw(height, width, _recipe(rng, height * width)) for _ in range(count)]))


def _recipe(rng: np.random.Generator, area: int) -> Recipe:
    """A third of the scenes show one object; the others up to 6, more on large canvases; a sixth, small ones only."""
    most = 6 if area <= 224 * 224 else 9 if area < 800 * 800 else 20
    objects = (1, 1) if rng.random() < 0.35 else (2, most)
    largest = 60 if rng.random() < 0.17 else 320
    return Recipe(objects, (SMALLEST, largest), split=0.65)
