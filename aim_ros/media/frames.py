"""What every source of frames gives, and how its options are read."""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
import math
from typing import Any
from typing import Protocol

from aim_ros.imaging.frame import Frame

FIRST_STAMP_NS = 1_000_000_000
"""Where sources without stamps of their own start: 0 means to ROS that there is no time yet."""

_LAST_STAMP_NS = 2**31 * 1_000_000_000  # seconds of a stamp are an int32


class MediaError(Exception):
    """A source cannot be opened or read; its text is one sentence for the user."""


OnLoss = Callable[[MediaError], None]
"""What a source calls for each frame that it announced and cannot give."""


class FrameSource(Protocol):
    """
    A recording, or a rendering, that can be played from any frame.

    :param name: for people: what is played, with the choices that were made.
    """

    name: str

    def __len__(self) -> int:
        """Count all frames that the source announces."""
        ...

    def frames(self, start: int = 0, every: int = 1, on_loss: OnLoss | None = None
               ) -> Iterator[Frame]:
        """
        Yield frame `start` and then every `every`-th one, reading each when it is its turn.

        :param start: index of the first frame, from 0.
        :param every: step between the indices, at least 1.
        :param on_loss: called with the reason for every frame that cannot be read, which is then
            left out.
        :raises MediaError: a frame cannot be read, and there is no `on_loss`.
        :raises ValueError: `start` or `every` is out of range.
        """
        ...


def check_range(start: int, every: int) -> None:
    """
    Check the arguments of `FrameSource.frames`.

    :raises ValueError: `start` is below 0, or `every` below 1.
    """
    if start < 0 or every < 1:
        raise ValueError(f'start must be 0 or more and every 1 or more; got {start} and {every}')


def lose(error: MediaError, on_loss: OnLoss | None) -> None:
    """
    Report a frame that cannot be read.

    :raises MediaError: `error`, where nobody asked to be called.
    """
    if on_loss is None:
        raise error
    on_loss(error)


def regular_stamp(index: int, rate: float) -> int:
    """
    Return the stamp of a frame of a source that has only a rate.

    :param index: of the frame, from 0.
    :param rate: Hz, > 0.
    :return: nanoseconds.
    """
    return FIRST_STAMP_NS + round(index * 1e9 / rate)


def check_stamp(stamp_ns: int, where: str) -> None:
    """
    Check that a time fits a ROS header.

    :raises MediaError: it does not; the text begins with `where`.
    """
    if not -_LAST_STAMP_NS <= stamp_ns < _LAST_STAMP_NS:
        raise MediaError(f'{where}: a stamp of {stamp_ns / 1e9:.0f} s does not fit a ROS header, '
                         f'which ends at {_LAST_STAMP_NS / 1e9:.0f} s')


def parse_options(text: str) -> dict[str, str]:
    """
    Split options as in ``'seed=7,frames=120'``.

    :raises MediaError: a part has no ``=``.
    """
    options = {}
    for part in filter(None, (part.strip() for part in text.split(','))):
        key, equals, value = part.partition('=')
        if not equals or not key.strip() or not value.strip():
            raise MediaError(f"source option {part!r} is not of the form 'name=value'")
        options[key.strip()] = value.strip()
    return options


def convert_options(
    kind: str, options: Mapping[str, Any], converters: Mapping[str, Callable[[Any], Any]]
) -> dict[str, Any]:
    """
    Convert the options of one kind of source.

    :param kind: the source's name in a sentence.
    :param options: values by name, which may be strings.
    :param converters: by the names that are allowed; each raises ValueError for a wrong value.
    :raises MediaError: an option is unknown, or its value wrong.
    """
    result = {}
    for name, value in options.items():
        if name not in converters:
            allowed = ', '.join(converters)
            raise MediaError(f'{kind} has no option {name!r}; its options: {allowed}')
        try:
            result[name] = converters[name](value)
        except (TypeError, ValueError, OverflowError) as error:
            raise MediaError(f'option {name!r} of {kind} cannot be {value!r}: {error}') from None
    return result


def as_rate(value: Any) -> float:
    """
    Convert an option to a rate in Hz.

    :raises ValueError: it is not finite and above 0.
    """
    try:
        rate = float(value)
    except ValueError:
        rate = math.nan
    if not 1e-6 <= rate < math.inf:
        raise ValueError('a rate in Hz is a number, finite and above 0')
    return rate


def as_whole(value: Any) -> int:
    """
    Convert an option to a whole number.

    :raises ValueError: it is none.
    """
    try:
        return int(value)
    except ValueError:
        raise ValueError('a whole number is expected') from None


def as_real(value: Any) -> float:
    """
    Convert an option to a number.

    :raises ValueError: it is none.
    """
    try:
        return float(value)
    except (TypeError, ValueError):
        raise ValueError('a number is expected') from None
