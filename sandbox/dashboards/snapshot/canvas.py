"""A matplotlib figure measured in pixels from the top left."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle
from PIL import Image

from sandbox.dashboards.snapshot.look import EDGE, PAGE, PANEL, TEXT

__all__ = ["Box", "Canvas"]

DPI = 100
# Average width of a letter as a share of the font size in points; pixels per point.
LETTER = {"sans": 0.60, "mono": 0.61}
PIXELS = DPI / 72


@dataclass(frozen=True)
class Box:
    """A rectangle: left, top, width, height in pixels."""

    x: float
    y: float
    w: float
    h: float

    def inside(self, left: float = 0, top: float = 0, right: float = 0, bottom: float = 0) -> "Box":
        return Box(self.x + left, self.y + top, max(self.w - left - right, 1), max(self.h - top - bottom, 1))


class Canvas:
    """A page with a size in pixels."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor=PAGE)
        FigureCanvasAgg(self.figure)
        self.page: Axes = self.figure.add_axes((0, 0, 1, 1), zorder=-1)
        self.page.set(xlim=(0, width), ylim=(height, 0))
        self.page.set_axis_off()

    def axes(self, box: Box) -> Axes:
        """Create axes that fill a rectangle."""
        where = (box.x / self.width, 1 - (box.y + box.h) / self.height, box.w / self.width, box.h / self.height)
        return self.figure.add_axes(where, facecolor="none")

    def card(self, box: Box) -> None:
        """Draw the background of a panel."""
        style = "round,pad=0,rounding_size=4"
        self.page.add_patch(
            FancyBboxPatch((box.x, box.y), box.w, box.h, boxstyle=style, facecolor=PANEL, edgecolor=EDGE, linewidth=0.8)
        )

    def fill(self, box: Box, shade: str) -> None:
        self.page.add_patch(Rectangle((box.x, box.y), box.w, box.h, facecolor=shade, edgecolor="none"))

    def rule(self, x1: float, y1: float, x2: float, y2: float) -> None:
        self.page.plot((x1, x2), (y1, y2), color=EDGE, linewidth=0.8, solid_capstyle="butt")

    def text(self, x: float, y: float, text: str, size: float = 9, colour: str = TEXT, **style: Any) -> None:
        """Draw text.

        Its top left is at the given position, unless ``ha`` and ``va`` state otherwise. Dollar signs are literal.
        """
        options = {"ha": "left", "va": "top", "family": "DejaVu Sans", "parse_math": False, **style}
        self.page.text(x, y, text, fontsize=size, color=colour, **options)

    def save(self, path: Path) -> None:
        """Write a PNG with a palette: a third of the size, without a visible difference."""
        # Without hinting, letters have the width that the font states, and columns of text line up.
        with rc_context({"text.hinting": "none"}):
            canvas: Any = self.figure.canvas
            canvas.draw()
        drawn = Image.frombytes("RGBA", canvas.get_width_height(), canvas.buffer_rgba())
        drawn.convert("RGB").quantize(255, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(path)


def width_of(text: str, size: float, kind: str = "sans") -> float:
    """Estimate the width of a text in pixels."""
    return len(text) * size * LETTER[kind] * PIXELS


def cut(text: str, pixels: float, size: float, kind: str = "sans") -> str:
    """Cut a text to the given width."""
    letters = max(int(pixels / (size * LETTER[kind] * PIXELS)), 1)
    return text if len(text) <= letters else text[: max(letters - 1, 1)] + "…"
