"""Every engine gives the logits of the reference, at any size, or says in a sentence why not."""

from concurrent.futures import ThreadPoolExecutor
import gc
import logging
import os
import subprocess
import sys
import threading
import time
from types import SimpleNamespace
import warnings
import weakref

from deadline import DEADLINE
import numpy as np
import pytest
import torch

from aim_ros.imaging.frame import Frame
from aim_ros.segmentation import cache
from aim_ros.segmentation import loading
from aim_ros.segmentation.description import ModelError
from aim_ros.segmentation.engine import Engine
from aim_ros.segmentation.engine import KEPT_SIZES
from aim_ros.segmentation.loading import load_labels
from aim_ros.segmentation.segmenter import Segmenter

openvino = pytest.importorskip('openvino', reason='openvino is not installed: requirements.txt')


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """Nothing is read from, or left in, the user's cache."""
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    return tmp_path / 'cache' / 'aim_ros' / 'networks'


@pytest.fixture(scope='module')
def tiny(tmp_path_factory):
    """A tiny checkpoint that is only read."""
    from checkpoints import checkpoint_maker
    return str(checkpoint_maker(tmp_path_factory.mktemp('models'))())


@pytest.fixture(scope='module')
def kept(tiny, tmp_path_factory):
    """A cache folder in which the tiny checkpoint is converted already."""
    folder = tmp_path_factory.mktemp('kept')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('XDG_CACHE_HOME', str(folder))
        Segmenter(tiny, device='cpu', engine='openvino')
    return folder


@pytest.fixture
def use_kept(kept, monkeypatch):
    monkeypatch.setenv('XDG_CACHE_HOME', str(kept))
    return kept / 'aim_ros' / 'networks'


def frames(*sizes, seed=0):
    generator = np.random.default_rng(seed)
    return [Frame(generator.integers(0, 256, (*size, 3), np.uint8)) for size in sizes]


def logits_of(segmenter, frame):
    return segmenter.forward(segmenter.preprocess([frame]))


def refusal(model, **options):
    with pytest.raises(ModelError) as error:
        Segmenter(model, **options)
    assert '\n' not in str(error.value)
    return str(error.value)


# OpenVINO against the reference


@pytest.mark.parametrize('size', [(64, 96), (32, 32), (33, 47), (96, 64), (128, 416)])
def test_openvino_gives_the_logits_of_torch_at_any_size(tiny, use_kept, size):
    frame, = frames((100, 150))
    ours, theirs = (
        logits_of(Segmenter(tiny, device='cpu', engine=engine, input_size=size), frame)
        for engine in ('openvino', 'torch'))
    assert ours.shape == theirs.shape
    assert ours.dtype == torch.float32
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)


def test_several_frames_are_each_as_if_alone(tiny, use_kept):
    segmenter = Segmenter(tiny, device='cpu', engine='openvino', input_size=(64, 96))
    pair = frames((50, 70), (64, 96))
    together = segmenter.forward(segmenter.preprocess(pair))
    for frame, logits in zip(pair, together, strict=True):
        torch.testing.assert_close(
            logits_of(segmenter, frame)[0], logits, atol=1e-6, rtol=0)


def test_how_pixels_lie_in_memory_does_not_matter(tiny, use_kept):
    """OpenVINO reads the caller's memory, or that of a copy, which nobody else holds."""
    engine = Segmenter(tiny, device='cpu', engine='openvino').engine
    pixels = torch.randn(1, 3, 256, 832, generator=torch.Generator().manual_seed(0))
    expected = engine(pixels)
    for layout in (torch.channels_last, torch.contiguous_format):
        torch.testing.assert_close(
            engine(pixels.to(memory_format=layout)), expected, atol=1e-6, rtol=0)


def test_logits_stay_when_the_next_frame_comes(tiny, use_kept):
    segmenter = Segmenter(tiny, device='cpu', engine='openvino', input_size=(64, 96))
    first, second = frames((64, 96), (64, 96))
    logits = logits_of(segmenter, first)
    before = logits.clone()
    logits_of(segmenter, second)
    assert torch.equal(logits, before)


