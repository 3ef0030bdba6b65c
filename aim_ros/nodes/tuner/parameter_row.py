"""One parameter on the page: the widget that suits it, and the node's answer."""

import asyncio
from collections.abc import Callable
from collections.abc import Coroutine
from collections.abc import Iterable
import math
from typing import Any

from nicegui import ui

from aim_ros.nodes.tuner.control import Control
from aim_ros.nodes.tuner.draft_field import DraftField
from aim_ros.nodes.tuner.remote_parameters import RemoteParameters
from aim_ros.nodes.tuner.service_calls import NoAnswerError
from aim_ros.perception.profile_rules import same

_MOST_BUTTONS = 6


class ParameterRow:
    """
    Shows a parameter's value and sets it; made in the current slot of a page.

    What is shown is what the node says: a value that it refuses goes back, and its sentence stays
    until a value is accepted. Where it does not answer, a button asks again.

    :param parameters: of the node.
    :param control: the parameter.
    """

    def __init__(self, parameters: RemoteParameters, control: Control):
        self._parameters = parameters
        self._control = control
        self._shown: Any = None
        self._unanswered: Any = None
        self._showing = False
        self._put: Callable[[Any], None]
        with ui.column().classes('parameter').props(f'data-parameter="{control.name}"'):
            with ui.row(wrap=False).classes('w-full items-center justify-between'):
                ui.label(control.name).classes('name')
                # Numbers stand beside their name, all else below.
                beside = ui.row(wrap=False).classes('items-center')
            self._build(beside)
            about = ui.label(control.description).classes('about')
            if control.constraints and not control.choices:
                about.text = f'{control.description} ({control.constraints})'
            self._refusal = ui.label().classes('refusal').props('role="alert"')
            self._again = ui.button('Try again').props(
                'no-caps dense outline padding="2px 10px" data-action="again"')
            self._again.on_click(lambda: self._ask(self._unanswered))
            self._say('')

    def show(self, value: Any) -> None:
        """Show a value that the node has, if it is another than before."""
        if value == self._shown:
            return
        self._shown = value
        self._put_shown()
        if self._again.visible and _alike(self._unanswered, value):
            # The answer was late or lost, the change was made.
            self._say('')

    def _put_shown(self) -> None:
        self._showing = True
        try:
            self._put(self._shown)
        finally:
            self._showing = False

    def _changed(self, value: Any) -> Coroutine[Any, Any, None] | None:
        """Ask for what a viewer chose; widgets tell of what the node has in the same way."""
        return None if self._showing else self._ask(value)

    def _build(self, beside: ui.row) -> None:
        control = self._control
        if control.is_number:
            self._build_number(beside)
        elif isinstance(self._parameters.values.get(control.name), bool):
            with beside:
                switch = ui.switch(on_change=lambda event: self._changed(event.value))
            self._put = switch.set_value
        elif control.is_list:
            self._build_list()
        elif control.choices:
            self._put = choice_buttons(control.choices, self._ask)
        else:
            field = DraftField(lambda text: self._hand_in(field, text, text)).props(
                'dense outlined').classes('w-full')
            self._put = field.show

    def _build_number(self, beside: ui.row) -> None:
        control = self._control
        with beside:
            number = DraftField(lambda text: self._hand_in(number, text, _number(text))).props(
                'dense outlined type=number input-class="text-right"').classes('w-28')
        number.props(f'step={control.step if control.has_slider else "any"}')
        puts = [number.show]
        if control.has_slider:
            slider = ui.slider(min=control.low, max=control.high, step=control.step).props('dense')
            # When it is let go: not each value on the way there.
            slider.on('change', lambda event: self._ask(event.args))
            puts.append(slider.set_value)
        self._put = lambda value: [put(value) for put in puts]

    def _build_list(self) -> None:
        choices = list(self._control.choices)
        # A value that is not among them is shown all the same.
        select = ui.select(choices, multiple=True, with_input=True, new_value_mode='add-unique',
                           on_change=lambda event: self._changed(tuple(event.value))).props(
                               'dense outlined use-chips').classes('w-full')

        def put(value: tuple) -> None:
            select.set_options([*choices, *(one for one in value if one not in choices)],
                               value=list(value))
        self._put = put

    async def _hand_in(self, field: DraftField, text: str, value: Any) -> None:
        """Ask the node for what was typed, and then show what it has."""
        if value is not None:
            await self._ask(value)
        self.show(self._parameters.values.get(self._control.name, self._shown))
        field.release(text)

    async def _ask(self, value: Any) -> None:
        """Ask the node for a value; show its reason where it refuses."""
        name = self._control.name
        if _alike(value, self._parameters.values.get(name)):
            self._say('')
            return
        try:
            reason = await asyncio.wrap_future(self._parameters.set(name, value))
        except NoAnswerError as error:
            self._unanswered = value
            self._say(f'{error}. What is shown is what it said last.', again=True)
        else:
            self._say(reason)
            if not reason:
                return
        self._put_shown()

    def _say(self, text: str, again: bool = False) -> None:
        self._refusal.text = text
        self._refusal.visible = bool(text)
        self._again.visible = again


def choice_buttons(choices: Iterable[str], ask: Callable[[str], Any]) -> Callable[[Any], None]:
    """
    Make a button for each choice, or one list where there are many.

    :param ask: called with the choice that was made.
    :return: a function that shows which one is in force.
    """
    choices = list(choices)
    if len(choices) > _MOST_BUTTONS:
        select = ui.select(choices, on_change=lambda event: ask(event.value)).props(
            'dense outlined').classes('w-full')
        # What is none of them, as "custom", leaves it empty.
        return lambda value: select.set_value(value if value in choices else None)
    with ui.row().classes('w-full gap-1'):
        buttons = {choice: ui.button(choice, on_click=lambda choice=choice: ask(choice)).props(
            'no-caps dense padding="2px 10px"') for choice in choices}
    for choice, button in buttons.items():
        # In a text of props, quotes in it would end it.
        button.props['data-choice'] = choice

    def put(value: Any) -> None:
        for choice, button in buttons.items():
            chosen = choice == value
            button.props(f'color={"primary" if chosen else "grey-8"} '
                         f'aria-pressed={"true" if chosen else "false"}')
    return put


def _number(text: str) -> float | None:
    """Return what was typed as a number, None where it is none."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _alike(value: Any, other: Any) -> bool:
    """Whether two values mean the same to the node."""
    if isinstance(value, tuple) and isinstance(other, tuple):
        return same(value, other)
    return type(value) in (type(other), int, float) and value == other
