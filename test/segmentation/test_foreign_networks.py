"""ONNX files that others exported: what they take and give is understood, or refused."""

import os
from pathlib import Path

import numpy as np
import odd_values
import pytest
import torch

from aim_ros.imaging.frame import Frame
from aim_ros.segmentation.description import ModelError
from aim_ros.segmentation.exported import read_description
from aim_ros.segmentation.segmenter import Segmenter

onnx = pytest.importorskip('onnx', reason='onnx is not installed: requirements-export.txt')
onnxruntime = pytest.importorskip(
    'onnxruntime', reason='onnxruntime is not installed: requirements-export.txt')
pytest.importorskip('openvino', reason='openvino is not installed: requirements.txt')

from onnx import helper  # noqa: E402
from onnx import TensorProto  # noqa: E402

from aim_ros.segmentation.engines.onnxruntime import OnnxRuntimeEngine  # noqa: E402
from aim_ros.segmentation.loading import load_labels  # noqa: E402
from aim_ros.segmentation.loading import open_engine  # noqa: E402

CLASSES = 4
DESCRIPTION = ('classes: [road, sky, person, car]\nmean: [0.485, 0.456, 0.406]\n'
               'std: [0.229, 0.224, 0.225]\n')
OPEN = ('b', 3, 'h', 'w')


@pytest.fixture
def make(tmp_path):
    """Return a function that writes a network of one convolution, and what follows it."""
    def write(end: str = '', taken: int = TensorProto.FLOAT, given: int = TensorProto.FLOAT,
              shape=OPEN, description: str = DESCRIPTION, weight: float | None = None,
              **attributes) -> str:
        weights = np.random.default_rng(0).normal(0, 2, (CLASSES, 3, 1, 1)).astype(np.float32)
        if weight is not None:
            weights[0] = weight
        nodes = [helper.make_node('Cast', ['x'], ['pixels'], to=TensorProto.FLOAT),
                 helper.make_node('Conv', ['pixels', 'w'], ['logits'], strides=[4, 4])]
        if end:
            nodes.append(helper.make_node(end, ['logits'], ['y'], **attributes))
        graph = helper.make_graph(
            nodes, 'network', [helper.make_tensor_value_info('x', taken, shape)],
            [helper.make_tensor_value_info('y' if end else 'logits', given, None)],
            [helper.make_tensor('w', TensorProto.FLOAT, weights.shape, weights.ravel())])
        path = tmp_path / 'network.onnx'
        onnx.save(helper.make_model(
            graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=9), path)
        path.with_suffix('.yaml').write_text(description)
        return str(path)
    return write


def start(path: str, engine: str) -> torch.Tensor:
    """Return the logits of a frame."""
    segmenter = Segmenter(path, device='cpu', engine=engine)
    segmenter.warm_up()
    frame = Frame(np.random.default_rng(0).integers(0, 256, (60, 100, 3), np.uint8))
    return segmenter.forward(segmenter.preprocess([frame]))


engines = pytest.mark.parametrize('engine', ['onnxruntime', 'openvino'])


@engines
@pytest.mark.parametrize('options', [
    {'shape': ('b', 'channels', 'h', 'w')}, {'shape': (None, None, None, None)},
    {'taken': TensorProto.FLOAT16}, {'taken': TensorProto.DOUBLE},
    {'end': 'Cast', 'to': TensorProto.DOUBLE, 'given': TensorProto.DOUBLE},
    {'end': 'LogSoftmax', 'axis': 1}])
def test_what_takes_images_and_gives_logits_runs(make, engine, options):
    expected = start(make(), engine)
    logits = start(make(**options), engine)
    difference = logits - expected
    # Logits are known but for what they have in common.
    torch.testing.assert_close(
        difference, difference[:, :1].expand_as(difference), atol=0.05, rtol=0)


