"""The markers of a JPEG (ITU-T T.81, B), and what they say of whether its picture is all there."""

from dataclasses import dataclass
import math
import re
from typing import NamedTuple

# Within a scan, 0xff is escaped by a zero, or begins a restart marker: neither ends it.
_NEXT_MARKER = re.compile(rb'\xff[^\x00\xd0-\xd7\xff]', re.DOTALL)
_RESTART = re.compile(rb'\xff[\xd0-\xd7]')
_START_OF_SCAN, _END_OF_IMAGE, _RESTART_INTERVAL, _PROGRESSIVE = 0xda, 0xd9, 0xdd, 0xc2
_FRAMES = frozenset(range(0xc0, 0xd0)) - {0xc4, 0xc8, 0xcc}


class _Component(NamedTuple):
    """A component's sampling factors."""

    across: int
    down: int


@dataclass
class _FrameHeader:
    """A frame header (B.2.2): the size in pixels, and the components by their ids."""

    progressive: bool
    height: int
    width: int
    components: dict[int, _Component]

    @staticmethod
    def of(marker: int, segment: bytes) -> '_FrameHeader':
        """Read the segment behind a marker."""
        return _FrameHeader(
            marker == _PROGRESSIVE, int.from_bytes(segment[1:3], 'big'),
            int.from_bytes(segment[3:5], 'big'), {
                segment[i]: _Component(segment[i + 1] >> 4, segment[i + 1] & 0xf)
                for i in range(6, 6 + 3 * segment[5], 3)})

    def units(self, ids: list[int]) -> int:
        """Return the units that a scan of some components is coded in; A.2."""
        across = max(component.across for component in self.components.values())
        down = max(component.down for component in self.components.values())
        if len(ids) > 1:
            return math.ceil(self.width / 8 / across) * math.ceil(self.height / 8 / down)
        one = self.components[ids[0]]
        return (math.ceil(math.ceil(self.width * one.across / across) / 8)
                * math.ceil(math.ceil(self.height * one.down / down) / 8))


@dataclass
class _Scan:
    """A scan header (B.2.3), and how often its data are interrupted by a restart marker."""

    ids: list[int]
    first: int
    last: int
    bits_left: int
    interval: int
    restarts: int = 0

    @staticmethod
    def of(segment: bytes, interval: int) -> '_Scan':
        """Read a segment."""
        end = 1 + 2 * segment[0]
        return _Scan(list(segment[1:end:2]), segment[end], min(segment[end + 1], 63),
                     segment[end + 2] & 0xf, interval)

    def is_whole(self, frame: _FrameHeader) -> bool:
        """Whether there are as many restarts as there have to be."""
        units = frame.units(self.ids)
        return not self.interval or self.restarts >= math.ceil(units / self.interval) - 1


def jpeg_length(data: memoryview) -> int:
    """
    Walk a JPEG from marker to marker.

    Half a JPEG has no end, whatever is behind it; a thumbnail's end lies within a segment.

    :param data: begins with a JPEG's first marker.
    :return: bytes up to its end; 0 where there is none, or a scan or a part of one is missing.
    """
    place, interval = 2, 0
    frame: _FrameHeader | None = None
    scans: list[_Scan] = []
    try:
        while found := _NEXT_MARKER.search(data, place):
            if scans and not scans[-1].restarts:
                scans[-1].restarts = len(_RESTART.findall(data[place:found.start()]))
            marker, place = data[found.end() - 1], found.end()
            if marker == _END_OF_IMAGE:
                return place if frame and _is_whole(frame, scans) else 0
            length = int.from_bytes(data[place:place + 2], 'big')
            segment = bytes(data[place + 2:place + length])
            if length < 2:
                return 0
            if marker == _START_OF_SCAN:
                scans.append(_Scan.of(segment, interval))
            elif marker == _RESTART_INTERVAL:
                interval = int.from_bytes(segment[:2], 'big')
            elif marker in _FRAMES:
                frame = _FrameHeader.of(marker, segment)
            place += length
    # A segment that is shorter than it says, or names a component that there is not.
    except (IndexError, KeyError):
        pass
    return 0


def _is_whole(frame: _FrameHeader, scans: list[_Scan]) -> bool:
    """Whether scans give all of their frame's components, to the last bit."""
    # Where the height comes at the end (B.2.5), nobody counts.
    if frame.height and not all(scan.is_whole(frame) for scan in scans):
        return False
    missing = {component: set(range(64)) for component in frame.components}
    for scan in scans:
        if not scan.bits_left or not frame.progressive:
            for component in scan.ids:
                missing[component] -= set(
                    range(scan.first, scan.last + 1) if frame.progressive else range(64))
    return not any(missing.values())
