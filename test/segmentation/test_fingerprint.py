"""A model's fingerprint changes with whatever it computes by, and waits for its weights."""

import json
import shutil

import huggingface_hub
import pytest
import torch

from aim_ros.segmentation import checkpoint
from aim_ros.segmentation import loading
from aim_ros.segmentation.fingerprint import fingerprint

CONFIG, PROCESSOR, WEIGHTS = 'config.json', 'preprocessor_config.json', 'model.safetensors'


@pytest.fixture
def hub(make_checkpoint, tmp_path, monkeypatch):
    """Return a function that has files of two checkpoints of one config on this machine."""
    monkeypatch.setattr(huggingface_hub.constants, 'HF_HUB_CACHE', str(tmp_path / 'hub'))
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    made = {f'owner/{name}': make_checkpoint(seed=seed) for seed, name in enumerate('ab')}

    def bring(model: str, *files: str) -> str:
        place = tmp_path / 'hub' / f'models--{model.replace("/", "--")}'
        folder = place / 'snapshots' / ('c' * 40)
        folder.mkdir(parents=True, exist_ok=True)
        (place / 'refs').mkdir(exist_ok=True)
        (place / 'refs' / 'main').write_text('c' * 40)
        for file in files:
            shutil.copy(made[model] / file, folder)
        return str(made[model])
    return bring


def test_part_of_a_model_of_the_hub_is_not_taken_for_it(hub):
    assert fingerprint('owner/a') is None
    hub('owner/a', CONFIG)
    assert fingerprint('owner/a') is None
    folder = hub('owner/a', PROCESSOR, WEIGHTS)
    assert fingerprint('owner/a') == fingerprint(folder)


def test_models_of_the_hub_with_one_config_are_each_converted(hub, monkeypatch):
    """Of each only the config is here at first, by which the node reads its classes."""
    pytest.importorskip('openvino', reason='openvino is not installed: requirements.txt')
    for name in ('describe', 'load_network'):
        def load(model, *rest, real=getattr(checkpoint, name)):
            return real(hub(model, PROCESSOR, WEIGHTS), *rest)
        monkeypatch.setattr(checkpoint, name, load)
    monkeypatch.setattr(checkpoint, 'is_foldable', lambda model: True)
    pixels = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    logits = []
    for model in ('owner/a', 'owner/b'):
        hub(model, CONFIG)
        _, engine = loading.open_engine(model, device='cpu', engine='openvino')
        logits.append(engine(pixels))
    assert not torch.equal(*logits)


def test_weights_in_several_files_are_all_awaited(make_checkpoint):
    folder = make_checkpoint()
    (folder / WEIGHTS).rename(folder / 'model-1.safetensors')
    (folder / 'model.safetensors.index.json').write_text(json.dumps(
        {'weight_map': {'a': 'model-1.safetensors', 'b': 'model-2.safetensors'}}))
    assert fingerprint(str(folder)) is None
    (folder / 'model-2.safetensors').touch()
    assert fingerprint(str(folder)) is not None


def test_what_stands_beside_an_onnx_file_counts(tmp_path):
    onnx = pytest.importorskip('onnx', reason='onnx is not installed: requirements-export.txt')
    path, inside = tmp_path / 'network.onnx', tmp_path / f'{"long" * 40}.data'

    def write(value: float, **options) -> str:
        inside.unlink(missing_ok=True)
        weights = onnx.helper.make_tensor('w', 1, [300], [value] * 300)
        weights.raw_data = torch.full((300,), value).numpy().tobytes()
        weights.ClearField('float_data')
        graph = onnx.helper.make_graph([], 'network', [], [], [weights])
        onnx.save(onnx.helper.make_model(graph), path, **options)
        return fingerprint(str(path))

    assert write(1.0) != write(2.0)
    beside = {'save_as_external_data': True, 'location': inside.name, 'size_threshold': 0}
    assert write(1.0, **beside) == write(1.0, **beside) != write(2.0, **beside)
    before = fingerprint(str(path))
    (tmp_path / 'network.yaml').write_text('classes: [road]')
    assert fingerprint(str(path)) != before
