"""The last minute of a camera as lines."""

from typing import Any

from nicegui import ui

from aim_ros.nodes.tuner.traces import NAMES
from aim_ros.nodes.tuner.traces import SECONDS
from aim_ros.nodes.tuner.traces import Traces

_ROWS = (('changed share, %', ('changed share',)),
         ('road users: WARN yellow, ERROR red', ('WARN', 'ERROR')),
         ('latency, ms', ('latency',)), ('effective sigma', ('sigma',)))
"""The charts from top to bottom, and the traces of each."""

_COLORS = {'changed share': '#4fc3f7', 'WARN': '#ffb300', 'ERROR': '#ff5252',
           'latency': '#81c784', 'sigma': '#ba68c8'}
_HEIGHT, _GAP = 66, 30  # pixels of a chart, and between two
_GREY = '#8a8f98'


def trace_chart() -> ui.echart:
    """Make an empty chart in the current slot of a page."""
    return ui.echart(_options()).classes('w-full').style(
        f'height: {len(_ROWS) * (_HEIGHT + _GAP) + 12}px')


def update(chart: ui.echart, traces: Traces) -> None:
    """Draw the traces in a chart of `trace_chart`."""
    lines = traces.lines()
    for series in chart.options['series']:
        series['data'] = lines[series['name']]
    chart.update()


def _options() -> dict[str, Any]:
    rows = range(len(_ROWS))
    of_trace = {name: row for row, (_, names) in enumerate(_ROWS) for name in names}
    axis = {'axisLine': {'lineStyle': {'color': _GREY}}, 'axisLabel': {'fontSize': 10}}
    return {
        'animation': False,
        'color': [_COLORS[name] for name in NAMES],
        'tooltip': {'trigger': 'axis'},
        'title': [{'text': _ROWS[row][0], 'left': 0, 'top': row * (_HEIGHT + _GAP),
                   'textStyle': {'fontSize': 11, 'color': _GREY, 'fontWeight': 'normal'}}
                  for row in rows],
        'grid': [{'left': 38, 'right': 10, 'top': 20 + row * (_HEIGHT + _GAP),
                  'height': _HEIGHT} for row in rows],
        'xAxis': [{'type': 'value', 'min': -SECONDS, 'max': 0, 'gridIndex': row, **axis,
                   'axisLabel': {'show': row == rows[-1], 'fontSize': 10,
                                 'formatter': '{value} s'},
                   'splitLine': {'show': False}} for row in rows],
        'yAxis': [{'type': 'value', 'min': 0, 'gridIndex': row, 'splitNumber': 2, **axis,
                   'splitLine': {'lineStyle': {'color': _GREY, 'opacity': 0.25}}}
                  for row in rows],
        'series': [{'type': 'line', 'name': name, 'data': [], 'showSymbol': False,
                    'xAxisIndex': of_trace[name], 'yAxisIndex': of_trace[name],
                    'lineStyle': {'width': 1.5}, **({'step': 'end'} if name.isupper() else {})}
                   for name in NAMES],
    }
