"""All parameters of the node on the page, made from what the node says of them."""

from collections.abc import Mapping

from nicegui import ui

from aim_ros.nodes.tuner.control import Control
from aim_ros.nodes.tuner.parameter_row import ParameterRow
from aim_ros.nodes.tuner.remote_parameters import RemoteParameters

_OTHERS = 'Others'
_TITLES = {'driver_profile': 'Driver profile', 'focus': 'Focus', 'alerts': 'Alerts', '': _OTHERS}
"""Titles of the groups, by the first part of the parameters' names."""

_NEAR = ('Driver profile', 'Focus')


class ParameterPanel:
    """
    Shows and sets the parameters of a node.

    :param parameters: of the node.
    :param near: where what a driver changes is shown: the profile and the focus.
    :param rest: where everything else is.
    """

    def __init__(self, parameters: RemoteParameters, near: ui.element, rest: ui.element):
        self._parameters = parameters
        self._near, self._rest = near, rest
        self._controls: Mapping[str, Control] = {}
        self._rows: dict[str, ParameterRow] = {}
        self._fixed: dict[str, ui.label] = {}

    def refresh(self) -> None:
        """Show what the node says now."""
        controls, values = self._parameters.controls, self._parameters.values
        if controls != self._controls:
            self._controls = controls
            self._near.clear()
            self._rest.clear()
            self._build()
        for name, row in self._rows.items():
            row.show(values[name])
        for name, label in self._fixed.items():
            label.text = _text(values[name])

    def _build(self) -> None:
        controls = self._controls
        self._rows = {}
        groups: dict[str, dict[str, Control]] = {title: {} for title in _TITLES.values()}
        for name, control in controls.items():
            if not control.read_only:
                groups[_TITLES.get(name.partition('.')[0], _OTHERS)][name] = control
        for title, group in groups.items():
            if group:
                with self._near if title in _NEAR else self._rest:
                    self._group(title, group)
        with (self._rest, ui.expansion('Fixed at start').classes('panel').props('dense'),
              ui.element().classes('rows')):
            self._fixed = {name: self._line(control) for name, control in controls.items()
                           if control.read_only}

    def _group(self, title: str, controls: Mapping[str, Control]) -> None:
        with ui.column().classes('panel'):
            ui.html(f'<h2>{title}</h2>', sanitize=False)
            with ui.element().classes('rows'):
                self._rows |= {name: ParameterRow(self._parameters, control)
                               for name, control in controls.items()}

    @staticmethod
    def _line(control: Control) -> ui.label:
        with ui.column().classes('parameter').props(f'data-parameter="{control.name}"'):
            with ui.row(wrap=False).classes('w-full justify-between'):
                ui.label(control.name).classes('name')
                value = ui.label().classes('name text-right')
            ui.label(control.description).classes('about')
        return value


def _text(value: object) -> str:
    return ', '.join(map(str, value)) if isinstance(value, tuple) else str(value)
