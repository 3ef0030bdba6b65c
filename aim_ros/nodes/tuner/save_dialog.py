"""The dialog that saves what is set now as a profile."""

from nicegui import ui

from aim_ros.nodes.tuner.saved_profile import how_to_start
from aim_ros.nodes.tuner.saved_profile import left_out
from aim_ros.nodes.tuner.saved_profile import save_profile
from aim_ros.nodes.tuner.saved_profile import SaveError
from aim_ros.nodes.tuner.workbench import Workbench


class SaveDialog:
    """
    Asks for a name, saves, and says how to start with the profile.

    :param workbench: knows what is set, and where to save.
    """

    def __init__(self, workbench: Workbench):
        self._workbench = workbench
        with ui.dialog() as self._dialog, ui.card().classes('w-96'):
            ui.label('Save as profile').classes('text-lg')
            ui.label(f'Into {workbench.users_file}').classes('about')
            self._name = ui.input('Name').props('dense outlined data-field="name"').classes(
                'w-full')
            self._description = ui.input('Description, one sentence').props(
                'dense outlined data-field="description"').classes('w-full')
            self._message = ui.label().classes('refusal').props('role="alert"')
            self._done = ui.column().classes('w-full gap-1')
            with ui.row().classes('w-full justify-end'):
                ui.button('Close', on_click=self._dialog.close).props('flat no-caps')
                ui.button('Save', on_click=self._save).props('no-caps data-action="save"')

    def open(self) -> None:
        """Show the dialog."""
        self._message.text = ''
        self._done.clear()
        self._dialog.open()

    def _save(self) -> None:
        bench = self._workbench
        values, path = bench.node.parameters.values, bench.users_file
        name = (self._name.value or '').strip()
        self._message.text = ''
        self._done.clear()
        try:
            save_profile(path, name, values, (self._description.value or '').strip(),
                         bench.profiles_file)
        except SaveError as error:
            self._message.text = str(error)
            return
        with self._done:
            ui.label(f'Saved as {name}. Start with it by')
            node, live = how_to_start(path, name)
            ui.label(node).classes('command')
            ui.label('or, where nothing runs yet, by')
            ui.label(live).classes('command')
            if unsaved := left_out(values):
                ui.label(f'Not in it, since no profile may state them: {", ".join(unsaved)}.'
                         ).classes('about')
