"""KITTI raw drives as a source: images, capture times and calibration."""

from collections.abc import Iterator
from collections.abc import Mapping
from datetime import datetime
from datetime import UTC
import math
from pathlib import Path
import re
from typing import Any

from aim_ros.imaging.camera import CameraModel
from aim_ros.imaging.frame import Frame
from aim_ros.media.folder import image_files
from aim_ros.media.folder import read_image
from aim_ros.media.folder import read_images
from aim_ros.media.frames import check_stamp
from aim_ros.media.frames import convert_options
from aim_ros.media.frames import MediaError
from aim_ros.media.frames import OnLoss
from aim_ros.plain_data import read_text
from aim_ros.plain_data import shortened

CALIBRATION = 'calib_cam_to_cam.txt'
CAMERAS = ('00', '01', '02', '03')
"""The two grey cameras, then the two colour ones, left before right."""


class KittiDrive:
    """
    One camera of a KITTI raw drive.

    :param drive: holds ``image_<camera>/data`` and ``image_<camera>/timestamps.txt``; the
        calibration lies in it or, as KITTI publishes it, in the date folder above. Without a
        calibration file the frames have no camera model.
    :param camera: one of `CAMERAS`.
    :raises MediaError: there are no images, or times or calibration are missing or malformed; the
        text names file and line.
    """

    def __init__(self, drive: Path, *, camera: str = '02'):
        folder = drive / f'image_{camera}'
        self._paths = image_files(folder / 'data') if (folder / 'data').is_dir() else []
        if not self._paths:
            raise MediaError(
                f'KITTI drive {drive} has no images in image_{camera}/data{_other_cameras(drive)}')
        self.name = f'KITTI drive {drive}, camera {camera}'
        if not (folder / 'timestamps.txt').is_file():
            raise MediaError(
                f'KITTI drive {drive} has no image_{camera}/timestamps.txt; to play its images at '
                f"a constant rate, give {folder / 'data'} as the source")
        self._stamps = read_timestamps(folder / 'timestamps.txt')
        if len(self._stamps) != len(self._paths):
            self._stamps = self._stamps_by_number(folder)
        self._frame_id = f'camera_{camera}'
        self._camera = None
        for place in (drive, drive.absolute().parent):
            if (place / CALIBRATION).is_file():
                self._camera = read_calibration(place / CALIBRATION, camera, self._image_size())
                break

    def __len__(self) -> int:
        return len(self._paths)

    def frames(self, start: int = 0, every: int = 1, on_loss: OnLoss | None = None
               ) -> Iterator[Frame]:
        """Yield the images from `start` on; see `FrameSource.frames`."""
        for index, image, encoding in read_images(self._paths, start, every, on_loss):
            yield Frame(
                image, encoding, stamp_ns=self._stamps[index], index=index,
                camera_model=self._camera, frame_id=self._frame_id)

    def _stamps_by_number(self, folder: Path) -> list[int]:
        """Return the stamps of the images that are there: KITTI names each by its line."""
        numbers = [int(path.stem) if path.stem.isdecimal() else -1 for path in self._paths]
        if min(numbers) < 0 or max(numbers) >= len(self._stamps):
            raise MediaError(
                f'{folder / "timestamps.txt"} ends at line {len(self._stamps)}, but there are '
                f'{len(self._paths)} images in {folder / "data"}: one line per image is expected'
            )
        self.name += f' ({len(numbers)} of {len(self._stamps)} images are there)'
        return [self._stamps[number] for number in numbers]

    def _image_size(self) -> tuple[int, int]:
        """Return the (width, height) of the first image that can be read."""
        for path in self._paths:
            try:
                image, _ = read_image(path)
            except MediaError:
                # Whoever plays the frame learns of it.
                continue
            return image.shape[1], image.shape[0]
        raise MediaError(f'none of the {len(self._paths)} images in {self._paths[0].parent} can '
                         'be read: they are damaged, or no images')


def is_drive(folder: Path) -> bool:
    """Say whether `folder` is a drive, or a date folder with drives."""
    return any(folder.glob('image_0[0-3]/data')) or bool(_drives_of_date(folder))


def open_drive(folder: Path, options: Mapping[str, Any]) -> KittiDrive:
    """
    Open a drive, or the only drive of a date folder.

    :param options: ``camera``, one of `CAMERAS`, also as the name of its folder, ``image_02``.
    :raises MediaError: as `KittiDrive`, or an option is wrong, or there are several drives.
    """
    chosen = convert_options('a KITTI drive', options, {'camera': _as_camera})
    drives = _drives_of_date(folder)
    if any(folder.glob('image_0[0-3]/data')) or not drives:
        return KittiDrive(folder, **chosen)
    if len(drives) > 1:
        names = ', '.join(drive.name for drive in drives)
        raise MediaError(f'{folder} holds several KITTI drives, choose one of them: {names}')
    return KittiDrive(drives[0], **chosen)


