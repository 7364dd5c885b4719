"""Tiny images of one's own: files that tell their class by their brightness, in folders or listed in a CSV file."""

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image


def picture(label: int, seed: int, shape: tuple[int, ...] = (36, 32, 3)) -> Image.Image:
    """A noisy image, the brighter the higher its label."""
    random = np.random.default_rng(seed)
    return Image.fromarray((60 + 50 * label + random.normal(0, 20, shape)).clip(0, 255).astype(np.uint8))


def write_folders(folder: Path, names: tuple[str, ...] = ("healthy", "ill"), each: int = 12) -> Path:
    """A folder for each class with PNG and JPEG files, and what a desktop leaves among them."""
    for label, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        for number in range(each):
            suffix = ("png", "jpg")[number % 2]
            picture(label, 100 * label + number).save(folder / name / f"p{number // 2}_{number}.{suffix}")
        (folder / name / "._p0_0.png").write_text("left by a desktop")
        (folder / name / "Thumbs.db").write_text("left by another")
    (folder / ".DS_Store").write_text("left, too")
    return folder


def write_cells(folder: Path, smears: int = 12) -> pd.DataFrame:
    """Files and ``cells.csv`` in the form of the blood cells: each smear has cells of several of three classes."""
    (folder / "cells").mkdir(parents=True)
    rows: list[tuple[str, str, str]] = []
    for smear in range(smears):
        for label, name in enumerate(("rbc", "wbc", "platelet")):
            if label == 2 and smear % 3 == 0:
                continue
            for number in range(2 if name == "rbc" else 1):
                path = f"cells/{smear:05d}_{name}_{number}.png"
                picture(label, len(rows), (48, 48, 3)).save(folder / path)
                rows.append((path, name, f"{smear:05d}"))
    frame = pd.DataFrame(rows, columns=["path", "label", "patient"])
    frame.to_csv(folder / "cells.csv", index=False)
    return frame
