import json
import logging
import os

import cv2
import huggingface_hub
import numpy as np
import odd_values
import pytest
from safetensors.torch import load_file
from safetensors.torch import save_file
import torch
from transformers import AutoImageProcessor
from transformers import SegformerForImageClassification
from transformers import SegformerModel
from transformers import ViTConfig

from aim_ros.decoding.decode import decode
from aim_ros.imaging.encodings import ENCODINGS
from aim_ros.imaging.frame import Frame
from aim_ros.modulation import Modulation
from aim_ros.resources import share_directory
from aim_ros.segmentation.checkpoint import find_checkpoint
from aim_ros.segmentation.engine import choose_device
from aim_ros.segmentation.engine import KEPT_SIZES
from aim_ros.segmentation.labels import CITYSCAPES
from aim_ros.segmentation.loading import load_labels
from aim_ros.segmentation.segmenter import ModelError
from aim_ros.segmentation.segmenter import Segmenter

SHIPPED = 'segformer-b0-street'


def grey_frame(height=50, width=70, value=128):
    return Frame(np.full((height, width, 3), value, np.uint8))


def on_torch(model, **options):
    """A segmenter on the engine that needs no conversion, at the tiny checkpoints' size."""
    return Segmenter(
        model, **{'device': 'cpu', 'engine': 'torch', 'input_size': (64, 96), **options})


def refusal(model, **options):
    """Return why a model is refused, in one line."""
    with pytest.raises(ModelError) as error:
        on_torch(str(model), **options)
    assert '\n' not in str(error.value)
    return str(error.value)


@pytest.fixture
def change_weights():
    """Return a function that changes a folder's weights whose names have a part, in place."""
    def change(folder, part, change):
        weights = load_file(folder / 'model.safetensors')
        for name, values in weights.items():
            if part in name:
                change(values)
        save_file(weights, folder / 'model.safetensors', metadata={'format': 'pt'})
    return change


# Finding a checkpoint


def test_a_folder_is_taken_as_it_is(tmp_path, monkeypatch):
    assert find_checkpoint(str(tmp_path)) == str(tmp_path)
    monkeypatch.setenv('HOME', str(tmp_path))
    (tmp_path / 'mine').mkdir()
    assert find_checkpoint('~/mine') == str(tmp_path / 'mine')


def test_a_shipped_model_goes_by_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_checkpoint(SHIPPED) == str(share_directory() / 'models' / SHIPPED)
    assert load_labels(SHIPPED) == CITYSCAPES