def read_timestamps(path: Path) -> list[int]:
    """
    Read KITTI's timestamps.txt, its times taken for UTC.

    :return: nanoseconds since 1970.
    :raises MediaError: the file cannot be read, or a line is no time that fits a ROS header.
    """
    stamps = []
    for number, line in _lines(path):
        match = re.fullmatch(r'(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:\.(\d{1,9}))?', line)
        try:
            seconds = datetime.strptime(match[1], '%Y-%m-%d %H:%M:%S') if match else None
        except ValueError:
            seconds = None
        if seconds is None:
            raise MediaError(
                f'{path}, line {number}: {shortened(line)} is not a time like '
                f"'2011-09-26 13:02:25.964389445'"
            )
        fraction = int((match[2] or '').ljust(9, '0'))
        whole = int(seconds.replace(tzinfo=UTC).timestamp())
        stamps.append(whole * 1_000_000_000 + fraction)
        check_stamp(stamps[-1], f'{path}, line {number}')
    return stamps


def read_calibration(path: Path, camera: str, size: tuple[int, int]) -> CameraModel:
    """
    Read one camera of calib_cam_to_cam.txt.

    Images of KITTI's rectified size get the rectified pinhole camera; images of the sensor's size,
    as in the unrectified `_extract` drives, get K, D and R besides, where the file has them.

    :param camera: one of `CAMERAS`.
    :param size: (width, height) of the images.
    :raises MediaError: an entry is missing or malformed, or the file is for images of another
        size; the text names file and line.
    """
    entries = {}
    for number, line in _lines(path):
        key, _, text = line.partition(':')
        entries[key.strip()] = (number, text)

    def numbers(name: str, count: int) -> tuple[float, ...] | None:
        key = f'{name}_{camera}'
        if key not in entries:
            return None
        number, text = entries[key]
        try:
            values = tuple(float(word) for word in text.split())
        except ValueError:
            values = ()
        if len(values) != count or not all(map(math.isfinite, values)):
            raise MediaError(
                f'{path}, line {number}: {key} should be {count} numbers, '
                f'not {shortened(text.strip())}'
            )
        return values

    rectified = numbers('S_rect', 2)
    p = numbers('P_rect', 12)
    if rectified is None or p is None:
        missing = 'S_rect' if rectified is None else 'P_rect'
        raise MediaError(f'{path} has no line {missing}_{camera}: it is not the calibration of '
                         f'camera {camera}')
    if size == rectified:
        return CameraModel(*size, fx=p[0], fy=p[5], cx=p[2], cy=p[6], p=p)

    raw, k, d, r = numbers('S', 2), numbers('K', 9), numbers('D', 5), numbers('R_rect', 9)
    if size == raw and k and d and r:
        return CameraModel(
            *size, fx=k[0], fy=k[4], cx=k[2], cy=k[5],
            distortion=d, r=r, p=p,
        )
    raise MediaError(
        f'{path} is for images of {rectified[0]:.0f}x{rectified[1]:.0f}, but these are '
        f'{size[0]}x{size[1]}: put the right calibration there, or remove it to play without one'
    )


def _drives_of_date(folder: Path) -> list[Path]:
    drives = (path.parent.parent for path in folder.glob('*_drive_*/image_0[0-3]/data'))
    return sorted(set(drives))


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines that are not empty, with their numbers."""
    try:
        text = read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, 'strerror', None) or 'it is not text'
        raise MediaError(f'cannot read {path}: {reason}') from None
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            yield number, line.strip()


def _other_cameras(drive: Path) -> str:
    """Return what a drive has instead, as the end of a sentence."""
    found = [camera for camera in CAMERAS if (data := drive / f'image_{camera}' / 'data').is_dir()
             and image_files(data)]
    if not found:
        return ''
    grey = ' (grey)' if set(found) <= {'00', '01'} else ''
    return f'; it has camera {" and ".join(found)}{grey}: choose with camera={found[0]}'


def _as_camera(value: Any) -> str:
    match = re.fullmatch(r'(?:image_|camera_)?0?([0-3])', str(value).strip())
    if match is None:
        raise ValueError(f'cameras: {", ".join(CAMERAS)}')
    return f'0{match[1]}'
