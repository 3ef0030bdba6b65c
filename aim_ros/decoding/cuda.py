"""
Decoding on CUDA: one Triton kernel a frame, which reads the logits and writes the images.

Each pixel goes through the classes once. The kernel is compiled once for each type of logits and
of class ids: sizes, classes, signs, sigmas and all switches are data.
"""

from functools import lru_cache

import torch
from torch import Tensor
import triton
import triton.language as tl

from aim_ros.decoding.decoded import Decoded
from aim_ros.decoding.grid import place_on_grid
from aim_ros.modulation import Modulation
from aim_ros.modulation.control import expected_shift
from aim_ros.modulation.noise import FOCUS_STREAM
from aim_ros.modulation.noise import UTILITY_STREAM

_BLOCK = 256
"""Pixels that one program decodes."""

_TWO_PI = tl.constexpr(6.283185307179586)
_FOCUS_STREAM = tl.constexpr(FOCUS_STREAM)
_UTILITY_STREAM = tl.constexpr(UTILITY_STREAM)

_DATA = ('classes', 'height', 'width', 'rows', 'columns', 'key_low', 'key_high', 'focuses',
         'draws', 'pixel', 'confident')


@triton.jit
def _uniform(word):
    return (word.to(tl.float32) + 0.5) * 2.3283064365386963e-10  # 2**-32


@triton.jit
def _draw(pixels, class_index, stream, key_low, key_high):
    """Draw one standard normal for each pixel, as aim_ros.modulation.noise lays down."""
    zero = pixels.to(tl.uint32) * 0
    x0, x1, x2, x3 = tl.philox_impl(
        (pixels >> 2).to(tl.uint32), zero, zero + class_index, zero + stream,
        zero + key_low, zero + key_high, 10)
    second = (pixels & 2) != 0
    radius = tl.sqrt(-2.0 * tl.log(_uniform(tl.where(second, x2, x0))))
    angle = _TWO_PI * _uniform(tl.where(second, x3, x1))
    return radius * tl.where((pixels & 1) != 0, tl.sin(angle), tl.cos(angle))


@triton.jit(do_not_specialize=_DATA, do_not_specialize_on_alignment=('logits',))
def _decode(
    logits, signs, row_before, row_distance, column_before, column_distance,
    base, focused, mask, confidence, changed,
    classes, height, width, rows, columns, key_low, key_high, focuses, draws, pixel, confident,
    sigma, shift, utility_sigma, scale,
    block: tl.constexpr,
):
    pixels = tl.program_id(0) * block + tl.arange(0, block)
    inside = pixels < rows * columns
    y, x = pixels // columns, pixels % columns
    upper = tl.load(row_before + y, inside, 0)
    left = tl.load(column_before + x, inside, 0)
    lower = tl.minimum(upper + 1, height - 1)
    right = tl.minimum(left + 1, width - 1)
    down = tl.load(row_distance + y, inside, 0.0)
    across = tl.load(column_distance + x, inside, 0.0)
    a, b = upper * width + left, upper * width + right
    c, d = lower * width + left, lower * width + right
    key_low = key_low.to(tl.uint32, bitcast=True)
    key_high = key_high.to(tl.uint32, bitcast=True)

    base_best = tl.full([block], -float('inf'), tl.float32)
    focused_best, mask_best, chosen = base_best, base_best, base_best
    base_id = tl.zeros([block], tl.int32)
    focused_id, mask_id = base_id, base_id
    total = tl.zeros([block], tl.float32)
    for index in range(classes):
        at_left = tl.load(logits + a, inside, 0.0).to(tl.float32)
        at_left += down * (tl.load(logits + c, inside, 0.0).to(tl.float32) - at_left)
        at_right = tl.load(logits + b, inside, 0.0).to(tl.float32)
        at_right += down * (tl.load(logits + d, inside, 0.0).to(tl.float32) - at_right)
        logits += height * width
        value = at_left + across * (at_right - at_left)

        highest = tl.maximum(base_best, value)
        if confident:
            total = total * tl.exp((base_best - highest) * scale)
            total += tl.exp((value - highest) * scale)
        base_id = tl.where(value > base_best, index, base_id)
        base_best = highest

        sign = tl.load(signs + index)
        mean = value + sign * shift
        focused_id = tl.where(mean > focused_best, index, focused_id)
        focused_best = tl.maximum(focused_best, mean)

        modulated = value
        if utility_sigma > 0:
            modulated += utility_sigma * _draw(
                pixels, index, _UTILITY_STREAM, key_low, key_high)
        if pixel:
            if sign != 0:
                modulated += sign * (sigma * tl.abs(
                    _draw(pixels, index, _FOCUS_STREAM, key_low, key_high)))
        else:
            modulated += sign * shift
        wins = modulated > mask_best
        mask_id = tl.where(wins, index, mask_id)
        chosen = tl.where(wins, value, chosen)
        mask_best = tl.maximum(mask_best, modulated)

    tl.store(base + pixels, base_id.to(base.dtype.element_ty), inside)
    if focuses:
        tl.store(focused + pixels, focused_id.to(base.dtype.element_ty), inside)
    if draws:
        tl.store(mask + pixels, mask_id.to(base.dtype.element_ty), inside)
    if confident:
        probability = tl.exp((chosen - base_best) * scale) / total
        tl.store(confidence + pixels, tl.minimum(probability, 1.0), inside)
    differs = (mask_id != base_id) & inside
    tl.atomic_add(changed, tl.sum(differs.to(tl.int32)))


def fill(
    outputs: Decoded, logits: Tensor, modulation: Modulation, key: int, temperature: float,
) -> None:
    """Compute `outputs`, whose tensors are on the logits' device; see `decode.decode`."""
    classes, height, width = logits.shape
    rows, columns = outputs.mask.shape
    focuses, confident = modulation.focuses, outputs.confidence is not None
    signs = _signs(modulation.signs if focuses else (), classes, logits.device)
    with torch.cuda.device_of(logits):
        _decode[(triton.cdiv(rows * columns, _BLOCK),)](
            logits.contiguous(), signs,
            *_axis(height, rows, logits.device), *_axis(width, columns, logits.device),
            outputs.base, outputs.focused, outputs.mask,
            # Any pointer of the same type where there is no confidence: another type recompiles.
            outputs.confidence if confident else signs, outputs.changed,
            classes, height, width, rows, columns,
            _as_int32(key & 0xFFFFFFFF), _as_int32(key >> 32),
            int(focuses), int(modulation.draws),
            int(focuses and modulation.sampling == 'pixel'), int(confident),
            float(modulation.sigma), expected_shift(modulation.sigma),
            float(modulation.utility_sigma), 1 / temperature,
            block=_BLOCK)


def _as_int32(word: int) -> int:
    """Return the signed integer of the same 32 bits: Triton would pass larger ones as 64 bits."""
    return word - 2**32 if word >= 2**31 else word


@lru_cache(maxsize=64)
def _signs(signs: tuple[tuple[int, int], ...], classes: int, device: torch.device) -> Tensor:
    """Return each class's sign, 0 for those that are no target, float32 (C,)."""
    values = torch.zeros(classes)
    for target, sign in signs:
        values[target] = sign
    return values.to(device)


@lru_cache(maxsize=64)
def _axis(points: int, pixels: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return `place_on_grid` on the device, as int32 and float32."""
    before, distance = place_on_grid(points, pixels)
    return (torch.from_numpy(before.astype('int32')).to(device),
            torch.from_numpy(distance).to(device))
