import shutil

import numpy as np
from PIL import Image
import pytest

from aim_ros.experiments.datasets import IGNORE
from aim_ros.experiments.datasets import open_dataset
from aim_ros.experiments.errors import ExperimentError
from aim_ros.segmentation.labels import CITYSCAPES
from aim_ros.segmentation.labels import LabelSet


def save(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.array(values, np.uint8)).save(path)


def test_images_and_labels_hold_train_ids(street):
    dataset = open_dataset(street)
    assert dataset.label_format == 'cityscapes'
    assert [sample.name for sample in dataset.samples] == ['f0', 'f1', 'f2', 'f3']
    table = dataset.class_table(CITYSCAPES)
    truth = dataset.truth(dataset.samples[0], table)
    stored = np.asarray(Image.open(street / 'labels' / 'f0.png')).astype(int)
    np.testing.assert_array_equal(truth, np.where(stored == 255, IGNORE, stored))
    assert dataset.samples[0].frame().size == truth.shape


def test_cityscapes_ids_become_train_ids(tmp_path):
    save(tmp_path / 'leftImg8bit' / 'val' / 'bonn' / 'bonn_1_leftImg8bit.png', [[[0] * 3] * 3])
    save(tmp_path / 'gtFine' / 'val' / 'bonn' / 'bonn_1_gtFine_labelIds.png', [[7, 24, 4]])
    dataset = open_dataset(tmp_path)
    assert (dataset.label_format, dataset.samples[0].name) == ('cityscapes-ids', 'bonn_1')
    truth = dataset.truth(dataset.samples[0], dataset.class_table(CITYSCAPES))
    assert truth.tolist() == [[0, 11, IGNORE]]


def test_cityscapes_train_ids_are_taken_where_they_were_made(tmp_path):
    save(tmp_path / 'leftImg8bit' / 'val' / 'bonn' / 'bonn_1_leftImg8bit.png', [[[0] * 3] * 3])
    for kind, values in (('labelIds', [[7, 24, 4]]), ('labelTrainIds', [[0, 11, 255]])):
        save(tmp_path / 'gtFine' / 'val' / 'bonn' / f'bonn_1_gtFine_{kind}.png', values)
    dataset = open_dataset(tmp_path)
    assert dataset.label_format == 'cityscapes'
    truth = dataset.truth(dataset.samples[0], dataset.class_table(CITYSCAPES))
    assert truth.tolist() == [[0, 11, IGNORE]]


@pytest.mark.parametrize('official', [True, False])
def test_ade20k_counts_from_one(tmp_path, official):
    images = tmp_path / 'images' / 'validation' if official else tmp_path
    labels = tmp_path / 'annotations' / 'validation' if official else tmp_path
    images.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((1, 3, 3), np.uint8)).save(images / 'ADE_val_1.jpg')
    save(labels / 'ADE_val_1.png', [[0, 1, 150]])
    dataset = open_dataset(tmp_path)
    assert dataset.label_format == 'ade20k'
    model = LabelSet(tuple(f'class {i}' for i in range(150)))
    truth = dataset.truth(dataset.samples[0], dataset.class_table(model))
    assert truth.tolist() == [[IGNORE, 0, 149]]
    with pytest.raises(ExperimentError, match='150 classes, and the model has 19'):
        dataset.class_table(CITYSCAPES)


def test_classes_are_found_by_name(street):
    table = open_dataset(street).class_table(LabelSet(('car', 'tree', 'Person')))
    assert (table[13], table[11]) == (0, 2)
    assert (table != IGNORE).sum() == 2
    with pytest.raises(ExperimentError, match='none of the classes'):
        open_dataset(street).class_table(LabelSet(('cat', 'dog')))


def test_a_list_chooses_and_orders(street, tmp_path):
    names = tmp_path / 'names.txt'
    names.write_text('f2\nf0\n')
    dataset = open_dataset(street, names=names)
    assert [sample.name for sample in dataset.samples] == ['f2', 'f0']
    assert str(names) in dataset.description
    names.write_text('f2\nf0\nf2\n')
    with pytest.raises(ExperimentError, match='names f2 more than once'):
        open_dataset(street, names=names)
    names.write_text('f2\nf9\n')
    with pytest.raises(ExperimentError, match='for instance f9'):
        open_dataset(street, names=names)
    names.write_bytes(b'f2\n\xff')
    with pytest.raises(ExperimentError, match=rf'^{names} is no list of names: .*utf-8'):
        open_dataset(street, names=names)


def test_a_limit_is_spread(street):
    assert [s.name for s in open_dataset(street, limit=2).samples] == ['f0', 'f2']


def test_checksum_follows_the_labels(street, tmp_path):
    for name in ('images', 'labels'):
        (tmp_path / name).mkdir()
        for path in (street / name).iterdir():
            (tmp_path / name / path.name).write_bytes(path.read_bytes())
    assert open_dataset(tmp_path).checksum() == open_dataset(street).checksum()
    save(tmp_path / 'labels' / 'f0.png', np.zeros((48, 80)))
    assert open_dataset(tmp_path).checksum() != open_dataset(street).checksum()


def test_two_images_of_one_name_are_refused(street, tmp_path):
    folder = shutil.copytree(street, tmp_path / 'street')
    shutil.copy(folder / 'images' / 'f2.png', folder / 'images' / 'f2.jpg')
    with pytest.raises(ExperimentError, match='several images named f2;'):
        open_dataset(folder)


def test_what_is_missing_is_said(tmp_path):
    with pytest.raises(ExperimentError, match='there is no folder'):
        open_dataset(tmp_path / 'nowhere')
    with pytest.raises(ExperimentError, match='no labelled images'):
        open_dataset(tmp_path)
    save(tmp_path / 'images' / 'a.png', [[0]])
    save(tmp_path / 'labels' / 'a.png', [[[0] * 3]])
    dataset = open_dataset(tmp_path)
    with pytest.raises(ExperimentError, match='one channel'):
        dataset.truth(dataset.samples[0], dataset.class_table(CITYSCAPES))
