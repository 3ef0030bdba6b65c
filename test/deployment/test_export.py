"""Networks that leave as ONNX files, and what runs them."""

import json
from pathlib import Path
import shlex

import numpy as np
import pytest
import torch
import yaml

from aim_ros.deployment import export
from aim_ros.deployment import gate
from aim_ros.deployment.agreement import Agreement
from aim_ros.imaging.frame import Frame
from aim_ros.segmentation import loading
from aim_ros.segmentation.cache import store_result
from aim_ros.segmentation.description import ModelError
from aim_ros.segmentation.export import trtexec_line
from aim_ros.segmentation.exported import KEY
from aim_ros.segmentation.exported import read_description
from aim_ros.segmentation.loading import load_labels
from aim_ros.segmentation.segmenter import Segmenter

onnx, _, _ = (
    pytest.importorskip(package, reason=f'{package} is not installed: requirements-export.txt')
    for package in ('onnx', 'onnxruntime', 'onnxscript'))
STREET = 'street:size=96x160'
NO_OPENVINO = 'openvino is not installed: requirements.txt'


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """Nothing is read from, or left in, the user's cache."""
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))


@pytest.fixture(scope='module')
def tiny(tmp_path_factory):
    """A tiny checkpoint that is only read."""
    from checkpoints import checkpoint_maker
    return str(checkpoint_maker(tmp_path_factory.mktemp('models'))(
        config={'temperature': 1.5}))


@pytest.fixture(scope='module')
def files(tiny, tmp_path_factory):
    """What `export` writes of it: for one image, and for any number."""
    folder = tmp_path_factory.mktemp('exported')
    for name, more in (('one', []), ('many', ['--dynamic-batch'])):
        assert export.main([
            '--model', tiny, '--output', str(folder / f'{name}.onnx'), '--input-size', '64', '96',
            '--count', '2', *more]) == 0
    return folder


def photo(seed=0):
    return Frame(np.random.default_rng(seed).integers(0, 256, (50, 70, 3), np.uint8))


def logits_of(segmenter, *frames):
    return segmenter.forward(segmenter.preprocess(frames))


def refusal(model, **options):
    with pytest.raises(ModelError) as error:
        Segmenter(str(model), **options)
    assert '\n' not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize('engine', ['auto', 'onnxruntime', 'openvino'])
@pytest.mark.parametrize('name', ['one', 'many'])
def test_the_file_is_all_that_an_engine_needs(tiny, files, name, engine):
    if engine == 'openvino':
        pytest.importorskip('openvino', reason=NO_OPENVINO)
    path = str(files / f'{name}.onnx')
    segmenter = Segmenter(path, device='cpu', engine=engine)
    reference = Segmenter(tiny, device='cpu', engine='torch', input_size=(64, 96))
    assert segmenter.engine.name == ('onnxruntime' if engine == 'auto' else engine)
    assert segmenter.labels == reference.labels == load_labels(path)
    assert segmenter.temperature == 1.5
    assert segmenter.input_size == (64, 96)
    segmenter.warm_up(2)
    frames = photo(0), photo(1)
    torch.testing.assert_close(
        logits_of(segmenter, *frames), logits_of(reference, *frames), atol=1e-5, rtol=0)


def test_images_together_are_as_each_alone(files):
    export.check_together(Segmenter(str(files / 'many.onnx'), device='cpu'), [photo(0), photo(1)])


def test_a_file_that_takes_no_images_together_is_refused(files):
    exported = Segmenter(str(files / 'one.onnx'), device='cpu')
    with pytest.raises(ModelError, match='does not take several images together'):
        export.check_together(exported, [photo()])


def test_a_file_with_other_logits_for_images_together_is_refused(files, monkeypatch):
    exported = Segmenter(str(files / 'many.onnx'), device='cpu')
    forward = exported.forward
    monkeypatch.setattr(
        exported, 'forward', lambda pixels: forward(pixels) + float(exported.engine.batched))
    with pytest.raises(ModelError, match='its logits for 3 images differ by 1 from'):
        export.check_together(exported, [photo(0), photo(1)])


