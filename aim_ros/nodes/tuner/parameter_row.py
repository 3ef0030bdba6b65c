"""One parameter on the page: the widget that suits it, and the node's answer."""

import asyncio
from collections.abc import Callable
from collections.abc import Iterable
from typing import Any

from nicegui import ui

from aim_ros.nodes.tuner.control import Control
from aim_ros.nodes.tuner.remote_parameters import RemoteParameters
from aim_ros.perception.profile_rules import same

_MOST_BUTTONS = 6


class ParameterRow:
    """
    Shows a parameter's value and sets it; made in the current slot of a page.

    What is shown is what the node says: a value that it refuses goes back, and its sentence stays
    until a value is accepted.

    :param parameters: of the node.
    :param control: the parameter.
    """

    def __init__(self, parameters: RemoteParameters, control: Control):
        self._parameters = parameters
        self._control = control
        self._shown: Any = None
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
            self._refusal.visible = False

    def show(self, value: Any) -> None:
        """Show a value that the node has, if it is another than before."""
        if value != self._shown:
            self._shown = value
            self._put(value)

    def _build(self, beside: ui.row) -> None:
        control = self._control
        if control.is_number:
            self._build_number(beside)
        elif isinstance(self._parameters.values.get(control.name), bool):
            with beside:
                switch = ui.switch(on_change=lambda event: self._ask(event.value))
            self._put = switch.set_value
        elif control.is_list:
            self._build_list()
        elif control.choices:
            self._put = choice_buttons(control.choices, self._ask)
        else:
            field = ui.input().props('dense outlined').classes('w-full')
            self._put = field.set_value
            _on_entered(field, lambda: self._ask(field.value))

    def _build_number(self, beside: ui.row) -> None:
        control = self._control
        with beside:
            number = ui.number(step=control.step if control.has_slider else None).props(
                'dense outlined input-class="text-right"').classes('w-28')
        puts = [number.set_value]
        _on_entered(number, lambda: self._ask(number.value))
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
                           on_change=lambda event: self._ask(tuple(event.value))).props(
                               'dense outlined use-chips').classes('w-full')

        def put(value: tuple) -> None:
            select.set_options([*choices, *(one for one in value if one not in choices)],
                               value=list(value))
        self._put = put

    async def _ask(self, value: Any) -> None:
        """Ask the node for a value; show its reason where it refuses."""
        if value is None:
            self._put(self._shown)
            return
        if _alike(value, self._shown):
            return
        reason = await asyncio.wrap_future(self._parameters.set(self._control.name, value))
        self._refusal.text = reason
        self._refusal.visible = bool(reason)
        if reason:
            self._put(self._shown)


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
            f'no-caps dense padding="2px 10px" data-choice="{choice}"') for choice in choices}

    def put(value: Any) -> None:
        for choice, button in buttons.items():
            chosen = choice == value
            button.props(f'color={"primary" if chosen else "grey-8"} '
                         f'aria-pressed={"true" if chosen else "false"}')
    return put


def _on_entered(field: ui.input | ui.number, ask: Callable[[], Any]) -> None:
    """Ask when what was typed is complete."""
    field.on('blur', ask)
    field.on('keydown.enter', ask)


def _alike(value: Any, other: Any) -> bool:
    """Whether two values mean the same to the node."""
    if isinstance(value, tuple) and isinstance(other, tuple):
        return same(value, other)
    return type(value) in (type(other), int, float) and value == other