@engines
@pytest.mark.parametrize(('options', 'said'), [
    ({'end': 'Softmax', 'axis': 1}, 'export it without its softmax or sigmoid'),
    ({'end': 'Sigmoid'}, 'export it without its softmax or sigmoid'),
    ({'end': 'ArgMax', 'axis': 1, 'keepdims': 1, 'given': TensorProto.INT64},
     'as an arg max gives it'),
    ({'taken': TensorProto.UINT8}, 'the input of .* is .*u.*8')])
def test_what_gives_no_logits_or_takes_no_images_is_refused(make, engine, options, said):
    with pytest.raises(ModelError, match=said):
        start(make(**options), engine)


@engines
def test_weights_that_are_nan_are_found_behind_a_relu_too(make, engine):
    """OpenVINO's makes 0 of NaN."""
    with pytest.raises(ModelError, match=r'are NaN|not finite'):
        start(make(end='Relu', weight=np.nan), engine)


def test_images_with_the_channels_last_are_refused_where_they_cannot_be_taken(make):
    with pytest.raises(ModelError, match=r'not float, float16 or double \(B, 3, height, w'):
        start(make(shape=('b', 'h', 'w', 3)), 'onnxruntime')


def test_what_the_engine_cannot_run_is_said_in_a_sentence(make):
    with pytest.raises(ModelError, match='does not run at input_size'):
        start(make(shape=('b', 3, 48, 'w')), 'onnxruntime')


@engines
def test_the_size_in_the_description_holds_where_the_file_leaves_it_open(make, engine):
    path = make(description=DESCRIPTION + 'input_size: [64, 96]\n')
    segmenter = Segmenter(path, device='cpu', engine=engine)
    assert segmenter.size_for((375, 1242)) == (64, 96)
    chosen = Segmenter(path, device='cpu', engine=engine, input_size=(32, 64))
    assert chosen.size_for((375, 1242)) == (32, 64)


def test_a_size_in_the_description_that_the_file_does_not_take_is_refused(make):
    path = make(shape=(1, 3, 32, 64), description=DESCRIPTION + 'input_size: [64, 96]\n')
    with pytest.raises(ModelError, match=r'inputs of \[32, 64\] alone, but its description says'):
        start(path, 'onnxruntime')


@pytest.mark.parametrize(('more', 'said'), [
    ('family: !!bool maybe', 'cannot be read'), ('family: !!timestamp noon', 'cannot be read'),
    (f'family: {"[" * 5000}{"]" * 5000}', 'cannot be read'),
    (f'temperature: 1{"0" * 400}', 'cannot be read: it has an integer of about 401 digits'),
    ('temperature: .inf', 'the temperature in .* must be a number above 0, got inf'),
    ('input_size: [64, "x"]', r'input_size in .* must be \[height, width\] of at most')])
def test_a_description_that_cannot_be_read_is_said_in_a_sentence(make, more, said):
    with pytest.raises(ModelError, match=said) as error:
        load_labels(make(description=f'{DESCRIPTION}{more}\n'))
    assert len(str(error.value)) < 700


def test_a_description_that_is_no_text_is_refused(make):
    path = make(description=DESCRIPTION)
    Path(path).with_suffix('.yaml').write_bytes(b'\xff\xfe\xfd')
    with pytest.raises(ModelError, match=r'cannot be read: it is no YAML: .*utf-8'):
        load_labels(path)


def test_a_description_that_is_a_pipe_is_refused(make):
    path = make(description=DESCRIPTION)
    beside = Path(path).with_suffix('.yaml')
    beside.unlink(missing_ok=True)
    os.mkfifo(beside)
    with pytest.raises(ModelError, match='cannot be read: it is a pipe, a device or a socket'):
        load_labels(path)


def test_a_provider_that_is_listed_but_does_not_start_is_no_silent_cpu(make, monkeypatch):
    """As where onnxruntime-gpu finds no cuDNN: the session goes on on the CPU."""
    monkeypatch.setattr(onnxruntime, 'get_available_providers',
                        lambda: ['CUDAExecutionProvider', 'CPUExecutionProvider'])
    with pytest.warns(UserWarning, match='CUDAExecutionProvider'), pytest.raises(
            ModelError, match="cannot start its execution provider 'cuda'"):
        Segmenter(make(), device='cpu', providers=('cuda', 'cpu'))


