"""Charts as SVG: defined once, used by pages and report alike.

A chart has no script, no style of its own and no outside part: its colours are classes of the
style sheet that it stands in (`chart-1` … `chart-6`, `chart-axis`, `chart-text`), so that it
follows light and dark and prints well; each mark tells its value when it is pointed at, and the
whole chart says in words what it shows.
"""

from tachlog.charts.bars import Bar, bars, stacked
from tachlog.charts.grids import heat
from tachlog.charts.lines import Line, lines, spark
from tachlog.charts.spans import Lane, Piece, spans

__all__ = [
    "Bar",
    "Lane",
    "Line",
    "Piece",
    "bars",
    "heat",
    "lines",
    "spans",
    "spark",
    "stacked",
]
