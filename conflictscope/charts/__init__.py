"""Charts: numbers to a Vega-Lite specification to SVG, PNG and PDF, with the table beside each. No network is used."""

from conflictscope.charts.chart import Chart
from conflictscope.charts.counts import CountBin, FunnelStage, funnel, histogram
from conflictscope.charts.intervals import IntervalRow, forest_plot, interval_plot
from conflictscope.charts.matrix import MatrixCell, matrix_plot

__all__ = [
    "Chart",
    "CountBin",
    "FunnelStage",
    "IntervalRow",
    "MatrixCell",
    "forest_plot",
    "funnel",
    "histogram",
    "interval_plot",
    "matrix_plot",
]
