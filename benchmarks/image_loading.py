"""Reading images of one's own: memory while they are read, and images a second from the loader over ResNet-18's."""

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

from benchmarks.timing import Row, judged, threads
from clsunbias.data import ImageFolder
from clsunbias.networks import ResNet18

IMAGES = 20_000
SIZE = 64
BATCH = 64
FEW = 200


def write(folder: Path, images: int) -> None:
    """A folder for each of two classes with noisy images in colour, all different: copies in two splits are refused."""
    random = np.random.default_rng(0)
    for label, name in enumerate(("negative", "positive")):
        (folder / name).mkdir(parents=True)
        for number in range(images // 2):
            pixels = random.integers(40 * label, 200 + 40 * label, (SIZE, SIZE, 3), np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png", compress_level=1)


def peak() -> int:
    """Most bytes of memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def load(folder: Path) -> tuple[ImageFolder, int, float]:
    """The data set, the bytes of memory that reading it took beyond what reading a few takes, and its seconds."""
    ImageFolder(folder / "few", size=SIZE).setup("fit")  # loads libraries, whose memory is no part of the images
    data = ImageFolder(folder / "all", size=SIZE)
    before, began = peak(), time.perf_counter()
    data.setup("fit")
    return data, peak() - before, time.perf_counter() - began


def resnet_rate() -> float:
    """Images a second of training steps of ResNet-18 on the CPU."""
    network = ResNet18(3, 1).train()
    optimizer = torch.optim.Adam(network.parameters())
    x, target = torch.randn(BATCH, 3, SIZE, SIZE), torch.rand(BATCH, 1)
    seconds = []
    for _ in range(4):
        began = time.process_time()
        optimizer.zero_grad()
        F.binary_cross_entropy_with_logits(network(x), target).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        seconds.append(time.process_time() - began)
    return BATCH / min(seconds[1:])


def loader_rate(data: ImageFolder) -> float:
    """Images a second that the loader gives, scaled."""
    began, count = time.process_time(), 0
    for batch in data.train_dataloader():
        count += len(batch["x"])
    return count / (time.process_time() - began)


def report(folder: Path) -> None:
    """Prints memory, seconds and both rates, in a process of its own, whose memory nothing else has taken."""
    data, memory, seconds = load(folder)
    print(memory, seconds, loader_rate(data), resnet_rate())


def measure() -> Sequence[Row]:
    """Memory over the images' bytes, and the loader over the network."""
    with tempfile.TemporaryDirectory() as temporary:
        write(Path(temporary, "few"), FEW)
        write(Path(temporary, "all"), IMAGES)
        code = f"from benchmarks.image_loading import report; from pathlib import Path; report(Path({temporary!r}))"
        limit = f"import torch; torch.set_num_threads({torch.get_num_threads()}); "
        done = subprocess.run([sys.executable, "-c", limit + code], check=True, capture_output=True, text=True)
    memory, seconds, loader, network = map(float, done.stdout.split())
    what = f"image_loading: {IMAGES} images of {SIZE}×{SIZE}"
    share = memory / (IMAGES * 3 * SIZE * SIZE)
    return [
        Row(f"{what}: memory to read them over their bytes", f"{share:.2f}", judged(share, "<", 1.2)),
        Row(f"{what}: seconds to read them", f"{seconds:.1f}"),
        Row(
            f"{what}: the loader's images a second over those of ResNet-18's training on the CPU ({threads()})",
            f"{loader / network:.0f} ({loader:.0f} over {network:.0f})",
            "≥ 5, " + ("met" if loader >= 5 * network else "missed"),
        ),
    ]
