"""
Counter-based normal draws: a draw is a function of a key and of an index, nothing else.

Whatever computes a draw gets the same one: a tile, a single pixel, a whole frame, a batch, the
CPU or a GPU. The generator is Philox4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random
numbers: as easy as 1, 2, 3", SC 2011). Any other implementation has to follow this layout:

- Key: one 64-bit integer; `k0` is its low, `k1` its high 32 bits.
- Counter of a draw: `(low32(pixel >> 2), high32(pixel >> 2), class index, stream)`.
  `pixel` is the flat index in C order over all dimensions but the class dimension.
- One Philox call gives four 32-bit words `x0 .. x3`; pixel `p` takes lane `p & 3`.
- Words become uniforms by `u(x) = (float32(x) + 0.5) * 2**-32`, rounded to nearest at each step.
- Lanes (0, 1) and (2, 3) are Box-Muller pairs. With `(a, b)` = `(x0, x1)` or `(x2, x3)`,
  `r = sqrt(-2 ln u(a))` and `theta = 2 pi u(b)`, the even lane is `r cos theta` and the odd one
  `r sin theta`, in float32 (so is the constant 2 pi).

The words are the same bit for bit everywhere. The logarithm, sine and cosine come from each
device's own library, so that between devices a draw may differ by a few units in the last place.

`u` lies in [2**-33, 1]: a word of 2**32 - 128 or more rounds to 1, which makes the draw 0 and
does no harm. The smallest `u` bounds every draw, see `LARGEST_DRAW`.
"""

from collections.abc import Sequence
import hashlib
import math

import torch
from torch import Tensor

from aim_ros.modulation._checks import check_key
from aim_ros.modulation._checks import check_word

UTILITY_STREAM = 0
"""Stream of utility noise."""

FOCUS_STREAM = 1
"""Stream of focus noise, so that both kinds on one frame are independent."""

LARGEST_DRAW = 6.764
"""No draw is larger in magnitude: sqrt(-2 ln 2**-33) = 6.76371, rounded up beyond any float32
error of the logarithm, so that classes may be ruled out by it."""

_LOW_32 = 0xFFFFFFFF
# The multipliers less 2**32, see _multiply.
_MULTIPLIER_0 = 0xD2511F53 - 2**32
_MULTIPLIER_1 = 0xCD9E8D57 - 2**32
_WEYL_0 = 0x9E3779B9
_WEYL_1 = 0xBB67AE85

Word = Tensor | int


def philox4x32(counter: tuple[Word, Word, Word, Word], key: int) -> tuple[Word, Word, Word, Word]:
    """
    Philox4x32-10: four random 32-bit words for each counter.

    :param counter: four words in 0 .. 2**32 - 1, least significant first; ints, or int64 tensors
        of shapes that broadcast.
    :param key: 0 .. 2**64 - 1.
    :return: four words in 0 .. 2**32 - 1: int64 tensors, or ints where the counter is all ints.
    :raises TypeError: `key` is not an integer.
    :raises ValueError: `key` is out of range.

    Example:
        >>> [hex(word) for word in philox4x32((0, 0, 0, 0), key=0)]
        ['0x6627e8d5', '0xe169c58d', '0xbc57ac4c', '0x9b00dbd8']
    """
    key = check_key(key)
    k0, k1 = key & _LOW_32, key >> 32
    c0, c1, c2, c3 = counter
    for _ in range(10):
        high_0, low_0 = _multiply(c0, _MULTIPLIER_0)
        high_1, low_1 = _multiply(c2, _MULTIPLIER_1)
        c0, c1, c2, c3 = high_1 ^ c1 ^ k0, low_1, high_0 ^ c3 ^ k1, low_0
        k0, k1 = (k0 + _WEYL_0) & _LOW_32, (k1 + _WEYL_1) & _LOW_32
    return c0, c1, c2, c3


def _multiply(word: Word, multiplier_less_2_32: int) -> tuple[Word, Word]:
    """
    Return the high and low 32 bits of `word * (multiplier_less_2_32 + 2**32)`.

    The full product of two 32-bit words overflows a signed 64-bit integer. Both multipliers are
    at least 2**31, so with 2**32 taken off the product fits, in (-2**63, 0]; what was taken off
    is `word`, added to the high half. The shift rounds towards minus infinity, as it must.
    """
    product = word * multiplier_less_2_32
    return (product >> 32) + word, product & _LOW_32


def box_muller(word_a: Tensor, word_b: Tensor) -> tuple[Tensor, Tensor]:
    """
    Two independent standard normal draws (even lane, odd lane) from two random words.

    :param word_a: int64 tensor of words in 0 .. 2**32 - 1; gives the radius.
    :param word_b: likewise, of the same shape; gives the angle.
    :return: two float32 tensors of the words' shape.

    Example:
        >>> words = torch.tensor([0, 2**32 - 1])
        >>> even, odd = box_muller(words, torch.zeros_like(words))
        >>> even.abs().tolist()  # the largest draw, and the smallest
        [6.763705730438232, 0.0]
    """
    radius = torch.sqrt(-2 * torch.log(_uniform(word_a)))
    angle = (2 * math.pi) * _uniform(word_b)
    return radius * torch.cos(angle), radius * torch.sin(angle)