def test_threads_that_share_an_engine_each_get_their_own_logits(tiny, use_kept):
    engine = Segmenter(tiny, device='cpu', engine='openvino').engine
    sizes = ((64, 96), (128, 416))
    images = [torch.randn(1, 3, *sizes[i % 2], generator=torch.Generator().manual_seed(i))
              for i in range(24)]
    expected = [engine(image) for image in images]
    with ThreadPoolExecutor(4) as pool:
        for ours, theirs in zip(pool.map(engine, images), expected, strict=True):
            torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=0)


def test_openvino_runs_while_another_size_is_compiled(tiny, use_kept, monkeypatch):
    engine = Segmenter(tiny, device='cpu', engine='openvino').engine
    here, new = torch.zeros(1, 3, 32, 64), torch.zeros(1, 3, 64, 32)
    expected = engine(here)
    begun, may = threading.Event(), threading.Event()
    compile_ = type(engine)._compile

    def held(self, size):
        begun.set()
        assert may.wait(DEADLINE)
        return compile_(self, size)

    monkeypatch.setattr(type(engine), '_compile', held)
    with ThreadPoolExecutor(2) as pool:
        try:
            compiled = pool.submit(engine.prepare, 1, (64, 32))
            assert begun.wait(DEADLINE)
            assert torch.equal(pool.submit(engine, here).result(DEADLINE), expected)
            assert not engine.holds((64, 32))
        finally:
            may.set()
        compiled.result(DEADLINE)
    assert engine.holds((64, 32))
    begun.clear()
    assert engine(new).shape[2:] == (16, 8)
    assert not begun.is_set()


def test_openvino_keeps_what_it_compiled_for_the_sizes_used_last(tiny, use_kept, caplog):
    engine = Segmenter(tiny, device='cpu', engine='openvino').engine

    def compiled(*sizes):
        caplog.clear()
        with caplog.at_level(logging.INFO):
            for size in sizes:
                engine(torch.zeros(1, 3, *size))
        return len([record for record in caplog.records if 'compiled for' in record.message])

    rig = [(32, 32 + 8 * camera) for camera in range(8)]
    assert compiled(*rig) == 8
    assert compiled(*rig, *reversed(rig), *rig) == 0
    before = engine(torch.ones(1, 3, *rig[0]))
    # The first camera's size is in use; all others have to go.
    others = [(64, 32 + 8 * number) for number in range(KEPT_SIZES - 1)]
    assert compiled(*(size for other in others for size in (rig[0], other))) == len(others)
    assert compiled(rig[0]) == 0
    assert compiled(*rig[1:]) == 7
    assert compiled(*others, rig[0]) == KEPT_SIZES
    torch.testing.assert_close(engine(torch.ones(1, 3, *rig[0])), before)


def test_openvino_keeps_all_sizes_while_another_cannot_be_compiled(tiny, use_kept, monkeypatch):
    engine = Segmenter(tiny, device='cpu', engine='openvino').engine
    sizes = [(32, 32 + 8 * number) for number in range(KEPT_SIZES)]
    for size in sizes:
        engine.prepare(1, size)

    def fail(*_):
        raise RuntimeError('not enough memory')

    with monkeypatch.context() as patch:
        patch.setattr(engine, '_core', SimpleNamespace(compile_model=fail))
        for _ in range(2):
            with pytest.raises(ModelError, match='cannot compile'):
                engine.prepare(1, (64, 64))
    assert all(map(engine.holds, sizes))
    engine.prepare(1, (64, 64))
    assert [size for size in (*sizes, (64, 64)) if not engine.holds(size)] == sizes[:1]


@pytest.mark.parametrize('name', ['torch', 'openvino'])
def test_an_engine_that_nobody_holds_frees_its_memory_at_once(tiny, use_kept, name, caplog):
    # A handler may keep what it is given, as this one does.
    caplog.set_level(logging.INFO, 'aim_ros')
    segmenter = Segmenter(tiny, device='cpu', engine=name)
    segmenter.warm_up()
    there = weakref.ref(segmenter.engine)
    gc.disable()
    try:
        del segmenter
        assert there() is None
    finally:
        gc.enable()


