"""The shipped checkpoint keeps the promises of its model card."""

import hashlib
from pathlib import Path
import re

import numpy as np
from PIL import Image
import pytest
import torch
from transformers import AutoImageProcessor
from transformers import SegformerForSemanticSegmentation

from aim_ros.media.street import Street

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / 'models' / 'segformer-b0-street'
SIZE = (192, 640)
PERSON, RIDER, CAR, IGNORE = 11, 12, 13, 255


@pytest.fixture(scope='module')
def card():
    return (MODEL / 'README.md').read_text()


@pytest.fixture(scope='module')
def predict():
    network = SegformerForSemanticSegmentation.from_pretrained(MODEL).eval()
    processor = AutoImageProcessor.from_pretrained(MODEL)

    @torch.inference_mode()
    def mask(image):
        pixels = processor(images=image, return_tensors='pt',
                           size={'height': SIZE[0], 'width': SIZE[1]})['pixel_values']
        logits = network(pixels).logits
        full = torch.nn.functional.interpolate(logits, image.shape[:2], mode='bilinear')
        return full.argmax(1)[0].numpy()

    return mask


def count(confusion, labels, mask):
    known = labels != IGNORE
    pairs = labels[known].astype(np.int64) * 19 + mask[known]
    confusion += np.bincount(pairs, minlength=19 * 19).reshape(19, 19)


def recall(confusion, index):
    return confusion[index, index] / confusion[index].sum()


def miou(confusion):
    right = np.diag(confusion)
    present = confusion.sum(1) > 0
    return (right / (confusion.sum(0) + confusion.sum(1) - right).clip(1))[present].mean()


def test_the_weights_are_those_of_the_card(card):
    weights = (MODEL / 'model.safetensors').read_bytes()
    assert len(weights) < 17_000_000
    assert hashlib.sha256(weights).hexdigest() in card


def test_miou_on_the_frames_of_the_report_is_the_cards(card, predict, shared_data):
    frames = shared_data / 'kitti_semantics'
    row = re.search(r'^\| this checkpoint \| 192x640 \| ([\d.]+) \| ([\d.]+) \|', card, re.M)
    assert row, 'the card has no row "this checkpoint | 192x640 | pixel accuracy | mIoU"'
    confusion = np.zeros((19, 19), np.int64)
    for name in (ROOT / 'config' / 'training' / 'kitti_report.txt').read_text().split():
        image = np.asarray(Image.open(frames / 'images' / f'{name}.jpg').convert('RGB'))
        labels = np.asarray(Image.open(frames / 'labels' / f'{name}.png'))
        count(confusion, labels, predict(image))
    assert np.trace(confusion) / confusion.sum() == pytest.approx(float(row[1]), abs=0.005)
    assert miou(confusion) == pytest.approx(float(row[2]), abs=0.005)


def test_it_sees_the_rendered_street(predict):
    confusion = np.zeros((19, 19), np.int64)
    for seed in (1, 2):
        for frame in Street(seed=seed, frames=120).frames(30, 60):
            count(confusion, frame.labels, predict(frame.image))
    assert np.trace(confusion) / confusion.sum() > 0.88
    assert recall(confusion, CAR) > 0.9
    assert recall(confusion, PERSON) > 0.35
    assert recall(confusion, RIDER) > 0.7
