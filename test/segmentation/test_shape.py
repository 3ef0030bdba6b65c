import pytest

from aim_ros.segmentation.shape import fitting_size


@pytest.mark.parametrize(('camera', 'pixels', 'size'), [
    ((375, 1242), 192 * 640, (192, 640)),
    ((375, 1242), 256 * 832, (256, 832)),
    ((375, 1242), 320 * 1056, (320, 1056)),
    ((375, 1242), 384 * 1248, (384, 1248)),
    ((1200, 1920), 512 * 512, (416, 640)),
    ((480, 640), 256 * 832, (384, 544)),
    ((1080, 1920), 256 * 832, (352, 608)),
    ((1920, 1080), 256 * 832, (608, 352)),
])
def test_the_input_has_the_shape_of_the_camera(camera, pixels, size):
    assert fitting_size(camera, pixels) == size


def test_an_image_is_not_enlarged():
    assert fitting_size((360, 480), 10**7) == (352, 480)
    assert fitting_size((64, 96), 10**7) == (64, 96)


@pytest.mark.parametrize('camera', [(1, 1), (1, 5000), (5000, 1)])
def test_odd_images_have_an_input_too(camera):
    assert min(fitting_size(camera, 256 * 832)) == 32