def test_the_file_fixes_the_size(files):
    assert 'takes inputs of [64, 96] alone, but input_size is [32, 32]' in refusal(
        files / 'one.onnx', device='cpu', input_size=(32, 32))


def test_what_does_not_go_with_a_file(files, monkeypatch):
    monkeypatch.setattr(
        'onnxruntime.get_available_providers', lambda: ['CPUExecutionProvider'])
    path = files / 'one.onnx'
    assert 'engine torch does not run ONNX files' in refusal(path, engine='torch')
    assert "is in fp32, and ONNX Runtime runs it so: precision 'fp16' cannot be had" in refusal(
        path, device='cpu', precision='fp16')
    assert "ONNX Runtime has no execution provider 'tensorrt' here; it has cpu" in refusal(
        path, device='cpu', providers=('tensorrt', 'cpu'))
    assert "unknown execution provider 'dml'; providers: tensorrt" in refusal(
        path, device='cpu', providers=('dml', 'cpu'))
    assert 'there is no model' in refusal('/nowhere/network.onnx')


def test_a_description_beside_the_file_wins(files, tmp_path):
    (tmp_path / 'n.onnx').write_bytes((files / 'one.onnx').read_bytes())
    content = {'classes': [f'thing {i}' for i in range(19)], 'mean': [0, 0, 0], 'std': [1, 1, 1],
               'temperature': 2, 'channel_order': 'bgr', 'rescale_factor': 0.5}
    (tmp_path / 'n.yaml').write_text(yaml.safe_dump(content))
    segmenter = Segmenter(str(tmp_path / 'n.onnx'), device='cpu')
    assert segmenter.labels.names[3] == 'thing 3'
    assert segmenter.temperature == 2.0
    image = np.empty((64, 96, 3), np.uint8)
    image[:] = (10, 20, 30)
    assert segmenter.preprocess([Frame(image)])[0, :, 0, 0].tolist() == [15, 10, 5]


@pytest.mark.parametrize(('change', 'why'), [
    ({'classes': None}, 'lacks classes'),
    ({'mean': None, 'std': None}, 'lacks mean, std'),
    ({'classes': []}, 'must be a list of names'),
    ({'classes': 'road'}, 'must be a list of names'),
    ({'mean': [0, 1]}, 'mean in .* must be three numbers'),
    ({'std': [0, 1, 1]}, 'std in .* must be three numbers above 0'),
    ({'temperature': 0}, 'the temperature in .* must be a number above 0'),
    ({'temperature': True}, 'the temperature in .* must be a number above 0'),
    ({'input_size': [64]}, r'must be \[height, width\]'),
    ({'channel_order': 'gbr'}, 'channel_order in .* must be one of rgb, bgr'),
    ({'resample': 'nearest'}, 'resample in .* must be one of bilinear, bicubic'),
])
def test_a_wrong_description_is_answered_with_what_is_right(files, tmp_path, change, why):
    (tmp_path / 'n.onnx').write_bytes((files / 'one.onnx').read_bytes())
    content = {'classes': ['a', 'b'], 'mean': [0, 0, 0], 'std': [1, 1, 1], **change}
    (tmp_path / 'n.yaml').write_text(yaml.safe_dump(
        {key: value for key, value in content.items() if value is not None}))
    with pytest.raises(ModelError, match=why) as error:
        read_description(tmp_path / 'n.onnx')
    assert '\n' not in str(error.value)


def test_a_file_without_description_or_with_another_number_of_classes(files, tmp_path):
    model = onnx.load(files / 'one.onnx')
    stored = json.loads(next(item.value for item in model.metadata_props if item.key == KEY))
    del model.metadata_props[:]
    onnx.save(model, tmp_path / 'n.onnx')
    assert 'says nothing of its classes: write n.yaml beside it' in refusal(tmp_path / 'n.onnx')
    (tmp_path / 'n.yaml').write_text(yaml.safe_dump({**stored, 'classes': ['a', 'b']}))
    with pytest.raises(ModelError, match='gives 19 classes, but 2 are named'):
        Segmenter(str(tmp_path / 'n.onnx'), device='cpu').warm_up()


