"""Charts as pictures for those who cannot show SVG, as mail programs."""

from __future__ import annotations

from tachlog.report.rendering import CHARTS


def png_of(svg: str) -> bytes | None:
    """A chart on white, twice as wide as it is drawn; None where the renderer is not installed."""
    try:
        import resvg_py
    except ImportError:
        return None
    return bytes(
        resvg_py.svg_to_bytes(
            svg_string=svg,
            background="#ffffff",
            zoom=2,
            style_sheet=CHARTS,
            sans_serif_family="DejaVu Sans",
        )
    )
