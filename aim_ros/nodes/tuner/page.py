"""The page, as one viewer sees it."""

import math
from typing import Any

from nicegui import ui

from aim_ros.hazards.alerts import Level
from aim_ros.imaging.frame import Frame
from aim_ros.nodes.tuner import trace_panel
from aim_ros.nodes.tuner.alert_records import Record
from aim_ros.nodes.tuner.alert_records import RoadUser
from aim_ros.nodes.tuner.camera_stream import CameraStream
from aim_ros.nodes.tuner.parameter_panel import ParameterPanel
from aim_ros.nodes.tuner.parameter_row import choice_buttons
from aim_ros.nodes.tuner.save_dialog import SaveDialog
from aim_ros.nodes.tuner.what_if_panel import WhatIfPanel
from aim_ros.nodes.tuner.workbench import Workbench

_PERIOD = 0.25
_TRACE_PERIOD = 1.0
_HEAD = ('<link rel="stylesheet" href="/static/tuner.css">'
         '<script type="module" src="/static/pictures.js"></script>')
_COLORS = {
    Level.OK: 'color=positive text-color=white',
    Level.WARN: 'color=warning text-color=dark',
    Level.ERROR: 'color=negative text-color=white',
    Level.STALE: 'color=grey text-color=dark',
}
_GONE = 'no node'
_COLUMNS = [{'name': key, 'label': label, 'field': key, 'align': align} for key, label, align in (
    ('track_id', 'id', 'left'), ('kind', 'kind', 'left'), ('level', 'level', 'left'),
    ('distance', 'distance', 'right'), ('contact', 'contact in', 'right'), ('note', '', 'left'))]


