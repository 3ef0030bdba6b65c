import cv2
import numpy as np
import pytest

from aim_ros.media.frames import MediaError
from aim_ros.media.kitti import read_timestamps
from aim_ros.media.sources import open_source

P = '7.2e+02 0.0 6.1e+02 4.4e+01 0.0 7.3e+02 1.7e+02 2.1e-01 0.0 0.0 1.0 2.7e-03'
RECTIFIED = f'calib_time: 09-Jan-2012 13:57:47\nS_rect_02: 1.2e+01 8.0e+00\nP_rect_02: {P}\n'
SENSOR = """S_02: 1.6e+01 1.0e+01
K_02: 9.0e+02 0.0 6.9e+02 0.0 9.1e+02 2.4e+02 0.0 0.0 1.0
D_02: -3.6e-01 2.0e-01 1.0e-03 2.0e-03 -6.0e-02
R_rect_02: 1.0 0.0 0.0 0.0 1.0 0.0 0.0 0.0 1.0
"""


def write_drive(drive, count=3, shape=(8, 12, 3), camera='02', calibration=RECTIFIED):
    data = drive / f'image_{camera}' / 'data'
    data.mkdir(parents=True)
    for number in range(count):
        cv2.imwrite(str(data / f'{number:010d}.png'), np.full(shape, number, np.uint8))
    lines = [f'2011-09-26 13:02:2{number}.964389445\n' for number in range(count)]
    (data.parent / 'timestamps.txt').write_text(''.join(lines))
    if calibration:
        (drive / 'calib_cam_to_cam.txt').write_text(calibration)
    return drive


def test_frames_have_times_and_calibration(tmp_path):
    source = open_source(str(write_drive(tmp_path)))
    frames = list(source.frames())
    assert len(source) == 3
    assert [frame.image[0, 0, 0] for frame in frames] == [0, 1, 2]
    # date -u -d '2011-09-26 13:02:20' +%s
    assert [frame.stamp_ns for frame in frames] == [
        (1317042140 + number) * 1_000_000_000 + 964389445 for number in range(3)
    ]
    camera = frames[0].camera_model
    assert (camera.width, camera.height) == (12, 8)
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (720, 730, 610, 170)
    assert camera.distortion == ()
    assert camera.p == tuple(float(word) for word in P.split())
    assert frames[0].frame_id == 'camera_02'


def test_start_and_every(tmp_path):
    source = open_source(str(write_drive(tmp_path, count=6)))
    assert [frame.index for frame in source.frames(start=1, every=2)] == [1, 3, 5]


def test_date_layout(tmp_path):
    (tmp_path / 'calib_cam_to_cam.txt').write_text(RECTIFIED)
    drive = write_drive(tmp_path / '2011_09_26_drive_0001_sync', calibration=None)
    for path in (drive, tmp_path):
        assert next(open_source(str(path)).frames()).camera_model.fx == 720
    write_drive(tmp_path / '2011_09_26_drive_0002_sync', calibration=None)
    with pytest.raises(MediaError, match=r'several KITTI.*drive_0001_sync.*drive_0002_sync'):
        open_source(str(tmp_path))


def test_other_cameras(tmp_path):
    write_drive(tmp_path)
    write_drive(tmp_path, shape=(8, 12), camera='00',
                calibration=RECTIFIED.replace('_02', '_00'))
    frame = next(open_source(str(tmp_path), camera='0').frames())
    assert (frame.encoding, frame.frame_id) == ('mono8', 'camera_00')
    with pytest.raises(MediaError, match='no images in image_03/data'):
        open_source(str(tmp_path), camera='03')
    with pytest.raises(MediaError, match='cameras: 00, 01, 02, 03'):
        open_source(str(tmp_path), camera='7')


@pytest.mark.parametrize('camera', ['00', '0', 0, 'image_00', 'camera_00', ' 00 '])
def test_names_of_a_camera(tmp_path, camera):
    write_drive(tmp_path, shape=(8, 12), camera='00', calibration=None)
    assert open_source(str(tmp_path), camera=camera).name.endswith('camera 00')


@pytest.mark.parametrize('camera', ['04', 'image_04', 'left', '', -1, '2.5', '002'])
def test_what_is_no_name_of_a_camera(tmp_path, camera):
    write_drive(tmp_path)
    with pytest.raises(MediaError, match=r'cameras: 00, 01, 02, 03$'):
        open_source(str(tmp_path), camera=camera)


def test_a_drive_with_grey_images_only_says_how_to_play_them(tmp_path):
    for camera in ('00', '01'):
        write_drive(tmp_path, shape=(8, 12), camera=camera, calibration=None)
    with pytest.raises(MediaError, match=(
            r'no images in image_02/data; it has camera 00 and 01 \(grey\): choose with '
            'camera=00')):
        open_source(str(tmp_path))


