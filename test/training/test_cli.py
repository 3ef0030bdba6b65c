import dataclasses
import json

import numpy as np
from PIL import Image
import pytest
from train_extra import skip_where_missing

skip_where_missing()

import torch  # noqa: E402
from training_fixtures import save_answers  # noqa: E402
from training_fixtures import save_teacher  # noqa: E402
from training_fixtures import settings  # noqa: E402
import yaml  # noqa: E402

from aim_ros.training import cli  # noqa: E402
from aim_ros.training import config  # noqa: E402
from aim_ros.training import model  # noqa: E402


@pytest.fixture
def run(tmp_path):
    """Run one command on the made data; return its exit code."""
    chosen = settings(tmp_path)
    (tmp_path / 'weights').mkdir()
    save_teacher(tmp_path / 'weights')
    computed = save_answers(tmp_path / 'answers', chosen.data)
    made = computed.validation
    chosen = dataclasses.replace(
        chosen, teacher=config.TeacherConfig(weights=str(tmp_path / 'weights')),
        data=dataclasses.replace(computed, choice=(
            made, dataclasses.replace(made, labels=None, input_size=(64, 96)))))
    path = tmp_path / 'run.yaml'
    path.write_text(yaml.safe_dump(json.loads(json.dumps(config.to_dict(chosen)))))
    return lambda *arguments: cli.main(['--config', str(path), *map(str, arguments)])


@pytest.fixture
def checkpoint(tmp_path):
    torch.manual_seed(3)
    model.save(model.build(config.ModelConfig()), tmp_path / 'model', (32, 64))
    return tmp_path / 'model'


def test_figures_are_of_the_listed_frames_at_every_size(tmp_path, run, checkpoint):
    (tmp_path / 'two.txt').write_text('f0\nf3\n')
    target = tmp_path / 'figures.json'
    assert run('evaluate', checkpoint, '--sizes', '32x64', '64x96', '--json', target) == 0
    figures = json.loads(target.read_text())
    assert list(figures) == ['32x64', '64x96']
    assert sum(c['pixels'] for c in figures['32x64']['classes'].values()) == 96 * 160
    assert run('evaluate', checkpoint, '--sizes', '32x64', '--list', tmp_path / 'two.txt',
               '--json', target) == 0
    figures = json.loads(target.read_text())['32x64']
    assert sum(c['pixels'] for c in figures['classes'].values()) == 2 * 96 * 160
    people = figures['objects']['height']['person']
    assert sum(share['objects'] for share in people.values()) >= 2
    sure = figures['calibration']['temperature 1']['classes']
    assert any(c['confidence'] is not None for c in sure.values())


def test_the_teacher_is_measured_as_a_checkpoint_is(tmp_path, run):
    skip_where_missing('openvino')
    target = tmp_path / 'figures.json'
    assert run('evaluate', 'teacher', '--json', target) == 0
    assert list(json.loads(target.read_text())) == ['enlarged 2 times']


def test_a_temperature_is_fitted_on_the_frames_to_choose_by(tmp_path, run, checkpoint, capsys):
    # A network that is always sure of one class, mostly wrongly: softer is better.
    network = model.build(config.ModelConfig(start=str(checkpoint)))
    with torch.no_grad():
        network.decode_head.classifier.bias[5] = 8.0
    model.save(network, checkpoint, (32, 64))
    assert run('calibrate', checkpoint, '--size', '32x64', '--write') == 0
    assert capsys.readouterr().out.count('made: least at temperature 3.0') == 2
    assert json.loads((checkpoint / 'config.json').read_text())['temperature'] == 3.0


def test_overlays_have_the_images_size(tmp_path, run, checkpoint):
    image = tmp_path / 'data' / 'images' / 'f1.png'
    assert run('overlay', checkpoint, image, '--out', tmp_path / 'drawn', '--size', '32x64') == 0
    drawn = np.asarray(Image.open(tmp_path / 'drawn' / 'f1.png'))
    assert drawn.shape == (96, 160, 3)
    assert (drawn != np.asarray(Image.open(image))).any()


def test_a_model_that_ships_is_known_by_its_name(tmp_path, run):
    image = tmp_path / 'data' / 'images' / 'f1.png'
    assert run('overlay', 'segformer-b0-street', image, '--out', tmp_path, '--size', '32x64') == 0
    assert (tmp_path / 'f1.png').is_file()


@pytest.mark.parametrize('arguments', [
    ['--set', 'train.steps=many', 'pack', 'x.zip'], ['--set', 'train', 'pack', 'x.zip'],
    ['evaluate', 'nowhere'], ['evaluate', 'teacher', '--list', 'nowhere.txt'],
    ['overlay', 'nowhere', 'x.png', '--out', 'y'], ['--config', 'nowhere.yaml', 'street']])
def test_mistakes_are_said_in_a_sentence(run, capsys, arguments):
    assert run(*arguments) == 1
    assert capsys.readouterr().err.startswith('train: ')


@pytest.mark.parametrize('size', ['256', '256x', 'x832', '0x832', '256,832', '256x832x3'])
def test_a_wrong_size_is_refused_in_a_sentence(run, capsys, size):
    with pytest.raises(SystemExit):
        run('evaluate', 'teacher', '--sizes', size)
    assert f'{size!r}: HEIGHTxWIDTH of the network is wanted' in capsys.readouterr().err


def test_a_packed_run_needs_no_folders(tmp_path, run):
    packed = tmp_path / 'packed.zip'
    assert run('pack', packed) == 0
    assert run('--set', f'data.packed={packed}', '--set', 'data.root=nowhere',
               'train', '--out', tmp_path / 'run') == 0
    assert torch.load(tmp_path / 'run' / 'last.pt', weights_only=True)['step'] == 4


def test_a_device_that_is_not_there_is_named(run, checkpoint, capsys):
    assert run('--set', 'train.device=tpu', 'evaluate', checkpoint) == 1
    assert "train: unknown device 'tpu'; devices: auto, cpu" in capsys.readouterr().err