@pytest.mark.parametrize(('engine', 'meanwhile'), [('torch', 3), ('openvino', 1)])
def test_torch_keeps_its_threads_only_where_it_runs_the_network(
        tiny, use_kept, engine, meanwhile):
    segmenter = Segmenter(tiny, device='cpu', engine=engine)
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with segmenter.threads():
            assert torch.get_num_threads() == meanwhile
        assert torch.get_num_threads() == 3
        with pytest.raises(ZeroDivisionError), segmenter.threads():
            _ = 1 / 0
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_auto_is_openvino_on_the_cpu_and_says_so(tiny, use_kept):
    engine = Segmenter(tiny, device='cpu').engine
    assert isinstance(engine, Engine)
    assert engine.name == 'openvino'
    assert engine.target == 'CPU'
    assert str(engine).startswith('openvino 20')


def test_auto_is_torch_where_openvino_is_not_installed(tiny, monkeypatch):
    monkeypatch.setattr(loading, 'is_installed', lambda name: name != 'openvino')
    assert Segmenter(tiny, device='cpu').engine.name == 'torch'
    assert 'engine openvino is not installed; "pip install openvino"' in refusal(
        tiny, engine='openvino')


def test_auto_is_torch_where_openvino_lacks_the_precision(tiny):
    if 'FP16' in openvino.Core().get_property('CPU', 'OPTIMIZATION_CAPABILITIES'):
        pytest.skip('this CPU computes in fp16')
    assert Segmenter(tiny, device='cpu', precision='fp16').engine.name == 'torch'
    assert 'CPU of OpenVINO does not compute in fp16 here; use precision fp32' in refusal(
        tiny, device='cpu', engine='openvino', precision='fp16')


# The conversion that is kept


def test_a_second_start_needs_no_transformers(tiny, use_kept, monkeypatch):
    def convert(*_):
        pytest.fail('the network was loaded again')

    monkeypatch.setattr('aim_ros.segmentation.checkpoint.load_network', convert)
    monkeypatch.setattr('aim_ros.segmentation.checkpoint.describe', convert)
    segmenter = Segmenter(tiny, device='cpu', engine='openvino')
    assert segmenter.labels == load_labels(tiny)
    assert len(list(use_kept.iterdir())) == 1


def test_other_weights_are_converted_anew(make_checkpoint, own_cache):
    for seed in (0, 1):
        folder = str(make_checkpoint(seed=seed))
        ours, theirs = (
            logits_of(Segmenter(folder, device='cpu', engine=engine), frames((64, 96))[0])
            for engine in ('openvino', 'torch'))
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)
    assert len(list(own_cache.iterdir())) == 2


@pytest.mark.parametrize('damage', ['description.json', 'network.xml', 'network.bin',
                                    'checksums.json', 'gone', 'flipped'])
def test_a_damaged_conversion_is_made_anew(tiny, own_cache, caplog, damage):
    expected = logits_of(Segmenter(tiny, engine='openvino'), frames((64, 96))[0])
    folder, = own_cache.iterdir()
    if damage == 'gone':
        (folder / 'network.bin').unlink()
    elif damage == 'flipped':
        content = bytearray((folder / 'network.bin').read_bytes())
        content[len(content) // 2] ^= 0x40
        (folder / 'network.bin').write_bytes(content)
    else:
        (folder / damage).write_bytes((folder / damage).read_bytes()[:-9])
    with caplog.at_level(logging.WARNING):
        again = logits_of(Segmenter(tiny, engine='openvino'), frames((64, 96))[0])
    assert torch.equal(again, expected)
    assert 'is damaged, and is made anew' in caplog.text
    assert [path.name for path in own_cache.iterdir()] == [folder.name]


def test_a_cache_that_cannot_be_written(tiny, tmp_path, monkeypatch, caplog):
    (tmp_path / 'file').touch()
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'file'))
    with caplog.at_level(logging.WARNING):
        segmenter = Segmenter(tiny, engine='openvino')
    assert 'cannot be kept, so every start converts it' in caplog.text
    assert logits_of(segmenter, frames((64, 96))[0]).isfinite().all()


