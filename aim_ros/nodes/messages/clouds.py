"""Point clouds as messages and as arrays."""

import array

import numpy as np
from sensor_msgs.msg import PointCloud2
from sensor_msgs.msg import PointField
from std_msgs.msg import Header

_FLOATS = {PointField.FLOAT32: 'f4', PointField.FLOAT64: 'f8'}
_DATATYPES = {'float32': PointField.FLOAT32, 'uint8': PointField.UINT8,
              'uint16': PointField.UINT16}


class CloudError(ValueError):
    """A cloud that cannot be used; the text says why."""


def points_of(message: PointCloud2) -> np.ndarray:
    """
    Return the points of a cloud.

    :return: float32 (height, width, 3), or (width, 3) of a cloud that has no rows.
    :raises CloudError: it has no x, y and z as floating point numbers, or is not whole.
    """
    height, width, step = message.height, message.width, message.point_step
    fields = {field.name: field for field in message.fields}
    order = '>' if message.is_bigendian else '<'
    formats, offsets = [], []
    for name in 'xyz':
        if name not in fields or fields[name].datatype not in _FLOATS:
            raise CloudError(
                f'a cloud needs x, y and z as FLOAT32 or FLOAT64, and this one has '
                f'{", ".join(fields) or "no fields"}')
        formats.append(order + _FLOATS[fields[name].datatype])
        offsets.append(fields[name].offset)
    ends = [offset + int(kind[-1]) for offset, kind in zip(offsets, formats, strict=True)]
    data = np.frombuffer(message.data, np.uint8)
    whole = message.row_step * (height - 1) + step * width if height and width else 0
    if max(ends) > step or (height > 1 and message.row_step < step * width) or len(data) < whole:
        raise CloudError(
            f'the cloud is not whole: {height} x {width} points of {step} bytes in rows of '
            f'{message.row_step}, and {len(data)} bytes of data')
    if not whole:
        return np.empty((0, 3), np.float32)
    kind = np.dtype({'names': list('xyz'), 'formats': formats, 'offsets': offsets,
                     'itemsize': step})
    points = np.ndarray((height, width), kind, data, strides=(message.row_step, step))
    stacked = np.stack([points[name].astype(np.float32) for name in 'xyz'], axis=-1)
    return stacked[0] if height == 1 else stacked


def cloud_message(points: np.ndarray, header: Header) -> PointCloud2:
    """
    Make a cloud with the fields of a structured array, densely packed.

    :param points: structured, (n,) or (height, width), with x, y and z among its fields.
    """
    points = np.ascontiguousarray(points)
    height, width = (1, *points.shape)[-2:]
    kind = points.dtype
    message = PointCloud2(
        header=header, height=height, width=width, is_bigendian=False,
        point_step=kind.itemsize, row_step=kind.itemsize * width,
        is_dense=bool(all(np.isfinite(points[name]).all() for name in 'xyz')),
        fields=[PointField(name=name, offset=offset, count=1, datatype=_DATATYPES[str(sub)])
                for name, (sub, offset) in kind.fields.items()])
    # The generated setter takes an array('B') as it is; of bytes it checks every element.
    data = array.array('B')
    data.frombytes(points.tobytes())
    message.data = data
    return message