def test_a_file_that_is_broken(tmp_path):
    (tmp_path / 'n.onnx').write_bytes(b'no network')
    assert 'cannot load' in refusal(tmp_path / 'n.onnx')


def test_half_precision_keeps_head_and_norms(tiny, tmp_path, capsys):
    code = export.main([
        '--model', tiny, '--output', str(tmp_path / 'half.onnx'), '--input-size', '64', '96',
        '--count', '1', '--precision', 'fp16'])
    table = capsys.readouterr()
    if code:
        # A tiny network of random weights may be undecided; then nothing is written.
        assert 'was not written' in table.err
        assert not (tmp_path / 'half.onnx').exists()
        return
    model = onnx.load(tmp_path / 'half.onnx')
    kinds = {item.data_type for item in model.graph.initializer}
    assert {onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16} <= kinds
    assert '--stronglyTyped' in table.out


def test_the_table_and_the_line_for_tensorrt(tiny, tmp_path, capsys):
    path = tmp_path / 'new' / 'network.onnx'
    assert export.main(['--model', tiny, '--output', str(path), '--input-size', '64', '96',
                        '--count', '1', '--dynamic-batch']) == 0
    out = capsys.readouterr().out
    assert '100.0000%' in out
    assert 'which was not tried here' in out
    assert f'trtexec --onnx={path}' in out
    assert '--optShapes=pixels:1x3x64x96' in out
    assert [item.name for item in path.parent.iterdir()] == ['network.onnx']


@pytest.mark.parametrize('opset', [17, 20])
def test_the_file_has_the_opset_that_was_asked_for(tiny, tmp_path, opset):
    path = tmp_path / 'network.onnx'
    assert export.main(['--model', tiny, '--output', str(path), '--input-size', '64', '96',
                        '--count', '1', '--opset', str(opset)]) == 0
    assert [item.version for item in onnx.load(path).opset_import] == [opset]


def test_an_opset_that_cannot_be_written_is_said_in_a_sentence(tiny, tmp_path, capfd):
    """The converter of torch's exporter warns, and leaves operators of another opset."""
    assert export.main(['--model', tiny, '--output', str(tmp_path / 'n.onnx'), '--input-size',
                        '64', '96', '--count', '1', '--opset', '99']) == 1
    assert 'export: the network cannot be written with opset 99' in capfd.readouterr().err
    assert list(tmp_path.glob('*.onnx')) == []


def test_a_file_that_onnx_refuses_is_said_in_a_sentence(tiny, tmp_path, monkeypatch, capfd):
    def refuse(_):
        raise onnx.checker.ValidationError('No Op registered for Attention\n==> Context')

    monkeypatch.setattr(onnx.checker, 'check_model', refuse)
    assert export.main(['--model', tiny, '--output', str(tmp_path / 'n.onnx'), '--input-size',
                        '64', '96', '--count', '1']) == 1
    assert 'onnx refuses, with opset 18: No Op registered' in capfd.readouterr().err


def test_the_line_for_tensorrt_can_be_pasted():
    line = trtexec_line(Path("my maps/Müller's $net.onnx"), (64, 96), precision='fp16',
                        dynamic_batch=True)
    assert shlex.split(line)[:3] == [
        'trtexec', "--onnx=my maps/Müller's $net.onnx", "--saveEngine=my maps/Müller's $net.plan"]


def test_nothing_is_written_where_a_class_disagrees(tiny, tmp_path, monkeypatch, capsys):
    agreement = Agreement('torch', {'road': 5000, 'person': 2000}, {'road': 5000, 'person': 1990},
                          7000, 6990, 0.1)
    monkeypatch.setattr(export, 'compare', lambda *_: agreement)
    assert export.main(['--model', tiny, '--output', str(tmp_path / 'n.onnx'),
                        '--input-size', '64', '96', '--count', '1']) == 1
    assert 'was not written: on person' in capsys.readouterr().err
    assert not (tmp_path / 'n.onnx').exists()


@pytest.mark.parametrize('arguments', [
    ['--model', '/nowhere'], ['--frames', '/nowhere']])