@pytest.fixture
def full_disk(monkeypatch):
    """Return a function that has OpenVINO write as on a full disk, below some folders."""
    save = openvino.save_model

    def fill(*folders):
        def save_model(model, path, **options):
            if any(path.is_relative_to(folder) for folder in folders):
                path.write_text('<?xml')
                raise RuntimeError('basic_ios::clear: iostream error')
            save(model, path, **options)
        monkeypatch.setattr(openvino, 'save_model', save_model)
    return fill


def test_a_cache_on_a_full_disk(tiny, own_cache, full_disk, caplog):
    full_disk(own_cache)
    with caplog.at_level(logging.WARNING):
        segmenter = Segmenter(tiny, engine='openvino')
    assert 'cannot be kept, so every start converts it' in caplog.text
    assert logits_of(segmenter, frames((64, 96))[0]).isfinite().all()
    assert list(own_cache.iterdir()) == []


def test_no_room_at_all_is_said_in_a_sentence(tiny, own_cache, full_disk):
    full_disk('/')
    message = refusal(tiny, engine='openvino')
    assert 'finds room neither in the cache nor in' in message
    assert list(own_cache.iterdir()) == []


def test_what_killed_processes_leave_is_removed(own_cache):
    for name, age in (('.dead', 7200), ('.living', 60)):
        (own_cache / name / 'new').mkdir(parents=True)
        os.utime(own_cache / name, (time.time() - age,) * 2)
    with cache.kept_folder('key', lambda folder: (folder / 'network').touch()):
        assert {path.name for path in own_cache.iterdir()} >= {'key', '.living'}
    assert not (own_cache / '.dead').exists()


def test_processes_may_convert_at_once(own_cache, tmp_path):
    """Each has a whole folder, and one of them is kept."""
    (tmp_path / 'entered').mkdir()
    code = f"""if True:
        import os, pathlib, time
        from aim_ros.segmentation import cache
        def build(folder):
            pathlib.Path({str(tmp_path / 'entered')!r}, str(os.getpid())).touch()
            while len(os.listdir({str(tmp_path / 'entered')!r})) < 3:
                time.sleep(0.01)
            (folder / 'network').write_text('0' * 10_000)
        with cache.kept_folder('key', build) as folder:
            assert (folder / 'network').read_text() == '0' * 10_000
        """
    processes = [subprocess.Popen([sys.executable, '-c', code]) for _ in range(3)]
    assert [process.wait(120) for process in processes] == [0] * 3
    assert [path.name for path in own_cache.iterdir()] == ['key']


def test_a_user_without_a_home_has_a_cache_too(monkeypatch):
    monkeypatch.delenv('XDG_CACHE_HOME')
    monkeypatch.setattr('os.path.expanduser', lambda path: path)
    assert cache.cache_folder().is_absolute()


def test_only_the_last_used_conversions_are_kept(own_cache):
    def build(folder):
        (folder / 'network').write_text('0')

    for index in range(12):
        with cache.kept_folder(f'{index:02d}', build) as folder:
            assert (folder / 'network').read_text() == '0'
        assert (own_cache / f'{index:02d}').is_dir()
    assert len(list(own_cache.iterdir())) == 8


def test_measurements_are_kept_or_silently_absent(own_cache, tmp_path, monkeypatch, caplog):
    assert cache.load_result('a') is None
    cache.store_result('a', {'b': [1.5]})
    assert cache.load_result('a') == {'b': [1.5]}
    (own_cache.parent / 'measured' / 'a.json').write_text('{"b')
    assert cache.load_result('a') is None
    (tmp_path / 'file').touch()
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'file'))
    cache.store_result('a', 1)
    assert 'cannot be kept' in caplog.text