def _uniform(word: Tensor) -> Tensor:
    return (word.to(torch.float32) + 0.5) * 2.0**-32


def standard_normal(pixels: Tensor, class_index: int, key: int, stream: int) -> Tensor:
    """
    Standard normal draws of scattered pixels.

    :param pixels: int64 tensor of any shape; flat pixel indices, 0 or larger.
    :param class_index: 0 .. 2**32 - 1.
    :param key: 0 .. 2**64 - 1.
    :param stream: `UTILITY_STREAM`, `FOCUS_STREAM` or another number in 0 .. 2**32 - 1.
    :return: float32 tensor of the shape and on the device of `pixels`.
    :raises TypeError: `pixels` is not an int64 tensor, or another argument is not an integer.
    :raises ValueError: an argument is out of range.

    Example:
        >>> draws = standard_normal(torch.tensor([[7, 0], [7, 3]]), 11, key=5, stream=FOCUS_STREAM)
        >>> draws.shape, bool(draws[0, 0] == draws[1, 0])
        (torch.Size([2, 2]), True)
    """
    if not isinstance(pixels, Tensor) or pixels.dtype != torch.int64:
        given = pixels.dtype if isinstance(pixels, Tensor) else type(pixels).__name__
        raise TypeError(f'pixels must be an int64 tensor; got {given}')
    if pixels.numel() and pixels.min() < 0:
        raise ValueError(f'pixels must be 0 or larger; got {int(pixels.min())}')
    class_index = check_word('class_index', class_index, bits=32)
    x0, x1, x2, x3 = _words(pixels >> 2, class_index, key, stream)
    second_pair = (pixels & 2).bool()
    even, odd = box_muller(torch.where(second_pair, x2, x0), torch.where(second_pair, x3, x1))
    return torch.where((pixels & 1).bool(), odd, even)


def standard_normal_range(
    start: int,
    count: int,
    class_index: int | Sequence[int],
    key: int,
    stream: int,
    device: torch.device | str = 'cpu',
) -> Tensor:
    """
    Standard normal draws of the pixels `start .. start + count - 1`.

    The same values, bit for bit, as `standard_normal` gives on the same device, but each Philox
    call serves four pixels.

    :param start: first flat pixel index, 0 or larger.
    :param count: number of pixels, 0 or larger.
    :param class_index: 0 .. 2**32 - 1; or a sequence of such, for several classes in one call.
    :param key: 0 .. 2**64 - 1.
    :param stream: `UTILITY_STREAM`, `FOCUS_STREAM` or another number in 0 .. 2**32 - 1.
    :param device: where the draws are made.
    :return: float32 tensor of shape `(count,)`; `(len(class_index), count)` for a sequence.
    :raises TypeError: an argument is of the wrong type.
    :raises ValueError: an argument is out of range.

    Example:
        >>> draws = standard_normal_range(0, 8, 11, key=5, stream=FOCUS_STREAM)
        >>> tile = standard_normal_range(3, 2, 11, key=5, stream=FOCUS_STREAM)
        >>> torch.equal(draws[3:5], tile)
        True
    """
    start, count = check_word('start', start, bits=62), check_word('count', count, bits=62)
    if isinstance(class_index, Sequence):
        classes = [check_word('class_index', index, bits=32) for index in class_index]
        class_index = torch.tensor(classes, dtype=torch.int64, device=device).unsqueeze(-1)
    else:
        class_index = check_word('class_index', class_index, bits=32)
    blocks = torch.arange(start >> 2, (start + count + 3) >> 2, device=device)
    x0, x1, x2, x3 = _words(blocks, class_index, key, stream)
    even, odd = box_muller(torch.stack((x0, x2), dim=-1), torch.stack((x1, x3), dim=-1))
    draws = torch.stack((even, odd), dim=-1).flatten(-3)
    return draws[..., start & 3 : (start & 3) + count]


def _words(block: Tensor, class_index: Word, key: int, stream: int) -> tuple[Word, ...]:
    """Return the Philox words of blocks of four pixels; the counter is the module's layout."""
    stream = check_word('stream', stream, bits=32)
    return philox4x32((block & _LOW_32, block >> 32, class_index, stream), key)


def random_key() -> int:
    """
    Draw a fresh 64-bit key from torch's default generator.

    `torch.manual_seed` makes it reproducible.

    Example:
        >>> _ = torch.manual_seed(0)
        >>> first = random_key()
        >>> _ = torch.manual_seed(0)
        >>> random_key() == first
        True
    """
    low, high = torch.randint(2**32, (2,)).tolist()
    return high << 32 | low


def frame_key(seed: int, camera: str, stamp_ns: int) -> int:
    """
    Return the noise key of a frame, 0 .. 2**64 - 1.

    It depends on nothing but the seed, the camera and the stamp, so a frame's draws are the same
    in every replay, whatever was dropped before.

    :param camera: the camera's name; of an image without one, whatever names the image.
    :param stamp_ns: the header stamp in nanoseconds; 0 for an image without one.
    """
    text = f'{seed}/{camera}/{stamp_ns}'.encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), 'little')
