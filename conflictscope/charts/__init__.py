"""Charts: numbers to a Vega-Lite specification to SVG, PNG and PDF, with the table beside each. No network is used."""

from conflictscope.charts.axes import AxesPoint, SlopeLine, slope_plot, two_axes_plot
from conflictscope.charts.chart import Chart
from conflictscope.charts.counts import CountBin, FunnelStage, funnel, histogram
from conflictscope.charts.intervals import IntervalRow, forest_plot, interval_plot
from conflictscope.charts.matrix import MatrixCell, matrix_plot

__all__ = [
    "AxesPoint",
    "Chart",
    "CountBin",
    "FunnelStage",
    "IntervalRow",
    "MatrixCell",
    "SlopeLine",
    "forest_plot",
    "funnel",
    "histogram",
    "interval_plot",
    "matrix_plot",
    "slope_plot",
    "two_axes_plot",
]