def test_a_folder_here_wins_over_a_hub_id(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_checkpoint('owner/name') == 'owner/name'
    (tmp_path / 'owner' / 'name').mkdir(parents=True)
    assert find_checkpoint('owner/name') == 'owner/name'
    with pytest.raises(ModelError, match="of model 'owner/name' cannot be loaded"):
        load_labels('owner/name')


@pytest.mark.parametrize('model', [
    '', 'segformer', '/no/such/folder', './no/such', '../no', '~/no/such/folder',
    '~nobody_of_that_name/model', 'a/b/c', 'x' * 5000, 'a\0b'])
def test_what_is_no_model_is_answered_with_what_there_is(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError) as error:
        load_labels(model)
    assert str(error.value) == (
        f'there is no model {model!r}; give the folder of a checkpoint, an ONNX file, a hub id '
        f'(owner/name) or one that ships: {SHIPPED}')


def test_an_installation_without_models_says_so_too(tmp_path, monkeypatch):
    (tmp_path / 'config').mkdir()
    monkeypatch.setattr('aim_ros.segmentation.checkpoint.share_directory', lambda: tmp_path)
    with pytest.raises(ModelError, match="there is no model 'segformer'"):
        find_checkpoint('segformer')


def test_a_hub_id_without_a_connection(monkeypatch):
    # What HF_HUB_OFFLINE=1 does before the library is imported: it fails at once.
    monkeypatch.setattr(huggingface_hub.constants, 'HF_HUB_OFFLINE', True)
    message = refusal('nobody/no-such-segformer')
    assert "the config of model 'nobody/no-such-segformer'" in message
    assert 'a hub id since there is no such folder' in message
    assert 'expected a checkpoint for semantic segmentation' in message


# Checkpoints that cannot be used


def test_a_folder_without_a_config(tmp_path):
    message = refusal(tmp_path)
    assert f"the config of model '{tmp_path}' cannot be loaded" in message
    assert 'config.json, preprocessor_config.json and model.safetensors' in message


@pytest.mark.parametrize('text', ['{"model_type": ', '[]', '', '{}', '"segformer"'])
def test_a_broken_config(make_checkpoint, text):
    folder = make_checkpoint()
    (folder / 'config.json').write_text(text)
    assert f"the config of model '{folder}' cannot be loaded" in refusal(folder)


@pytest.mark.parametrize('name', ['config.json', 'preprocessor_config.json'])
@pytest.mark.parametrize('key', ['', 'id2label', 'num_labels', 'temperature', 'rescale_factor'])
@pytest.mark.parametrize('value', odd_values.JSON.values(), ids=odd_values.JSON)
def test_files_that_no_program_should_go_on_with(make_checkpoint, value, key, name):
    folder = make_checkpoint()
    path = folder / name
    content = json.loads(path.read_text())
    text = json.dumps({**content, key: 'odd'}).replace('"odd"', value) if key else value
    path.write_text(text)
    message = refusal(folder)
    assert str(path) in message or f"of model '{folder}'" in message
    assert len(message) < 700


@pytest.mark.parametrize('name', ['config.json', 'preprocessor_config.json'])
def test_a_pipe_among_the_files_of_a_checkpoint(make_checkpoint, name):
    folder = make_checkpoint()
    (folder / name).unlink()
    os.mkfifo(folder / name)
    assert f'{folder / name} cannot be read: it is a pipe, a device' in refusal(folder)


def test_more_classes_than_a_mask_holds(make_checkpoint):
    folder = make_checkpoint(config={'num_labels': 10**9})
    assert 'has num_labels 1000000000; masks hold 65535 classes' in refusal(folder)


@pytest.mark.parametrize(('id2label', 'why'), [
    ({'0': 'road', '2': 'sky'}, 'id2label must map 0..1, got ids [0, 2]'),
    ({}, 'at least one class'),
])
def test_a_config_without_proper_classes(make_checkpoint, id2label, why):
    folder = make_checkpoint(config={'id2label': id2label})
    message = refusal(folder)
    assert f"the config of model '{folder}' names no classes" in message
    assert why in message


def test_a_config_of_another_architecture(tmp_path):
    ViTConfig().save_pretrained(tmp_path)
    message = refusal(tmp_path)
    assert message.startswith(
        f"model '{tmp_path}' is a vit, which transformers does not load for semantic "
        'segmentation; give a checkpoint of one of: beit, ')
    assert 'segformer' in message


def test_code_of_a_checkpoint_is_refused_without_a_question(make_checkpoint, monkeypatch):
    def ask(*_):
        pytest.fail('transformers asked on the terminal')

    monkeypatch.setattr('builtins.input', ask)
    folder = make_checkpoint(config={
        'model_type': 'my_net', 'auto_map': {'AutoConfig': 'my_net.MyConfig'}})
    assert 'custom code' in refusal(folder)


def test_weights_that_are_missing(make_checkpoint):
    folder = make_checkpoint()
    (folder / 'model.safetensors').unlink()
    assert f"the weights of model '{folder}' cannot be loaded" in refusal(folder)


@pytest.mark.parametrize('share', [0.0, 0.001, 0.5, 0.999])
def test_weights_that_are_cut_short(make_checkpoint, share):
    folder = make_checkpoint()
    content = (folder / 'model.safetensors').read_bytes()
    (folder / 'model.safetensors').write_bytes(content[:int(len(content) * share)])
    message = refusal(folder)
    assert f"the weights of model '{folder}' cannot be loaded (SafetensorError" in message


def test_weights_without_a_count_that_only_training_uses(make_checkpoint):
    folder = make_checkpoint()
    weights = load_file(folder / 'model.safetensors')
    del weights['decode_head.batch_norm.num_batches_tracked']
    save_file(weights, folder / 'model.safetensors', metadata={'format': 'pt'})
    on_torch(str(folder)).warm_up()


@pytest.mark.parametrize('model', [SegformerModel, SegformerForImageClassification])
def test_weights_without_a_decode_head(make_checkpoint, model):
    folder = make_checkpoint(model=model)
    message = refusal(folder)
    assert f"the checkpoint '{folder}' lacks" in message
    assert 'decode_head.' in message
    assert 'trained for semantic segmentation' in message


def test_weights_for_another_number_of_classes(make_checkpoint):
    folder = make_checkpoint(config={'id2label': {str(i): f'class {i}' for i in range(20)}})
    assert refusal(folder) == (
        f"the weights of model '{folder}' tell 19 classes apart "
        '(decode_head.classifier.bias), but its config names 20; give id2label as many names as '
        'the weights have classes')


def test_weights_of_another_size_than_the_config_says(make_checkpoint):
    folder = make_checkpoint(config={'decoder_hidden_size': 24})
    message = refusal(folder)
    assert f"the weights of model '{folder}' do not fit its config: decode_head." in message
    assert '16' in message
    assert '24' in message


@pytest.mark.parametrize(('key', 'value', 'said'), [
    ('image_std', [0.2, 0.0, 0.2], 'three numbers above 0'),
    ('image_std', [0.2, 0.2], 'three numbers'), ('image_std', [float('nan')] * 3, 'three numbers'),
    ('image_mean', [0.5], 'three numbers'), ('image_mean', 0.5, 'three numbers'),
    ('image_mean', ['a', 'b', 'c'], 'three numbers'), ('rescale_factor', 0, 'a number above 0'),
    ('rescale_factor', 'x', 'a number above 0')])
def test_an_image_processor_that_would_blind_the_network(make_checkpoint, key, value, said):
    folder = make_checkpoint(processor={key: value})
    with pytest.raises(ModelError, match=f'{key} in the image processor .* must be {said}'):
        Segmenter(str(folder), device='cpu', engine='torch')


@pytest.mark.parametrize('processor', [
    {'image_mean': [123.675, 116.28, 103.53], 'image_std': [58.395, 57.12, 57.375]},
    {'image_mean': [123.675, 116.28, 103.53]}, {'do_rescale': False}, {'rescale_factor': 1.0},
    {'rescale_factor': 1 / 255**2}])
def test_numbers_of_an_image_processor_that_do_not_go_together(make_checkpoint, processor):
    assert 'with which a network is blind' in refusal(make_checkpoint(processor=processor))


@pytest.mark.parametrize('processor', [
    {'image_mean': [0.5] * 3, 'image_std': [0.5] * 3}, {'do_normalize': False},
    {'do_rescale': False, 'do_normalize': False},
    {'do_rescale': False, 'image_mean': [123.675, 116.28, 103.53], 'image_std': [1.0] * 3},
    {'do_rescale': False, 'image_mean': [123.675, 116.28, 103.53],
     'image_std': [58.395, 57.12, 57.375]}])
def test_numbers_of_image_processors_that_there_are(make_checkpoint, processor):
    on_torch(str(make_checkpoint(processor=processor)))


@pytest.mark.parametrize('text', [None, '{"size": ', '{"image_processor_type": "None"}'])
def test_an_image_processor_that_is_missing_or_broken(make_checkpoint, text):
    folder = make_checkpoint()
    (folder / 'preprocessor_config.json').unlink()
    if text is not None:
        (folder / 'preprocessor_config.json').write_text(text)
    assert f"the image processor of model '{folder}' cannot be loaded" in refusal(folder)


@pytest.mark.parametrize('key', ['image_processor_type', 'feature_extractor_type'])
def test_an_image_processor_of_version_4_by_its_old_name(make_checkpoint, key):
    """As fine-tuned SegFormers on the hub have it; of sizes there is one number, or two."""
    folder = make_checkpoint(processor={
        'image_processor_type': None, key: 'SegformerFeatureExtractor', 'reduce_labels': True,
        'size': 64, 'image_mean': [0.1, 0.2, 0.3]})
    description = on_torch(str(folder)).description
    assert description.size == (64, 64)
    assert description.mean == (0.1, 0.2, 0.3)


@pytest.mark.parametrize('resample', [0, 1, 4, 5])
def test_a_filter_that_is_not_supported(make_checkpoint, resample):
    folder = make_checkpoint(processor={'resample': resample})
    assert 'supported: 2 (bilinear), 3 (bicubic)' in refusal(folder)


@pytest.mark.parametrize('processor', [{'size': {'shortest_edge': 64}}, {'do_resize': False}])
def test_a_processor_that_names_no_size(make_checkpoint, processor):
    folder = make_checkpoint(processor=processor)
    assert on_torch(str(folder), input_size=()).size_for((375, 1242)) == (256, 832)
    assert on_torch(str(folder), input_size=(64, 64)).size_for((375, 1242)) == (64, 64)


@pytest.mark.parametrize('temperature', [0, -1.5, 'hot', float('nan'), float('inf')])
def test_a_wrong_temperature(make_checkpoint, temperature):
    folder = make_checkpoint(config={'temperature': temperature})
    message = refusal(folder)
    assert f"the temperature in the config of model '{folder}' must be a number above 0" in message
    assert repr(temperature) in message


@pytest.mark.parametrize('precision', ['fp32', 'fp16', 'bf16'])
def test_weights_that_are_not_finite_are_found_at_warm_up(make_checkpoint, precision):
    segmenter = on_torch(str(make_checkpoint()), precision=precision)
    segmenter.warm_up(batch=2)
    with torch.no_grad():
        segmenter.engine.network.decode_head.classifier.bias[3] = float('nan')
    with pytest.raises(ModelError, match=f'not finite in {precision}; use precision fp32'):
        segmenter.warm_up()


@pytest.mark.parametrize('engine', ['torch', 'openvino'])
@pytest.mark.parametrize('value', [float('nan'), float('inf'), -float('inf')])
def test_weights_that_are_not_finite_in_the_file(make_checkpoint, change_weights, engine, value):
    folder = make_checkpoint()
    change_weights(folder, 'patch_embed', lambda weights: weights.fill_(value))
    message = refusal(folder, engine=engine)
    assert f"the weights of model '{folder}' are not finite as torch.float32" in message
    assert 'patch_embed' in message


def test_weights_that_a_precision_cannot_hold(make_checkpoint, change_weights):
    folder = make_checkpoint()
    change_weights(folder, 'classifier.bias', lambda weights: weights.fill_(1e5))
    on_torch(str(folder), precision='bf16').warm_up()
    assert 'are not finite as torch.float16' in refusal(folder, precision='fp16')


# Options


@pytest.mark.parametrize('device', ['tpu', '', 'gpu', 'mps', 'meta', 'cuda:x', 'CPU'])
def test_an_unknown_device(device):
    with pytest.raises(ModelError) as error:
        choose_device(device)
    assert str(error.value) == (
        f'unknown device {device!r}; devices: auto, cpu, cuda, cuda:N, openvino:NAME')


@pytest.mark.parametrize(('count', 'absent', 'present'), [
    (0, ('cuda', 'cuda:0'), ()), (1, ('cuda:1', 'cuda:7'), ('cuda', 'cuda:0')),
    (2, ('cuda:2',), ('cuda', 'cuda:0', 'cuda:1'))])
def test_a_cuda_device_that_is_not_there(monkeypatch, count, absent, present):
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: count)
    for device in absent:
        with pytest.raises(ModelError) as error:
            choose_device(device)
        assert str(error.value) == (
            f'there is no device {device!r}: torch sees {count} CUDA devices; use auto or cpu')
    for device in present:
        assert choose_device(device) == torch.device(device)


