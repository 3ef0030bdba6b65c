"""The same frame under two profiles on the page, and the sweep of sigma."""

import base64
from collections.abc import Callable
from typing import Any
from typing import TYPE_CHECKING

from nicegui import ui

from aim_ros.imaging.frame import Frame
from aim_ros.nodes.tuner.pictures import jpeg
from aim_ros.nodes.tuner.workbench import AS_SET
from aim_ros.nodes.tuner.workbench import Workbench
from aim_ros.perception.profiles import ProfileError
from aim_ros.segmentation.description import ModelError
from aim_ros.segmentation.labels import UnknownClassError

if TYPE_CHECKING:
    from aim_ros.nodes.tuner.what_if import Side

_COLORS = ('#4fc3f7', '#ffb300')
_GREY = '#8a8f98'


class WhatIfPanel:
    """
    Compares two profiles on the frame that is shown; made in the current slot of a page.

    :param workbench: what compares.
    :param newest: returns the frame that is shown; None while there is none.
    """

    def __init__(self, workbench: Workbench, newest: Callable[[], Frame | None]):
        self._workbench = workbench
        self._newest = newest
        with ui.row().classes('w-full items-center'):
            self._selects = [ui.select([AS_SET], value=AS_SET).props(
                f'dense outlined data-side="{side}"').classes('min-w-36') for side in (0, 1)]
            self._button = ui.button('Compare on this frame', on_click=self._compare).props(
                'no-caps dense padding="4px 12px"')
            self._busy = ui.spinner(size='1.4em')
        self._busy.visible = False
        self._message = ui.label().classes('refusal').props('role="alert"')
        self._result = ui.column().classes('w-full').props('data-result')

    def refresh(self) -> None:
        """Offer the profiles that there are now."""
        control = self._workbench.node.parameters.controls.get('driver_profile')
        names = [AS_SET, *(control.choices if control is not None else ())]
        for side, select in enumerate(self._selects):
            if select.options != names:
                # At first, what is set against the first profile, which is the neutral one.
                first = names[min(1 - side, len(names) - 1)]
                # A node that was started again may know other profiles.
                kept = len(select.options) > 1 and select.value in names
                select.set_options(names, value=select.value if kept else first)

    async def _compare(self) -> None:
        frame = self._newest()
        if frame is None:
            self._message.text = 'There is no frame yet.'
            return
        self._message.text = ''
        self._busy.visible = True
        self._button.disable()
        try:
            names = tuple(select.value for select in self._selects)
            sides = await self._workbench.compare(frame, names)
        except (ModelError, ProfileError, UnknownClassError) as error:
            self._message.text = str(error)
        else:
            self._result.clear()
            with self._result:
                _show(sides)
        finally:
            self._busy.visible = False
            self._button.enable()


def _show(sides: 'list[Side]') -> None:
    with ui.element().classes('pair'):
        for side in sides:
            with ui.column().classes('gap-1'):
                data = base64.b64encode(jpeg(side.picture)).decode()
                ui.image(f'data:image/jpeg;base64,{data}').classes('w-full rounded')
                ui.label(f'{side.name}: sigma {side.sigma:g}, changes '
                         f'{100 * side.changed:.2f} % of the pixels').classes('name')
    ui.echart(_options(sides)).classes('w-full').style('height: 210px')


def _options(sides: 'list[Side]') -> dict[str, Any]:
    from aim_ros.nodes.tuner.what_if import SWEEP

    axis = {'type': 'value', 'nameLocation': 'middle', 'nameTextStyle': {'color': _GREY},
            'axisLine': {'lineStyle': {'color': _GREY}},
            'splitLine': {'lineStyle': {'color': _GREY, 'opacity': 0.25}}}
    return {
        'animation': False,
        'color': list(_COLORS),
        'tooltip': {'trigger': 'axis'},
        'legend': {'textStyle': {'color': _GREY}, 'top': 0},
        'grid': {'left': 52, 'right': 14, 'top': 30, 'bottom': 42},
        'xAxis': {**axis, 'name': 'sigma, logits', 'nameGap': 26, 'max': SWEEP[-1]},
        'yAxis': {**axis, 'name': 'pixels that change, %', 'nameGap': 36, 'min': 0},
        'series': [{
            'type': 'line', 'showSymbol': False, 'lineStyle': {'width': 2},
            # Lines of one name would be one.
            'name': side.name if side is sides[0] or side.name != sides[0].name
                    else f'{side.name} (2)',
            'data': [(sigma, round(100 * share, 3))
                     for sigma, share in zip(SWEEP, side.sweep, strict=True)],
            'markLine': {'symbol': 'none', 'label': {'show': False},
                         'data': [{'xAxis': side.sigma}]},
        } for side in sides],
    }
