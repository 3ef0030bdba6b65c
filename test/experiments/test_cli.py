import signal
import subprocess
import sys

from held_command import interrupt_in
import pytest

from aim_ros.experiments.cli import COMMANDS
from aim_ros.experiments.cli import main


@pytest.fixture
def extras():
    """Skip a test of a command where requirements-experiments.txt is not installed."""
    for package in ('matplotlib', 'torchmetrics'):
        pytest.importorskip(
            package, reason=f'{package} is not installed: requirements-experiments.txt')


def test_help_lists_every_experiment_without_importing_one():
    code = ('import sys\nfrom aim_ros.experiments.cli import main\n'
            'try:\n    main(["--help"])\nfinally:\n    assert "torch" not in sys.modules')
    result = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert all(name in result.stdout for name in COMMANDS)


@pytest.mark.usefixtures('extras')
@pytest.mark.parametrize('name', ['segmentation', 'calibrate'])
def test_help_of_an_experiment_has_an_example(name, capsys):
    with pytest.raises(SystemExit) as end:
        main([name, '--help'])
    assert end.value.code == 0
    assert f'example:\n  experiments {name}' in capsys.readouterr().out


@pytest.mark.usefixtures('extras')
@pytest.mark.parametrize(('arguments', 'said'), [
    (['segmentation', '--data', '/nowhere'], 'there is no folder /nowhere'),
    (['calibrate', '--profile', 'sport', '--data', '/nowhere'], "unknown driver profile 'sport'"),
    (['calibrate', '--profile', 'defensive'], 'give either --data'),
    (['segmentation', '--data', '/dev/null/nowhere'], '/dev/null/nowhere'),
    (['calibrate', '--classes', 'x', '--source', '/nowhere', '--model', 'none'], "model 'none'"),
])
def test_mistakes_are_said_in_a_sentence(arguments, said, capsys):
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert said in error
    assert 'Traceback' not in error


@pytest.mark.usefixtures('extras')
@pytest.mark.parametrize(('command', 'refused'), [
    (['alerts', '--source', 'street', '--max-gap'], ('-1', 'nan', 'inf', 'wide')),
    (['calibrate', '--classes', 'person', '--tolerance'], ('-1', 'nan', 'inf', 'some')),
    (['calibrate', '--classes', 'person', '--max-sigma'], ('-1', '0', 'nan', 'inf', 'all')),
    (['segmentation', '--data', 'there', '--tolerance'], ('-1', 'nan', 'inf', 'some')),
    (['classification', '--model', 'm', '--images', 'i', '--sigma-max'],
     ('-1', '0', 'nan', 'inf', 'all')),
    (['classification', '--model', 'm', '--images', 'i', '--points'], ('-1', '0', '2.5', 'nan')),
], ids=' '.join)
def test_numbers_out_of_range_are_refused_in_a_sentence(command, refused, capsys):
    for number in refused:
        with pytest.raises(SystemExit) as end:
            main([*command, number])
        assert end.value.code == 2
        said = capsys.readouterr().err.splitlines()[-1]
        assert f'argument {command[-1]}: must be ' in said
        assert said.endswith(f"got '{number}'")


@pytest.mark.usefixtures('extras')
@pytest.mark.parametrize(('name', 'seeds'), [
    ('alerts', None), ('calibrate', 3), ('classification', 20), ('segmentation', 3)])
def test_seeds_are_offered_where_something_is_drawn(name, seeds, capsys):
    with pytest.raises(SystemExit):
        main([name, '--help'])
    said = ' '.join(capsys.readouterr().out.split())
    assert ('--seeds' in said) == (seeds is not None)
    assert seeds is None or f'seeds 0..N-1 (default: {seeds})' in said


@pytest.mark.usefixtures('extras')
def test_a_folder_that_cannot_be_written_is_said_before_the_work(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr('aim_ros.experiments.alerts.run', lambda _: pytest.fail('it ran'))
    (tmp_path / 'file').touch()
    arguments = ['alerts', '--source', 'street:frames=3,size=96x320', '--masks', 'labels',
                 '--no-video', '--out', str(tmp_path / 'file' / 'report')]
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert str(tmp_path / 'file') in error
    assert 'Traceback' not in error


@pytest.mark.usefixtures('extras')
@pytest.mark.parametrize(('place', 'number'), [
    (('aim_ros.experiments.alerts', 'watch'), signal.SIGINT),
    (('aim_ros.media.video', 'VideoWriter.close'), signal.SIGTERM)])
def test_a_signal_ends_it_in_a_sentence_and_leaves_no_half_file(tmp_path, place, number):
    code, err = interrupt_in(place, number, 'aim_ros.experiments.cli', [
        'alerts', '--source', 'street:frames=3,size=96x320', '--masks', 'labels',
        '--out', str(tmp_path / 'out')])
    assert code == 128 + number, err
    assert 'experiments: interrupted; there is no report of this run' in err
    assert 'Traceback' not in err
    assert not list((tmp_path / 'out').iterdir())


def test_a_missing_library_is_named(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, 'aim_ros.experiments.segmentation', None)
    assert main(['segmentation']) == 1
    assert 'requirements-experiments.txt' in capsys.readouterr().err
