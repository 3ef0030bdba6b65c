import dataclasses

import numpy as np
from PIL import Image
import pytest
from train_extra import skip_where_missing

skip_where_missing('openvino')

import cv2  # noqa: E402
import torch  # noqa: E402
from training_fixtures import make_data  # noqa: E402
from training_fixtures import save_teacher  # noqa: E402

from aim_ros.training import config  # noqa: E402
from aim_ros.training import data  # noqa: E402
from aim_ros.training import efficientvit  # noqa: E402
from aim_ros.training import teacher  # noqa: E402


@pytest.fixture(scope='module')
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp('weights')
    save_teacher(folder)
    return folder


def settings(folder, weights):
    made = make_data(folder)
    source = dataclasses.replace(made.sources[0], labels=None)
    return config.Config(
        teacher=config.TeacherConfig(weights=str(weights), least=0.0),
        data=dataclasses.replace(made, computed=str(folder / 'answers'), sources=(source,)))


def test_the_engine_says_what_torch_says(weights):
    image = np.random.default_rng(4).integers(256, size=(60, 100, 3), dtype=np.uint8)
    found = teacher.Teacher(weights, threads=1).probabilities(image, zoom=2.0)
    # 120x200 is nearest to 128x192 in multiples of 32.
    enlarged = Image.fromarray(image).resize((192, 128), Image.Resampling.BICUBIC)
    pixels = torch.from_numpy(np.array(enlarged)).float().permute(2, 0, 1) / 255
    pixels = (pixels - torch.tensor(efficientvit.MEAN)[:, None, None]) / torch.tensor(
        efficientvit.STD)[:, None, None]
    with torch.no_grad():
        wanted = efficientvit.load(weights)(pixels[None])[0].softmax(0).permute(1, 2, 0)
    assert found.shape == (16, 24, 19)
    np.testing.assert_allclose(found, wanted.numpy(), atol=1e-4)


def test_labels_are_the_most_probable_class_where_it_is_probable_enough():
    left, right = [0.7, 0.2, 0.1], [0.3, 0.3, 0.4]
    grid = np.array([[left, left, right, right]], np.float16).repeat(2, 0)
    found = teacher.most_probable(grid, (4, 16), least=0.5)
    assert found.dtype == np.uint8
    assert (found[:, :6] == 0).all()
    assert (found[:, 10:] == 255).all()
    assert (teacher.most_probable(grid, (4, 16), least=0.0)[:, 10:] == 2).all()


def test_every_frame_is_computed_once(tmp_path, weights):
    chosen, reports = settings(tmp_path, weights), []
    teacher.compute(chosen, reports.append)
    frames = data.load_training(chosen.data)[0].frames
    assert [f.name for f in frames] == ['f0', 'f1', 'f3']
    for frame in frames:
        assert frame.wanted.dtype == np.float16
        assert frame.wanted.shape == (32, 48, 19)  # of 256x384: 96x160 enlarged by 2.5
        np.testing.assert_allclose(frame.wanted.astype(float).sum(2), 1, atol=0.01)
        assert np.array_equal(
            frame.labels, teacher.most_probable(frame.wanted, frame.image.shape[:2], 0.0))
    one = teacher.Teacher(weights, threads=1)
    grids = [one.probabilities(frames[0].image, zoom) for zoom in (1.5, 2.0, 2.5)]
    mean = np.mean([cv2.resize(grid, (48, 32)) for grid in grids], 0)
    np.testing.assert_allclose(frames[0].wanted.astype(float), mean, atol=2e-3)
    (tmp_path / 'answers' / 'made' / 'labels' / 'f1.png').unlink()
    teacher.compute(chosen, reports.append)
    assert reports == ['made: 3 frames', 'made: 1 frames']
    larger = dataclasses.replace(chosen, data=dataclasses.replace(chosen.data, sources=(
        dataclasses.replace(chosen.data.sources[0], teacher_zoom=3.0),)))
    with pytest.raises(ValueError, match='saw at other sizes: remove it, or choose another'):
        teacher.compute(larger)
    assert len(data.load_training(chosen.data)[0].frames) == 3


def test_sources_that_are_not_taught_are_not_computed(tmp_path, weights):
    chosen = settings(tmp_path, weights)
    source = dataclasses.replace(chosen.data.sources[0], labels='labels', taught=False)
    reports = []
    teacher.compute(dataclasses.replace(chosen, data=dataclasses.replace(
        chosen.data, sources=(source,))), reports.append)
    assert not reports
    assert not (tmp_path / 'answers').exists()


def test_results_need_a_folder(tmp_path, weights):
    chosen = settings(tmp_path, weights)
    chosen = dataclasses.replace(
        chosen, data=dataclasses.replace(chosen.data, computed=None))
    with pytest.raises(ValueError, match=r'data\.computed is not set'):
        teacher.compute(chosen)


def test_a_crop_is_seen_on_the_grid_of_the_networks_logits(weights):
    image = np.random.default_rng(4).integers(256, size=(64, 128, 3), dtype=np.uint8)
    found = teacher.CropTeacher(weights, zoom=2, crop=(32, 64), threads=1)(image)
    assert found.shape == (8, 16, 19)
    np.testing.assert_array_equal(
        found, teacher.Teacher(weights, threads=1).probabilities(image, zoom=1.0))


@pytest.mark.parametrize(('zoom', 'crop', 'message'), [
    (1, (32, 64), "teacher.zoom is 1: .* the network's at 2 alone"),
    (2, (32, 72), r'augment.crop is \(32, 72\): .* multiples of 16'),
])
def test_crops_on_another_grid_are_refused(weights, zoom, crop, message):
    with pytest.raises(ValueError, match=message):
        teacher.CropTeacher(weights, zoom, crop)
