"""Images as bytes, in memory or in a file that is mapped; a network gets them scaled."""

from torch import Tensor


def scaled(pixels: Tensor) -> Tensor:
    """Pixels uint8 as a network takes them, float32 in [−1, 1]: (pixel/255 − 0.5)/0.5."""
    return pixels.float().div_(127.5).sub_(1)


class Pixels:
    """Images as rows of a split: kept as bytes, scaled when they are fetched.

    Args:
        stored: uint8 ``(N, channels, H, W)``, which may be mapped from a file.
        at: int64 ``(M,)``, which of them the rows are; None for all in order.
        scale: whether a fetched row is scaled; as bytes it is a quarter as large.
    """

    def __init__(self, stored: Tensor, at: Tensor | None = None, scale: bool = True) -> None:
        self.stored = stored
        self.at = at
        self.scale = scale

    def __len__(self) -> int:
        return len(self.stored if self.at is None else self.at)

    def __getitem__(self, rows: Tensor | slice) -> Tensor:
        """Images float32 ``(B, channels, H, W)``, or uint8 without scale."""
        pixels = self.stored[rows if self.at is None else self.at[rows]]
        return scaled(pixels) if self.scale else pixels

    def take(self, rows: Tensor) -> "Pixels":
        """The images of these numbers, int64 ``(M,)``."""
        return Pixels(self.stored, rows if self.at is None else self.at[rows], self.scale)

    def as_bytes(self) -> "Pixels":
        """The same images, fetched as they are kept."""
        return Pixels(self.stored, self.at, scale=False)