def test_a_drive_of_which_some_images_are_missing(tmp_path):
    drive = write_drive(tmp_path, count=4)
    (drive / 'image_02' / 'data' / '0000000001.png').unlink()
    source = open_source(str(drive))
    assert source.name.endswith('camera 02 (3 of 4 images are there)')
    frames = list(source.frames())
    assert [frame.image[0, 0, 0] for frame in frames] == [0, 2, 3]
    assert [frame.stamp_ns // 1_000_000_000 % 10 for frame in frames] == [0, 2, 3]


def test_the_first_image_may_be_damaged(tmp_path):
    drive = write_drive(tmp_path)
    paths = sorted((drive / 'image_02' / 'data').iterdir())
    paths[0].write_bytes(b'damaged')
    source, losses = open_source(str(drive)), []
    assert [frame.index for frame in source.frames(on_loss=losses.append)] == [1, 2]
    assert [paths[0].name in str(loss) for loss in losses] == [True]
    for path in paths:
        path.write_bytes(b'damaged')
    with pytest.raises(MediaError, match=r'none of the 3 images in .* can be read'):
        open_source(str(drive))


def test_without_calibration_there_is_no_camera(tmp_path):
    source = open_source(str(write_drive(tmp_path, calibration=None)))
    assert next(source.frames()).camera_model is None


def test_unrectified_images_get_the_sensor(tmp_path):
    drive = write_drive(tmp_path, shape=(10, 16, 3), calibration=RECTIFIED + SENSOR)
    camera = next(open_source(str(drive)).frames()).camera_model
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (900, 910, 690, 240)
    assert camera.distortion == (-0.36, 0.2, 0.001, 0.002, -0.06)
    assert camera.p[0] == 720


@pytest.mark.parametrize(
    ('calibration', 'sentence'),
    [
        ('S_rect_02: 12 8\n', r'calib_cam_to_cam\.txt has no line P_rect_02'),
        (RECTIFIED.replace(P, ' '.join(['nan'] * 12)), r'line 3: P_rect_02 should be 12 numbers'),
        (RECTIFIED.replace('02', '03'), 'no line S_rect_02'),
        (RECTIFIED.replace('6.1e+02 ', ''), 'line 3: P_rect_02 should be 12 numbers'),
        (RECTIFIED.replace('8.0e+00', 'eight'), "line 2: S_rect_02 should be 2 numbers, not '1.2"),
        (RECTIFIED.replace('1.2e+01', '13'), 'for images of 13x8, but these are 12x8'),
    ],
)
def test_wrong_calibration(tmp_path, calibration, sentence):
    with pytest.raises(MediaError, match=sentence):
        open_source(str(write_drive(tmp_path, calibration=calibration)))


def test_wrong_times(tmp_path):
    drive = write_drive(tmp_path)
    path = drive / 'image_02' / 'timestamps.txt'
    good = path.read_text()
    path.write_text(good.replace('13:02:21.', '13:62:21.'))
    with pytest.raises(MediaError, match=r"timestamps\.txt, line 2: '2011-09-26 13:62:21"):
        open_source(str(drive))
    path.write_text(good.split('\n', 1)[1])
    with pytest.raises(MediaError, match='ends at line 2, but there are 3 images'):
        open_source(str(drive))
    path.write_text(good.replace('2011', '2040'))
    with pytest.raises(MediaError, match=r'line 1: a stamp of .* does not fit a ROS header'):
        open_source(str(drive))
    path.write_bytes(b'\xff\xfe')
    with pytest.raises(MediaError, match=r'cannot read .*timestamps\.txt: it is not text'):
        open_source(str(drive))
    path.unlink()
    with pytest.raises(MediaError, match=r'no image_02/timestamps\.txt; .* give .*data as the s'):
        open_source(str(drive))


def test_times_without_a_fraction_and_empty_lines(tmp_path):
    path = tmp_path / 'timestamps.txt'
    path.write_text('1970-01-01 00:00:01\n\n1970-01-01 00:00:01.5\n')
    assert read_timestamps(path) == [1_000_000_000, 1_500_000_000]


def test_real_drives(shared_data):
    for name, count in (('seq_a', 160), ('seq_b', 91)):
        source = open_source(str(shared_data / 'kitti_raw' / name))
        assert len(source) == count
        first, second = source.frames(every=count - 1)
        assert first.image.shape == second.image.shape == (375, 1242, 3)
        assert second.stamp_ns - first.stamp_ns == (count - 1) * 100_000_000
        assert first.camera_model.fx == pytest.approx(721.5, abs=10)