def test_conversion_warns_of_nothing(tiny, own_cache):
    with warnings.catch_warnings(record=True) as caught:
        Segmenter(tiny, engine='openvino')
    assert not [str(warning.message) for warning in caught if 'trac' in str(warning.message)]


# What does not go together


@pytest.mark.parametrize('target', ['GPU', 'NPU', 'GPU.7', '', 'cpu'])
def test_a_device_of_openvino_that_is_not_there(tiny, use_kept, target):
    if target in openvino.Core().available_devices:
        pytest.skip(f'this machine has a {target}')
    message = refusal(tiny, device=f'openvino:{target}')
    assert f"there is no device 'openvino:{target}': OpenVINO sees CPU" in message


def test_a_device_of_openvino_that_is_there(tiny, use_kept):
    assert Segmenter(tiny, device='openvino:CPU').engine.name == 'openvino'


def test_engines_and_devices_that_do_not_go_together(tiny):
    assert "device 'openvino:CPU' is for engine openvino, not torch" in refusal(
        tiny, device='openvino:CPU', engine='torch')
    assert refusal(tiny, engine='tflite') == (
        "unknown engine 'tflite'; engines: auto, torch, openvino, onnxruntime")
    message = refusal(tiny, engine='onnxruntime')
    assert 'engine onnxruntime runs ONNX files' in message
    assert 'ros2 run aim_ros export' in message


# One class


@pytest.mark.parametrize('engine', ['auto', 'torch', 'openvino'])
def test_a_provider_that_nobody_knows_is_refused_whatever_runs(tiny, use_kept, engine):
    assert refusal(tiny, device='cpu', engine=engine, providers=('cpu', 'gpu')) == (
        "unknown execution provider 'gpu'; providers: tensorrt, cuda, openvino, cpu")


@pytest.mark.parametrize(('options', 'said'), [
    ({}, []),
    ({'providers': ('cuda', 'cpu')},
     ['execution_providers [cuda, cpu] has no effect: the network runs on openvino, and '
      'providers are those of engine onnxruntime']),
    ({'input_size': (64, 96), 'input_pixels': 5000},
     ['input_pixels 5000 has no effect: the input of the network is 96x64, by input_size or by '
      'the model']),
    ({'input_size': (64, 96)}, []),
    ({'input_pixels': 5000}, []),
])
def test_what_has_no_effect_is_said_once(tiny, use_kept, caplog, options, said):
    with caplog.at_level(logging.WARNING):
        segmenter = Segmenter(tiny, device='cpu', engine='openvino', **options)
        for frame in frames((64, 96), (50, 70)):
            logits_of(segmenter, frame)
    assert [record.getMessage() for record in caplog.records] == said


@pytest.mark.parametrize('engine', ['torch', 'openvino'])
def test_a_network_of_one_class_tells_it_from_background(make_checkpoint, engine):
    folder = str(make_checkpoint(('person',)))
    assert load_labels(folder).names == ('background', 'person')
    segmenter = Segmenter(folder, device='cpu', engine=engine)
    assert segmenter.labels.names == ('background', 'person')
    frame, = frames((64, 96))
    raw = segmenter.engine(segmenter.preprocess([frame]))
    logits = logits_of(segmenter, frame)
    assert raw.shape[1] == 1
    assert (logits[:, 0] == 0).all()
    assert torch.equal(logits[:, 1:], raw)
    # The softmax over both is the sigmoid that the network was trained with.
    torch.testing.assert_close(logits.softmax(1)[:, 1], raw[:, 0].sigmoid())


def test_importing_needs_no_transformers():
    """Its import takes longer than all else that a start does."""
    code = ('import sys; import aim_ros.segmentation.segmenter; import aim_ros.deployment.gate; '
            "sys.exit('transformers' in sys.modules or 'openvino' in sys.modules)")
    assert subprocess.run([sys.executable, '-c', code], check=False).returncode == 0