def test_what_cannot_be_exported_is_said_in_a_sentence(tmp_path, capsys, arguments):
    assert export.main(['--output', str(tmp_path / 'n.onnx'), *arguments]) == 1
    error = capsys.readouterr().err
    assert error.startswith('export: ')
    assert 'Traceback' not in error


@pytest.mark.parametrize('arguments', [
    ['--count', '0'], ['--count', 'x'], ['--opset', '1'], ['--output', 'network']])
def test_arguments_that_cannot_be_meant_are_refused(capsys, arguments):
    with pytest.raises(SystemExit) as end:
        export.main(arguments)
    assert end.value.code == 2
    assert f'{arguments[0]}' in capsys.readouterr().err


# The gate


def test_agreement_is_the_share_of_the_references_pixels():
    agreement = Agreement(
        'torch', {'road': 10_000, 'person': 1_000, 'bicycle': 30, 'sky': 0},
        {'road': 9_989, 'person': 999, 'bicycle': 29, 'sky': 0}, 11_030, 11_017, 0.01)
    assert agreement.share('road') == 0.9989
    assert agreement.share('sky') == 1.0
    # One pixel may always differ.
    assert agreement.failing() == ['road']
    assert agreement.failing(['person', 'bicycle']) == []


def test_torch_in_fp32_is_the_reference(tiny):
    assert gate.check(Segmenter(tiny, device='cpu', engine='torch')) is None


def test_the_gate_measures_once(tiny, monkeypatch):
    pytest.importorskip('openvino', reason=NO_OPENVINO)
    monkeypatch.setattr(gate, 'gate_frames', lambda: iter([photo()]))
    segmenter = Segmenter(tiny, device='cpu', engine='openvino', input_size=(64, 96))
    first = gate.check(segmenter)
    assert first.failing() == []
    assert first.reference.startswith('torch')
    assert sum(first.there.values()) == 50 * 70
    monkeypatch.setattr(gate, 'compare', lambda *_: pytest.fail('measured again'))
    assert gate.check(segmenter) == first


def test_a_kept_result_of_another_form_is_measured_again(tiny, monkeypatch):
    pytest.importorskip('openvino', reason=NO_OPENVINO)
    monkeypatch.setattr(gate, 'gate_frames', lambda: iter([photo()]))
    monkeypatch.setattr(gate, 'cache_key', lambda _: 'key')
    segmenter = Segmenter(tiny, device='cpu', engine='openvino', input_size=(64, 96))
    for content in (None, [], {'a': 1}, {'reference': 'torch', 'there': {}, 'both': {},
                                         'pixels': 1, 'same': 1, 'largest': 0}):
        store_result('key', content)
        assert gate.check(segmenter).pixels == 50 * 70


def test_without_its_reference_an_engine_is_not_trusted(files, monkeypatch):
    pytest.importorskip('openvino', reason=NO_OPENVINO)
    segmenter = Segmenter(str(files / 'one.onnx'), device='cpu', engine='openvino')
    monkeypatch.setattr(loading, 'is_installed', lambda name: name != 'onnxruntime')
    with pytest.raises(ModelError) as error:
        gate.check(segmenter)
    assert str(error.value).startswith('openvino ')
    assert str(error.value).endswith(
        'cannot be compared with onnxruntime, as it must be before it is trusted: engine '
        'onnxruntime is not installed; "pip install onnxruntime"')


def test_the_warning_names_the_alerted_classes_that_fail(tiny):
    segmenter = Segmenter(tiny, device='cpu', engine='torch')
    names = segmenter.labels.names
    agreement = Agreement(
        'torch 2 fp32', dict.fromkeys(names, 10_000),
        {name: 9_900 if name in ('person', 'road') else 10_000 for name in names}, 1, 1, 0.1)
    assert gate.warning(None, segmenter, (11,)) is None
    assert gate.warning(agreement, segmenter, (12, 18)) is None
    message = gate.warning(agreement, segmenter, (11, 12))
    assert 'it agrees on: person 99.00%.' in message
    assert 'road' not in message
