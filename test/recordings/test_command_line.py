"""What ends a command on recordings is said in a sentence."""

import pytest

from aim_ros.media.frames import MediaError
from aim_ros.recordings.command_line import NOTHING
from aim_ros.recordings.command_line import run


@pytest.mark.parametrize(('error', 'said'), [
    (MediaError('there is no recording'), 'prog: there is no recording'),
    (ModuleNotFoundError("No module named 'pyarrow'", name='pyarrow'),
     'prog: pyarrow is not installed: pip install pyarrow'),
    (ImportError('pyarrow requires NumPy 2.0 or newer,\nfound 1.26.4'),
     'prog: a package cannot be used: pyarrow requires NumPy 2.0 or newer, found 1.26.4')])
def test_errors_end_in_a_sentence(capsys, error, said):
    def work() -> int:
        raise error

    assert run('prog', work) == NOTHING
    assert capsys.readouterr().err == f'{said}\n'