class Page:
    """
    The page of one viewer: what the node says, renewed four times a second.

    :param workbench: the node, and what can be done with it.
    """

    def __init__(self, workbench: Workbench):
        self._workbench = workbench
        self._node = workbench.node
        self._camera = ''
        self._cameras: tuple[str, ...] = ()

    def build(self) -> None:
        """Make the page's elements in the current slot."""
        ui.add_head_html(_HEAD)
        ui.colors(primary='#1976d2')
        self._save = SaveDialog(self._workbench)
        with ui.element().classes('tuner'):
            self._build_head()
            with ui.column().classes('wide first'):
                self._choice = ui.row()
                self._pictures = ui.element('aim-pictures')
            with ui.column().classes('w-full'):
                self._build_left()
            near = ui.column().classes('near w-full')
            rest = ui.column().classes('wide w-full')
        self._parameters = ParameterPanel(self._node.parameters, near, rest)
        ui.timer(_PERIOD, self._refresh)
        ui.timer(_TRACE_PERIOD, self._draw_traces)

    def _build_head(self) -> None:
        with ui.row().classes('wide first items-center w-full'):
            self._level = ui.badge('...').props('data-level').classes('text-sm')
            self._state = ui.label().classes('name').props('data-state')
            ui.space()
            self._pause = ui.button(icon='pause', on_click=self._toggle_pause).props(
                'dense flat data-action="pause" aria-label="pause"')
            self._step = ui.button(icon='skip_next', on_click=self._step_once).props(
                'dense flat data-action="step" aria-label="one frame more"')
            ui.button('Save as profile', on_click=self._save.open).props(
                'no-caps dense outline padding="2px 10px" data-action="open-save"')
        self._problem = ui.label().classes('wide first refusal').props('role="alert"')
        self._problem.bind_visibility_from(self._problem, 'text', bool)

    def _build_left(self) -> None:
        with ui.column().classes('panel'):
            ui.html('<h2>Road users</h2>', sanitize=False)
            self._users = ui.table(rows=[], columns=_COLUMNS, row_key='track_id').props(
                'dense flat no-data-label="none is alerted" hide-pagination '
                ':rows-per-page-options="[0]"').classes('w-full bg-transparent')
        with ui.column().classes('panel'):
            ui.html('<h2>The last minute</h2>', sanitize=False)
            self._chart = trace_panel.trace_chart()
        with ui.column().classes('panel').props('data-panel="what-if"'):
            ui.html('<h2>What if: one frame under two profiles</h2>', sanitize=False)
            self._what_if = WhatIfPanel(self._workbench, self._newest_frame)

    @property
    def _stream(self) -> CameraStream | None:
        return self._node.streams.get(self._camera)

    def _newest_frame(self) -> Frame | None:
        stream = self._stream
        newest = stream.pictures.newest if stream is not None else None
        return None if newest is None else newest.pair.frame

    def _refresh(self) -> None:
        self._show_cameras()
        self._show_state()
        self._show_playback()
        stream = self._stream
        record = stream.record if stream is not None else None
        if record is not None:
            node = self._node
            self._show_record(record, bool(node.silence) or not node.parameters.present)
        self._parameters.refresh()
        self._what_if.refresh()

    def _show_cameras(self) -> None:
        cameras = tuple(self._node.streams)
        if cameras == self._cameras:
            return
        self._cameras = cameras
        if cameras and self._camera not in cameras:
            self._choose_camera(cameras[0])
        self._choice.clear()
        if len(cameras) > 1:
            with self._choice:
                choice_buttons(cameras, self._choose_camera)(self._camera)

    def _choose_camera(self, camera: str) -> None:
        self._camera = camera
        self._pictures.props(f'camera="{camera}"')

    def _show_state(self) -> None:
        node, status = self._node, self._node.status
        if node.silence:
            self._state.text = f'{node.target} does not answer'
            self._problem.text = (
                f'{node.target} has not been heard for {node.silence:.0f} s: it has ended, or '
                'cannot be reached.')
            return
        if not node.parameters.known:
            self._state.text = f'waiting for {node.target}'
            self._problem.text = (
                '' if node.parameters.values else f'No node {node.target} answers. Start one by '
                '"ros2 launch aim_ros perception.launch.py", or name another by --node.')
            return
        active = status.get('lifecycle_state') == 'active'
        self._problem.text = node.playback.problem if active else status.get('message', '')
        self._state.text = ' · '.join(filter(None, (
            status.get('lifecycle_state', ''), node.parameters.values.get('driver_profile', ''),
            f'sigma {status["sigma"]}' if 'sigma' in status else '',
            status.get('input_size', ''), status.get('engine', ''))))

    def _show_playback(self) -> None:
        playback, stream = self._node.playback, self._stream
        held = stream is not None and stream.pictures.held
        paused = playback.paused if playback.present else held
        self._pause.props(f'icon={"play_arrow" if paused else "pause"} '
                          f'aria-pressed={"true" if paused else "false"}')
        self._step.set_enabled(paused)

    def _toggle_pause(self) -> None:
        playback, stream = self._node.playback, self._stream
        if playback.present:
            playback.pause(not playback.paused)
        elif stream is not None:
            # A live camera cannot be paused: its picture is held.
            stream.pictures.hold(not stream.pictures.held)

    def _step_once(self) -> None:
        if self._node.playback.present:
            self._node.playback.step()
        elif self._stream is not None:
            self._stream.pictures.step()

    def _show_record(self, record: Record, gone: bool) -> None:
        """
        Show the last alerts.

        :param gone: whether the node is, so that they tell nothing of now.
        """
        level = _GONE if gone else record.level.name
        if self._level.text != level:
            self._level.text = level
            self._level.props(_COLORS[Level.STALE if gone else record.level])
        rows = [] if gone else [_row(user) for user in record.road_users]
        if rows != self._users.rows:
            self._users.rows = rows

    def _draw_traces(self) -> None:
        stream = self._stream
        if stream is not None:
            trace_panel.update(self._chart, stream.traces)


def _row(user: RoadUser) -> dict[str, Any]:
    notes = ('by modulation alone' if user.emphasised else '',
             'predicted' if user.coasting else '')
    return {
        'track_id': user.track_id,
        'kind': user.kind,
        'level': user.level.name,
        'distance': f'{user.distance_m:.1f} m' if math.isfinite(user.distance_m) else '–',
        'contact': f'{user.ttc_s:.1f} s' if math.isfinite(user.ttc_s) else '–',
        'note': ', '.join(filter(None, notes)),
    }
