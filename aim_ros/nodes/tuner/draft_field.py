"""A field that leaves a viewer's typing alone."""

from collections.abc import Callable
from typing import Any

from nicegui.element import Element


class DraftField(Element, component='static/draft_field.js'):
    """
    Shows a value until somebody types, and then what is typed.

    Enter, and leaving the field, hand in what was typed; Escape drops it. What is handed in stays
    to be seen until `release`. Values that are shown meanwhile are seen after that: each key would
    otherwise race with the next value, here and on its way.

    :param entered: called with the text that is handed in.
    """

    def __init__(self, entered: Callable[[str], Any]):
        super().__init__()
        self.on('entered', lambda event: entered(event.args))

    def show(self, value: Any) -> None:
        """Show a value, now or when what is being typed has been handed in or dropped."""
        self.props['value'] = value
        self.update()

    def release(self, text: str) -> None:
        """Show the value again in place of a text that was handed in."""
        self.run_method('release', text)
