import numpy as np
import pytest
from sensor_msgs.msg import PointCloud2
from sensor_msgs.msg import PointField
from std_msgs.msg import Header

from aim_ros.nodes.messages.clouds import cloud_message
from aim_ros.nodes.messages.clouds import CloudError
from aim_ros.nodes.messages.clouds import points_of
from aim_ros.perception.labelled_points import POINT

POINTS = np.random.default_rng(0).normal(size=(3, 4, 3)).astype(np.float32)


def cloud(points=POINTS, kind='<f4', step=20, row_step=None, offsets=(0, 4, 8)):
    """A cloud of (height, width, 3) points with other bytes between them."""
    height, width, _ = points.shape
    row_step = row_step or step * width
    data = np.full((height, row_step), 0xAB, np.uint8)
    size = int(kind[-1])
    for row in range(height):
        for column in range(width):
            for axis, offset in enumerate(offsets):
                start = column * step + offset
                data[row, start:start + size] = np.frombuffer(
                    np.array(points[row, column, axis], kind).tobytes(), np.uint8)
    datatype = {4: PointField.FLOAT32, 8: PointField.FLOAT64}[size]
    return PointCloud2(
        height=height, width=width, point_step=step, row_step=row_step,
        is_bigendian=kind[0] == '>', data=data.tobytes(),
        fields=[PointField(name=name, offset=offset, datatype=datatype, count=1)
                for name, offset in zip('xyz', offsets, strict=True)])


@pytest.mark.parametrize('layout', [
    {}, {'step': 12}, {'kind': '>f4'}, {'kind': '<f8', 'step': 32, 'offsets': (0, 8, 16)},
    {'row_step': 100}, {'offsets': (8, 4, 0)}])
def test_points_are_read_however_they_lie(layout):
    assert np.array_equal(points_of(cloud(**layout)), POINTS)


def test_a_cloud_without_rows_is_a_list():
    assert np.array_equal(points_of(cloud(POINTS[:1])), POINTS[0])
    message = cloud(POINTS[:1])
    message.width, message.row_step, message.data = 0, 0, b''
    assert points_of(message).shape == (0, 3)


@pytest.mark.parametrize('change', [
    lambda m: m.fields.pop(), lambda m: setattr(m.fields[0], 'datatype', PointField.INT16),
    lambda m: setattr(m.fields[0], 'name', 'range')])
def test_a_cloud_without_floating_coordinates_is_refused(change):
    message = cloud()
    change(message)
    with pytest.raises(CloudError, match='needs x, y and z as FLOAT32 or FLOAT64'):
        points_of(message)


@pytest.mark.parametrize('change', [
    {'data': bytes(239)}, {'width': 5}, {'height': 4}, {'row_step': 10}, {'point_step': 11}])
def test_a_cloud_that_is_not_whole_is_refused(change):
    message = cloud()
    for name, value in change.items():
        setattr(message, name, value)
    with pytest.raises(CloudError, match='not whole'):
        points_of(message)


@pytest.mark.parametrize('shape', [(6,), (2, 3), (0,)])
def test_what_is_written_is_read_again(shape):
    points = np.zeros(shape, POINT)
    points['x'] = np.arange(points.size).reshape(shape)
    points['class_id'] = 7
    header = Header(frame_id='lidar')
    message = cloud_message(points, header)
    assert message.header == header
    assert (message.height, message.width) == (1, *shape)[-2:]
    assert message.is_dense
    assert message.row_step == message.point_step * message.width == 24 * message.width
    assert len(message.data) == message.row_step * message.height
    assert [(f.name, f.offset, f.datatype, f.count) for f in message.fields] == [
        ('x', 0, PointField.FLOAT32, 1), ('y', 4, PointField.FLOAT32, 1),
        ('z', 8, PointField.FLOAT32, 1), ('class_id', 12, PointField.UINT8, 1),
        ('probability', 16, PointField.FLOAT32, 1), ('entropy', 20, PointField.FLOAT32, 1)]
    again = points_of(message)
    assert np.array_equal(again[..., 0], points['x'])


def test_a_cloud_with_points_that_are_nowhere_is_not_dense():
    points = np.zeros(3, POINT)
    points['z'][1] = np.nan
    assert not cloud_message(points, Header()).is_dense
    points['z'][1], points['entropy'] = 0, np.nan
    assert cloud_message(points, Header()).is_dense