@pytest.mark.parametrize(('available', 'chosen'), [(True, 'cuda'), (False, 'cpu')])
def test_auto_takes_cuda_where_there_is_one(monkeypatch, available, chosen):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: available)
    assert choose_device('auto').type == chosen
    assert choose_device('cpu').type == 'cpu'


def test_an_unknown_precision(make_checkpoint):
    assert refusal(make_checkpoint(), precision='fp8') == (
        "unknown precision 'fp8'; precisions: auto, fp32, fp16, bf16")


def test_automatic_precision(make_checkpoint, device):
    segmenter = on_torch(str(make_checkpoint()), device=str(device))
    assert segmenter.precision == {'cpu': 'fp32', 'cuda': 'fp16'}[device.type]


@pytest.mark.parametrize('size', [(31, 64), (64, 31), (0, 0), (-64, 64), (64,), (64, 64, 64)])
def test_an_input_size_that_cannot_be(make_checkpoint, size):
    message = refusal(make_checkpoint(), input_size=size)
    assert 'input_size must be [height, width] of at least 32 pixels each' in message
    assert f'got {list(size)}' in message


@pytest.mark.parametrize(('given', 'taken'), [
    ((32, 32), (32, 32)), ([40, 100], (40, 100)), ((33, 47), (33, 47))])
