"""Plots fit for a paper: labelled axes, colours that everybody can tell apart, 95 % bands."""

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
import numpy as np

from aim_ros.experiments.statistics import Interval

# Okabe and Ito, "Color Universal Design", 2008; the yellow is left out, too pale on white.
COLORS = ('#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#000000')
MARKERS = ('o', 's', '^', 'D', 'v', 'P', 'X')
LINES = ('-', '--', ':')

SIGMA_AXIS = 'σ of the utility noise (units of the logits)'
"""What an axis of sigmas is called."""

_STYLE = {
    'font.size': 9, 'axes.titlesize': 9, 'axes.labelsize': 9, 'legend.fontsize': 8,
    'axes.spines.top': False, 'axes.spines.right': False, 'axes.grid': True, 'grid.alpha': 0.3,
    'grid.linewidth': 0.5, 'lines.linewidth': 1.4, 'lines.markersize': 4,
    'legend.frameon': False, 'figure.constrained_layout.use': True,
}

_REFERENCE = {'color': '#666666', 'linewidth': 0.9, 'linestyle': '-.'}


@dataclass(frozen=True)
class Series:
    """
    One curve.

    :param label: its name in the legend.
    :param x: abscissae.
    :param y: ordinates; an `Interval` is drawn as its mean with a band.
    :param style: number of its colour and marker; None counts the series of the plot.
    :param line: matplotlib's line style; None chooses by `style`. ``'none'`` draws markers alone.
    """

    label: str
    x: np.ndarray
    y: np.ndarray | Interval
    style: int | None = None
    line: str | None = None


def draw_series(axes: Axes, series: Sequence[Series]) -> None:
    """Draw curves into axes, each with its band where it has one."""
    for position, one in enumerate(series):
        style = position if one.style is None else one.style
        color = COLORS[style % len(COLORS)]
        mean = one.y.mean if isinstance(one.y, Interval) else one.y
        axes.plot(
            one.x, mean, label=one.label, color=color, marker=MARKERS[style % len(MARKERS)],
            linestyle=one.line or LINES[style // len(COLORS) % len(LINES)],
            markevery=max(1, len(one.x) // 12))
        if isinstance(one.y, Interval) and np.isfinite(one.y.low).any():
            axes.fill_between(one.x, one.y.low, one.y.high, color=color, alpha=0.2, linewidth=0)


def plot_curves(
    series: Sequence[Series],
    *,
    x_label: str,
    y_label: str,
    title: str = '',
    size: tuple[float, float] = (5.2, 3.4),
    references: Mapping[str, float] | None = None,
) -> Figure:
    """
    Return a plot of one or more curves.

    :param x_label: what the axis shows, with its unit.
    :param size: (width, height) in inches.
    :param references: horizontal lines by what they mean, for instance chance level.
    """
    return plot_grid({title: series}, x_label=x_label, y_label=y_label, size=size,
                     references=references)


def plot_grid(
    panels: Mapping[str, Sequence[Series]],
    *,
    x_label: str,
    y_label: str,
    columns: int = 4,
    size: tuple[float, float] = (2.4, 2.2),
    references: Mapping[str, float] | None = None,
    vertical: Mapping[str, float] | None = None,
) -> Figure:
    """
    Return panels of curves under one legend, their titles being the keys of `panels`.

    The legend is that of the first panel: all have the same curves.

    :param size: (width, height) of a panel in inches.
    :param references: horizontal lines in every panel, by what they mean.
    :param vertical: vertical lines, likewise.
    """
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    with rc_context(_STYLE):
        figure = Figure(figsize=(columns * size[0], rows * size[1] + 0.3 * (len(panels) > 1)))
        grid = figure.subplots(rows, columns, squeeze=False)
        for axes, (title, series) in zip(grid.flat, panels.items(), strict=False):
            draw_series(axes, series)
            for name, value in (references or {}).items():
                axes.axhline(value, label=name, **_REFERENCE)
            for name, value in (vertical or {}).items():
                axes.axvline(value, label=name, **_REFERENCE)
            axes.set_title(title)
        for axes in list(grid.flat)[len(panels):]:
            axes.remove()
        _label(figure, grid, x_label, y_label, len(panels))
    return figure


def _label(figure: Figure, grid: np.ndarray, x_label: str, y_label: str, panels: int) -> None:
    """Put the axis labels and the legend where one panel, or many, need them."""
    first = grid[0, 0]
    if panels == 1:
        first.set_xlabel(x_label)
        first.set_ylabel(y_label)
        if len(first.get_legend_handles_labels()[1]) > 1:
            first.legend()
        return
    figure.supxlabel(x_label, fontsize=9)
    figure.supylabel(y_label, fontsize=9)
    handles, names = first.get_legend_handles_labels()
    # Room for the legend: matplotlib before 3.7, which Ubuntu 24.04 has, lays out none for it.
    figure.suptitle(' ', fontsize=9)
    figure.legend(handles, names, loc='upper center', ncols=min(len(names), 6), frameon=False)