def test_where_onnx_runtime_has_no_cuda_auto_is_the_cpu_and_says_so(make, monkeypatch, caplog):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 1)
    monkeypatch.setattr(onnxruntime, 'get_available_providers', lambda: ['CPUExecutionProvider'])
    path = make()
    _, engine = open_engine(path)
    assert engine.target == 'cpu'
    assert 'has no execution provider "cuda": the network runs on the CPU' in caplog.text
    for asked in ({'device': 'cuda'}, {'providers': ('cuda', 'cpu')}):
        with pytest.raises(ModelError, match="no execution provider 'cuda' here; it has cpu"):
            open_engine(path, **asked)
    caplog.clear()
    assert open_engine(path, device='cpu')[1].target == 'cpu'
    assert not caplog.records


def test_a_provider_runs_where_its_cache_cannot_be_written(make, tmp_path, monkeypatch, caplog):
    """No provider that has one is here: a stand-in takes their options."""
    (tmp_path / 'file').touch()
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'file'))
    names = ['OpenVINOExecutionProvider', 'CPUExecutionProvider']
    open_session, asked = onnxruntime.InferenceSession, []

    def stand_in(path, options, providers):
        asked.extend(providers)
        session = open_session(path, options, providers=['CPUExecutionProvider'])
        monkeypatch.setattr(session, 'get_providers', lambda: names)
        return session

    path = make()
    monkeypatch.setattr(onnxruntime, 'get_available_providers', lambda: names)
    monkeypatch.setattr(onnxruntime, 'InferenceSession', stand_in)
    OnnxRuntimeEngine(Path(path), providers=('openvino', 'cpu'))
    assert asked == [(names[0], {}), (names[1], {})]
    assert 'what openvino compiles cannot be kept' in caplog.text


@pytest.mark.parametrize(('description', 'said'), [
    (DESCRIPTION.replace('mean', 'means'), 'lacks mean'),
    (DESCRIPTION + 'rescale: 1\n', "unknown key 'rescale'; keys: classes, mean"),
    (DESCRIPTION.replace('0.485', '123.675'), 'with which a network is blind')])
def test_a_description_by_which_the_network_would_be_blind_is_refused(make, description, said):
    with pytest.raises(ModelError, match=said):
        start(make(description=description), 'onnxruntime')


@pytest.mark.parametrize('key', [
    '', 'classes', 'mean', 'std', 'input_size', 'temperature', 'rescale_factor', 'resample',
    'channel_order', 'precision', 'family', 'other'])
@pytest.mark.parametrize('value', odd_values.YAML.values(), ids=odd_values.YAML)
def test_a_description_that_no_program_should_go_on_with_is_refused(make, value, key):
    path = make()
    for text in ((f'{key}: {value}', f'{key}: [{value}, 64]') if key else (value,)):
        beside = Path(path).with_suffix('.yaml')
        kept = [line for line in DESCRIPTION.splitlines() if not line.startswith(f'{key}:')]
        beside.write_text('\n'.join([*kept, text] if key else [text]))
        with pytest.raises(ModelError, match=str(beside)) as caught:
            read_description(Path(path))
        assert len(str(caught.value)) < 500


@pytest.mark.parametrize(('key', 'value', 'said'), [
    ('temperature', '18446744073709551616', None), ('temperature', '1e400', 'a number above 0'),
    ('temperature', '[1]', 'a number above 0'), ('family', '[a]', 'must be a name'),
    ('input_size', '[64, 20000]', 'at most 16384 pixels'), ('mean', '[.inf, 0, 0]', 'three')])
def test_a_number_of_a_description_that_no_network_has_is_refused(make, key, value, said):
    kept = [line for line in DESCRIPTION.splitlines() if not line.startswith(f'{key}:')]
    path = Path(make(description='\n'.join([*kept, f'{key}: {value}'])))
    if said is None:
        assert read_description(path)[0].temperature == 2.0**64
        return
    with pytest.raises(ModelError, match=said):
        read_description(path)