def test_input_size_and_the_shape_of_the_logits(make_checkpoint, given, taken, device):
    segmenter = on_torch(str(make_checkpoint()), device=str(device), input_size=given)
    assert segmenter.input_size == taken
    pixels = segmenter.preprocess([grey_frame(50, 70), grey_frame(33, 20)])
    assert pixels.shape == (2, 3, *taken)
    assert pixels.device.type == device.type
    logits = segmenter.forward(pixels)
    assert logits.shape == (2, 19, -(-taken[0] // 4), -(-taken[1] // 4))
    assert logits.dtype == torch.float32


@pytest.mark.parametrize('precision', ['fp32', 'fp16', 'bf16'])
def test_precision_of_the_network(make_checkpoint, precision, device):
    folder = str(make_checkpoint())
    dtype = {'fp32': torch.float32, 'fp16': torch.float16, 'bf16': torch.bfloat16}[precision]
    segmenter = on_torch(folder, device=str(device), precision=precision)
    assert {weight.dtype for weight in segmenter.engine.network.parameters()} == {dtype}
    pixels = segmenter.preprocess([grey_frame()])
    assert pixels.dtype == dtype
    logits = segmenter.forward(pixels)
    assert logits.dtype == torch.float32
    exact = on_torch(folder, precision='fp32')
    torch.testing.assert_close(
        logits.cpu(), exact.forward(exact.preprocess([grey_frame()])), atol=0.05, rtol=0.05)


@pytest.mark.parametrize(('config', 'temperature'), [
    ({}, 1.0), ({'temperature': 1.35}, 1.35), ({'temperature': 2}, 2.0)])
def test_temperature_comes_from_the_config(make_checkpoint, config, temperature):
    segmenter = on_torch(str(make_checkpoint(config=config)))
    assert segmenter.temperature == temperature


@pytest.mark.parametrize('classes', [19, 150, 300])
def test_any_number_of_classes(make_checkpoint, classes):
    names = tuple(f'class {i}' for i in range(classes))
    folder = str(make_checkpoint(names))
    assert load_labels(folder).names == names
    segmenter = on_torch(folder)
    assert segmenter.labels.names == names
    logits = segmenter.forward(segmenter.preprocess([grey_frame()]))
    assert logits.shape[1] == classes
    with torch.no_grad():
        segmenter.engine.network.decode_head.classifier.bias[classes - 1] = 100.0
    logits = segmenter.forward(segmenter.preprocess([grey_frame()]))
    mask = decode(logits[0], (50, 70), Modulation()).mask
    assert (mask == classes - 1).all()


def test_duplicate_names_stay_apart(make_checkpoint):
    assert load_labels(str(make_checkpoint(('road', 'pole', 'road')))).names == (
        'road', 'pole', 'road')


def test_the_same_image_gives_the_same_logits(make_checkpoint):
    """Nothing random, such as dropout, is left in the network."""
    segmenter = on_torch(str(make_checkpoint()))
    frame = Frame(np.random.default_rng(0).integers(0, 256, (50, 70, 3), np.uint8))
    first, second = (segmenter.forward(segmenter.preprocess([frame])) for _ in range(2))
    assert torch.equal(first, second)


# Preprocessing, against the checkpoint's own image processor, which is PIL's arithmetic


@pytest.fixture
def compare(make_checkpoint):
    """Return ours less the image processor's input in grey levels, for one frame."""
    def compare(frame, device, **processor):
        folder = make_checkpoint(processor=processor)
        reference = AutoImageProcessor.from_pretrained(folder)
        segmenter = on_torch(str(folder), device=str(device), precision='fp32')
        ours = segmenter.preprocess([frame]).cpu()
        theirs = reference(images=frame.rgb(), input_data_format='channels_last',
                           return_tensors='pt')['pixel_values']
        assert ours.shape == theirs.shape == (1, 3, 64, 96)
        level = 1.0 if processor.get('do_rescale') is False else reference.rescale_factor
        if processor.get('do_normalize') is not False:
            level = level / torch.tensor(reference.image_std).view(3, 1, 1)
        return (ours - theirs) / level

    return compare


def noise(height, width, channels, low=0, high=256, padding=0):
    """A view, with `padding` bytes beside each row, on the hardest image: white noise."""
    values = np.random.default_rng(0).integers(low, high, (height, width * channels + padding),
                                               np.uint8)
    return np.lib.stride_tricks.as_strided(
        values, (height, width, channels), (values.strides[0], channels, 1))


def assert_within_one_level(difference):
    # The float32 of mean and deviation adds a little to a whole level.
    assert difference.abs().max() <= 1.001
    assert difference.mean().abs() <= 0.05


@pytest.mark.parametrize('encoding', ENCODINGS)
@pytest.mark.parametrize('padding', [0, 7])
@pytest.mark.parametrize('size', [(375, 1242), (40, 50), (64, 96), (200, 50), (64, 200), (1, 1)])
def test_preprocessing_of_every_encoding(compare, encoding, padding, size, device):
    image = noise(*size, ENCODINGS[encoding].channels, padding=padding)
    assert_within_one_level(compare(Frame(image, encoding), device))


@pytest.mark.parametrize('size', [(375, 1242), (40, 50), (64, 96), (200, 50)])
def test_preprocessing_by_the_bicubic_filter(compare, size, device):
    # Within this range the filter never overshoots, so that nobody clips between its passes.
    difference = compare(Frame(noise(*size, 3, low=64, high=192)), device, resample=3)
    assert difference.mean().abs() <= 0.05
    # Both round between their two passes, and where they do so differently, the second one
    # enlarges the step: on white noise a pixel in a thousand may be two levels off.
    assert (difference.abs() > 1.001).float().mean() <= 1e-3
    assert difference.abs().max() <= 2.001


@pytest.mark.parametrize('off', [
    {'do_normalize': False},
    {'do_rescale': False, 'image_mean': [124.0, 116.0, 104.0], 'image_std': [58.0, 57.0, 1.0]},
    {'do_normalize': False, 'do_rescale': False},
    {'image_mean': [0.1, 0.2, 0.3], 'image_std': [0.5, 1.0, 2.0], 'rescale_factor': 1 / 127.5}])
@pytest.mark.parametrize('size', [(100, 150), (64, 96)])
def test_preprocessing_with_other_arithmetic(compare, off, size, device):
    assert_within_one_level(compare(Frame(noise(*size, 3)), device, **off))


def test_preprocessing_at_the_networks_own_size_is_exact(compare, device):
    assert compare(Frame(noise(64, 96, 3)), device).abs().max() < 1e-3


def test_normalisation_by_hand(make_checkpoint):
    segmenter = on_torch(str(make_checkpoint()))
    image = np.empty((64, 96, 3), np.uint8)
    image[:] = (0, 128, 255)
    pixels = segmenter.preprocess([Frame(image)])[0]
    for channel, (value, mean, deviation) in enumerate(
            ((0, 0.485, 0.229), (128, 0.456, 0.224), (255, 0.406, 0.225))):
        torch.testing.assert_close(
            pixels[channel], torch.full((64, 96), (value / 255 - mean) / deviation),
            atol=1e-5, rtol=0)


def test_a_batch_is_its_frames(make_checkpoint):
    segmenter = on_torch(str(make_checkpoint()))
    frames = [Frame(noise(40, 50, 3)), Frame(noise(100, 90, 4), 'bgra8'),
              Frame(noise(64, 96, 1), 'mono8')]
    batch = segmenter.preprocess(frames)
    assert batch.shape == (3, 3, 64, 96)
    for frame, pixels in zip(frames, batch, strict=True):
        assert torch.equal(segmenter.preprocess([frame])[0], pixels)


@pytest.mark.filterwarnings('error')
def test_views_that_torch_cannot_take(make_checkpoint):
    segmenter = on_torch(str(make_checkpoint()))
    image = noise(40, 50, 3)
    expected = segmenter.preprocess([Frame(image.copy())])
    frozen = image.copy()
    frozen.flags.writeable = False
    backwards = np.ascontiguousarray(image[::-1, :, ::-1])
    assert torch.equal(segmenter.preprocess([Frame(frozen)]), expected)
    assert torch.equal(
        segmenter.preprocess([Frame(backwards[::-1, :, ::-1])]), expected)
    assert torch.equal(segmenter.preprocess([Frame(backwards[::-1], 'bgr8')]), expected)


def test_the_image_is_left_as_it_is(make_checkpoint):
    segmenter = on_torch(str(make_checkpoint()))
    for size in ((40, 50), (64, 96)):
        image = noise(*size, 3).copy()
        before = image.copy()
        segmenter.preprocess([Frame(image)])
        assert (image == before).all()


def test_the_shipped_model_sees_a_street(shared_data):
    """One real frame, so that no mistake is shared by every part of the chain."""
    image = cv2.imread(str(sorted((shared_data / 'kitti_raw' / 'seq_a').rglob('*.jpg'))[0]))
    segmenter = on_torch(SHIPPED, input_size=(256, 832))
    logits = segmenter.forward(segmenter.preprocess([Frame(image, 'bgr8')]))
    mask = decode(logits[0], image.shape[:2], Modulation()).mask
    height, width = mask.shape
    road = (mask[-height // 5:, width // 3:2 * width // 3] == 0).float().mean()
    assert road > 0.8


# The size of the input


def test_each_camera_has_an_input_of_its_own_shape(make_checkpoint, caplog):
    segmenter = on_torch(str(make_checkpoint()), input_size=(), input_pixels=64 * 96)
    assert segmenter.input_size is None
    segmenter.warm_up()
    assert segmenter.size_text == 'as the camera, about 6144 pixels'
    with caplog.at_level(logging.INFO):
        for size, taken in (((480, 640), (64, 96)), ((1280, 640), (96, 64))):
            pixels = segmenter.preprocess([grey_frame(*size)])
            assert pixels.shape == (1, 3, *taken)
            assert segmenter.forward(pixels).shape[2:] == (taken[0] // 4, taken[1] // 4)
    assert 'ready for inputs of 64x96 on torch' in caplog.text
    assert segmenter.size_text == '96x64, 64x96'
    # Of a topic that changes its size again and again, the latest are told.
    for width in range(1, KEPT_SIZES + 1):
        segmenter.forward(torch.zeros(1, 3, 32, 32 * width))
    assert segmenter.size_text.count('x') == KEPT_SIZES
    assert '96x64' not in segmenter.size_text


def test_frames_go_together_only_in_one_size_and_where_that_is_faster(make_checkpoint,
                                                                      monkeypatch):
    segmenter = on_torch(str(make_checkpoint()), input_size=(), input_pixels=64 * 96)
    frames = [grey_frame(480, 640), grey_frame(1280, 640), grey_frame(240, 320)]
    assert segmenter.groups(frames) == [[0], [1], [2]]
    monkeypatch.setattr(segmenter.engine, 'batched', True)
    assert segmenter.groups(frames) == [[0, 2], [1]]
    assert segmenter.groups([]) == []


def test_a_size_that_no_memory_holds_is_refused_when_it_is_tried(make_checkpoint):
    segmenter = on_torch(str(make_checkpoint()), input_size=(2**31 - 1, 2**31 - 1))
    with pytest.raises(ModelError, match=r'does not run at input_size \[2147483647, 2147483647\]'):
        segmenter.warm_up()


def test_a_size_that_could_not_be_made_ready_is_tried_with_the_next_frame(
        make_checkpoint, monkeypatch):
    """A recording is read faster than any wait is over: its other frames would be lost."""
    segmenter = on_torch(str(make_checkpoint()), input_size=(), input_pixels=64 * 96)
    run, tries = segmenter.engine.prepare, []

    def prepare(batch, size):
        tries.append(size)
        if len(tries) == 1:
            raise RuntimeError('no room')
        run(batch, size)

    monkeypatch.setattr(segmenter.engine, 'prepare', prepare)
    with pytest.raises(ModelError, match=r'does not run at input_size \[96, 64\]: no room$'):
        segmenter.forward(torch.zeros(1, 3, 96, 64))
    segmenter.forward(torch.zeros(1, 3, 96, 64))
    assert tries == [(96, 64), (96, 64)]


def test_a_size_that_is_given_holds_for_every_camera(make_checkpoint):
    segmenter = on_torch(str(make_checkpoint()), input_size=(64, 96), input_pixels=10**6)
    assert segmenter.size_for((480, 640)) == segmenter.size_for((1280, 640)) == (64, 96)
    assert segmenter.size_text == '96x64'
