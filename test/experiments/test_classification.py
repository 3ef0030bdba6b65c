import csv
import math

import numpy as np
from PIL import Image
import pytest
from safetensors.torch import save_file
import torch
from transformers import AutoModelForImageClassification
from transformers import ResNetConfig
from transformers import ViTImageProcessor

from aim_ros.experiments.classification import measure_utility
from aim_ros.experiments.classifiers import class_indices
from aim_ros.experiments.classifiers import Classifier
from aim_ros.experiments.classifiers import load_images
from aim_ros.experiments.cli import main
from aim_ros.experiments.errors import ExperimentError
from aim_ros.experiments.predictions import class_on_top_probability
from aim_ros.experiments.resnet import CifarResNet
from aim_ros.experiments.resnet import load_resnet
from aim_ros.experiments.resnet import normalise

_SIGMAS = (0.0, 1.0, 3.0, 8.0, 20.0)


def _assert_theory_holds(logits, labels, curve, seeds):
    """Hold measured accuracies against what draws around the exact expectation may do."""
    for i, sigma in enumerate(curve.sigmas):
        right = class_on_top_probability(logits, labels, float(sigma))
        error = 100 * math.sqrt((right * (1 - right)).sum() / seeds) / len(labels)
        assert curve.accuracy_expected[i] == pytest.approx(100 * right.mean().item())
        assert abs(curve.accuracy.mean[i] - curve.accuracy_expected[i]) <= 4 * error + 1e-9


def test_theory_agrees_with_draws_on_synthetic_logits():
    generator = torch.Generator().manual_seed(4)
    labels = torch.randint(10, (500,), generator=generator)
    logits = 3 * torch.randn(500, 10, generator=generator)
    logits[torch.arange(500), labels] += 5

    curve = measure_utility(logits, labels, _SIGMAS, range(20))

    _assert_theory_holds(logits, labels, curve, seeds=20)
    unmodulated = 100 * (logits.argmax(1) == labels).double().mean().item()
    assert curve.accuracy.mean[0] == pytest.approx(unmodulated)
    assert np.all(np.diff(curve.accuracy.mean) < 0)
    # Keeping the order of all classes is keeping the top one, and more.
    assert np.all(curve.order <= curve.kept_expected)
    assert np.all(curve.accuracy_theorem1 <= curve.accuracy_expected + 1e-9)


def test_theory_lies_in_the_measured_interval_on_cifar(shared_data):
    with np.load(shared_data / 'cifar10' / 'test_2000.npz') as data:
        images, labels = data['images'][::10], torch.from_numpy(data['labels'][::10].astype(int))
    model = load_resnet(shared_data / 'cifar10' / 'resnet56_cifar10.safetensors')
    with torch.inference_mode():
        logits = model(normalise(torch.from_numpy(images)))

    curve = measure_utility(logits, labels, _SIGMAS, range(20))

    assert curve.accuracy.mean[0] > 75
    _assert_theory_holds(logits, labels, curve, seeds=20)
    # Of 95 % intervals one in twenty misses; here four have a width, and noise that they share.
    inside = (curve.accuracy.low <= curve.accuracy_expected) & (
        curve.accuracy_expected <= curve.accuracy.high)
    assert inside.sum() >= 4


