"""A rectangle of pixels."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Box:
    """Half-open rectangle ``[x0, x1) x [y0, y1)`` in display-orientation pixels."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def width(self) -> int:
        """Columns, at least 0."""
        return max(0, self.x1 - self.x0)

    @property
    def height(self) -> int:
        """Rows, at least 0."""
        return max(0, self.y1 - self.y0)

    @property
    def area(self) -> int:
        """Pixels, at least 0."""
        return self.width * self.height

    @property
    def slices(self) -> tuple[slice, slice]:
        """``(rows, columns)``, to index an image of shape (H, W, ...)."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)

    def clip(self, width: int, height: int) -> Box:
        """The part inside a picture of ``width`` x ``height`` (may be empty)."""
        x0 = min(max(self.x0, 0), width)
        y0 = min(max(self.y0, 0), height)
        return Box(x0, y0, max(x0, min(self.x1, width)), max(y0, min(self.y1, height)))

    def union(self, other: Box) -> Box:
        """The smallest box that holds both; an empty one adds nothing."""
        if other.area == 0:
            return self
        if self.area == 0:
            return other
        return Box(
            min(self.x0, other.x0),
            min(self.y0, other.y0),
            max(self.x1, other.x1),
            max(self.y1, other.y1),
        )

    def shift(self, dx: int, dy: int) -> Box:
        """Moved by ``dx`` columns and ``dy`` rows."""
        return Box(self.x0 + dx, self.y0 + dy, self.x1 + dx, self.y1 + dy)

    def expand(self, margin: int) -> Box:
        """Grown by ``margin`` pixels on each side (shrunk when negative)."""
        return Box(self.x0 - margin, self.y0 - margin, self.x1 + margin, self.y1 + margin)
