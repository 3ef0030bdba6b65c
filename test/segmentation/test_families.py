"""Networks of other families run on torch, or are refused in one sentence."""

import json

import numpy as np
import pytest
import torch
from transformers import ConvNextConfig
from transformers import DPTConfig
from transformers import DPTForSemanticSegmentation
from transformers import EomtConfig
from transformers import EomtForUniversalSegmentation
from transformers import MobileNetV2Config
from transformers import MobileNetV2ForSemanticSegmentation
from transformers import MobileViTConfig
from transformers import MobileViTForSemanticSegmentation
from transformers import UperNetConfig
from transformers import UperNetForSemanticSegmentation

from aim_ros.decoding.decode import decode
from aim_ros.imaging.frame import Frame
from aim_ros.modulation import Modulation
from aim_ros.segmentation.description import ModelError
from aim_ros.segmentation.loading import load_labels
from aim_ros.segmentation.segmenter import Segmenter

NAMES = {0: 'road', 1: 'person', 2: 'car'}
LABELS = {'id2label': NAMES, 'label2id': {name: i for i, name in NAMES.items()}}
PROCESSOR = {
    'image_processor_type': 'SegformerImageProcessor', 'do_resize': True,
    'size': {'height': 64, 'width': 96}, 'resample': 2, 'do_rescale': True,
    'rescale_factor': 1 / 255, 'do_normalize': True, 'image_mean': [0.5, 0.4, 0.3],
    'image_std': [0.2, 0.3, 0.4]}
MOBILEVIT = {
    'image_processor_type': 'MobileViTImageProcessor', 'do_resize': True,
    'size': {'shortest_edge': 80}, 'resample': 2, 'do_rescale': True, 'rescale_factor': 1 / 255,
    'do_center_crop': True, 'crop_size': {'height': 64, 'width': 96},
    'do_flip_channel_order': True}


def upernet():
    backbone = ConvNextConfig(
        depths=[1, 1, 1, 1], hidden_sizes=[8, 8, 16, 16],
        out_features=['stage1', 'stage2', 'stage3', 'stage4'])
    return UperNetForSemanticSegmentation(UperNetConfig(
        backbone_config=backbone, hidden_size=16, pool_scales=[1, 2], use_auxiliary_head=False,
        **LABELS))


def dpt():
    return DPTForSemanticSegmentation(DPTConfig(
        hidden_size=16, num_hidden_layers=4, num_attention_heads=2, intermediate_size=16,
        image_size=64, patch_size=16, backbone_out_indices=[0, 1, 2, 3], fusion_hidden_size=16,
        neck_hidden_sizes=[8, 8, 16, 16], use_auxiliary_head=False, **LABELS))


def mobilevit():
    return MobileViTForSemanticSegmentation(MobileViTConfig(
        hidden_sizes=[16, 16, 16], neck_hidden_sizes=[8, 8, 16, 16, 16, 16, 32],
        num_attention_heads=2, aspp_out_channels=16, **LABELS))


def mobilenet():
    return MobileNetV2ForSemanticSegmentation(MobileNetV2Config(
        depth_multiplier=0.25, min_depth=8, **LABELS))


# DPT takes square images alone.
FAMILIES = {
    'upernet': (upernet, PROCESSOR), 'mobilevit': (mobilevit, MOBILEVIT),
    'dpt': (dpt, {**PROCESSOR, 'size': {'height': 64, 'width': 64}}),
    'mobilenet_v2': (mobilenet, PROCESSOR)}


@pytest.fixture
def save(tmp_path):
    """Return a function that writes a checkpoint of a family."""
    def save(make, processor) -> str:
        torch.manual_seed(0)
        make().eval().save_pretrained(tmp_path)
        (tmp_path / 'preprocessor_config.json').write_text(json.dumps(processor))
        return str(tmp_path)

    return save


def photo(size=(50, 70)):
    return Frame(np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8))


@pytest.mark.parametrize('family', FAMILIES)
def test_other_families_run_on_torch(save, family):
    folder = save(*FAMILIES[family])
    assert load_labels(folder).names == ('road', 'person', 'car')
    segmenter = Segmenter(folder, device='cpu')
    assert segmenter.engine.name == 'torch'
    assert segmenter.size_for((375, 1242)) == (64, 64 if family == 'dpt' else 96)
    segmenter.warm_up()
    frame = photo()
    pixels = segmenter.preprocess([frame])
    logits = segmenter.forward(pixels)
    expected = segmenter.engine.network.network(pixel_values=pixels).logits
    torch.testing.assert_close(logits, expected.float())
    assert logits.shape[1] == 3
    decoded = decode(logits[0], frame.size, Modulation())
    assert decoded.mask.shape == frame.size


def test_the_size_is_that_of_the_crop_where_the_processor_crops(save):
    processor = {**PROCESSOR, 'image_processor_type': 'BeitImageProcessor', 'do_center_crop': True,
                 'size': {'height': 96, 'width': 96}, 'crop_size': {'height': 64, 'width': 64}}
    assert Segmenter(save(dpt, processor), device='cpu').size_for((375, 1242)) == (64, 64)


def test_blue_comes_first_where_the_processor_says_so(save):
    segmenter = Segmenter(save(*FAMILIES['mobilevit']), device='cpu')
    image = np.empty((64, 96, 3), np.uint8)
    image[:] = (255, 0, 51)
    pixels = segmenter.preprocess([Frame(image)])
    torch.testing.assert_close(pixels[0, :, 0, 0], torch.tensor([0.2, 0.0, 1.0]))


def test_other_families_are_not_converted(save):
    folder = save(*FAMILIES['upernet'])
    with pytest.raises(ModelError, match='engine openvino converts SegFormers alone'):
        Segmenter(folder, device='cpu', engine='openvino')


def test_a_size_that_a_network_does_not_take_is_said_in_a_sentence(save):
    segmenter = Segmenter(save(dpt, PROCESSOR), device='cpu')
    with pytest.raises(ModelError, match=r'does not run at input_size \[64, 96\]') as error:
        segmenter.warm_up()
    assert '\n' not in str(error.value)


def test_masks_by_queries_are_refused_in_a_sentence(save):
    def eomt():
        return EomtForUniversalSegmentation(EomtConfig(
            hidden_size=16, num_hidden_layers=2, num_attention_heads=2, image_size=64,
            patch_size=16, num_blocks=1, num_queries=4, **LABELS))

    folder = save(eomt, PROCESSOR)
    with pytest.raises(ModelError, match='is a eomt, which transformers does not load for '
                                         'semantic segmentation; give a checkpoint of one of'):
        load_labels(folder)
    with pytest.raises(ModelError, match='is a eomt'):
        Segmenter(folder, device='cpu')