@pytest.fixture
def image_file(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / 'images.npz'
    np.savez(path, images=rng.integers(0, 256, (12, 32, 32, 3), np.uint8),
             labels=np.arange(12) % 3, class_names=['cat', 'dog', 'frog'])
    return path


def _columns(path):
    with path.open(encoding='utf-8') as file:
        rows = list(csv.DictReader(file))
    return {name: [row[name] for row in rows] for name in rows[0]}


def test_the_command_reports_on_a_cifar_resnet(tmp_path, image_file, capsys):
    # With more classes than the images have: it may predict one that has no name.
    torch.manual_seed(1)
    save_file(CifarResNet(8, classes=30).state_dict(), tmp_path / 'net.safetensors')
    command = ['classification', '--model', str(tmp_path / 'net.safetensors'),
               '--images', str(image_file), '--points', '3', '--seeds', '4',
               '--out', str(tmp_path / 'out'), '--cache', str(tmp_path / 'cache')]

    assert main(command) == 0

    assert 'Accuracy falls from' in capsys.readouterr().out
    table = _columns(tmp_path / 'out' / 'utility.csv')
    assert table['sigma'] == ['0.0', '10.0', '20.0']
    assert table['paper, CIFAR-10'] == ['94.37', '', '20.0']
    page = (tmp_path / 'out' / 'report.html').read_text(encoding='utf-8')
    assert page.count('data:image/png;base64') == 4
    assert '--points 3' in page
    assert len(list((tmp_path / 'cache').rglob('*.npy'))) == 1

    # A second run needs no network: the cached logits are the only ones there.
    first = (tmp_path / 'out' / 'utility.csv').read_bytes()
    kept = next((tmp_path / 'cache').rglob('*.npy'))
    stamp = kept.stat().st_mtime_ns
    assert main(command) == 0
    assert (tmp_path / 'out' / 'utility.csv').read_bytes() == first
    assert kept.stat().st_mtime_ns == stamp


def test_the_command_reports_on_a_hugging_face_model_and_a_folder(tmp_path):
    config = ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type='basic',
        id2label={0: 'dog, domestic dog', 1: 'fire_truck'},
        label2id={'dog, domestic dog': 0, 'fire_truck': 1})
    AutoModelForImageClassification.from_config(config).save_pretrained(tmp_path / 'net')
    ViTImageProcessor(size={'height': 16, 'width': 16}).save_pretrained(tmp_path / 'net')
    for folder in ('Fire Truck', 'dog'):
        (tmp_path / 'images' / folder).mkdir(parents=True)
        for i in range(2):
            Image.new('RGB', (20 + i, 16), (90 * i, 10, 200)).save(
                tmp_path / 'images' / folder / f'{i}.png')

    assert main(['classification', '--model', str(tmp_path / 'net'),
                 '--images', str(tmp_path / 'images'), '--points', '2', '--batch', '3',
                 '--out', str(tmp_path / 'out'), '--cache', str(tmp_path / 'cache')]) == 0

    assert (tmp_path / 'out' / 'report.html').is_file()
    assert np.load(next((tmp_path / 'cache').rglob('*.npy'))).shape == (4, 2)


def test_folders_are_matched_to_the_networks_names(tmp_path):
    for folder in ('Fire Truck', 'dog', '2'):
        (tmp_path / folder).mkdir()
        Image.new('L', (4, 4)).save(tmp_path / folder / 'a.png')
    images = load_images(tmp_path)
    network = Classifier(lambda images: None, ('dog, domestic dog', 'fire_truck', 'cat'), '')

    assert images.names == ('2', 'Fire Truck', 'dog')
    assert class_indices(images, network, outputs=3).tolist() == [2, 1, 0]
    assert images.read(0).shape == (4, 4, 3)


def test_a_class_that_the_network_lacks_is_named(tmp_path):
    (tmp_path / 'zebra').mkdir()
    Image.new('RGB', (4, 4)).save(tmp_path / 'zebra' / 'a.png')
    network = Classifier(lambda images: None, ('dog', 'cat'), '')

    with pytest.raises(ExperimentError, match="no class 'zebra'; it has 2, such as dog, cat"):
        class_indices(load_images(tmp_path), network, outputs=2)


def test_folders_named_by_numbers_are_indices(tmp_path):
    for index in range(12):
        (tmp_path / str(index)).mkdir()
        Image.new('RGB', (4, 4), (index, 0, 0)).save(tmp_path / str(index) / 'a.png')
    images = load_images(tmp_path)
    unnamed = Classifier(lambda images: None, (), '')

    indices = class_indices(images, unnamed, outputs=12)

    # Each image's red is its index.
    assert indices.tolist() == [images.read(i)[0, 0, 0] for i in range(12)]


def test_a_limit_keeps_all_classes(image_file):
    np.savez(image_file, images=np.zeros((9, 2, 2, 3), np.uint8), labels=np.repeat([0, 1, 2], 3))

    images = load_images(image_file, limit=3)

    assert images.classes.tolist() == [0, 1, 2]
    assert images.checksum != load_images(image_file).checksum


@pytest.mark.parametrize(('make', 'message'), [
    (lambda path: np.savez(path / 'x.npz', images=np.zeros(1)), 'lacks the array.*labels'),
    (lambda path: (path / 'x.txt').write_text(''), 'give a folder with a subfolder'),
])
def test_what_holds_no_labelled_images_is_refused(tmp_path, make, message):
    make(tmp_path)

    with pytest.raises(ExperimentError, match=message):
        load_images(next(tmp_path.iterdir()))


def test_a_model_that_is_none_is_refused(tmp_path, image_file, capsys):
    code = main(['classification', '--model', str(image_file), '--images', str(image_file),
                 '--out', str(tmp_path / 'out')])

    assert code == 1
    assert 'is no image classifier' in capsys.readouterr().err
