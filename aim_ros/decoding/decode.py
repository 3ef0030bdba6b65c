"""
From logits on the model's grid to a mask at camera resolution, modulated on the way.

Noise and shifts act at the resolution at which the arg max is taken, i.e. after upsampling.
Nothing of the size classes x height x width ever exists at that resolution. The work is done by
`cpu` (Numba) on the CPU, by `cuda` (Triton) on CUDA, and by `reference` (plain torch) elsewhere
and where a kernel cannot be compiled.
"""

from functools import cache
import importlib
import logging
from types import ModuleType

import torch
from torch import Tensor

from aim_ros.decoding import gated
from aim_ros.decoding import reference
from aim_ros.decoding.decoded import Decoded
from aim_ros.modulation import Modulation

_KERNELS = {'cpu': 'numba', 'cuda': 'triton'}
"""The devices that have a kernel, and the package that compiles it."""

_unusable: dict[str, str] = {}
"""Why the kernel for a kind of device could not be compiled."""

_logger = logging.getLogger(__name__)


def decode(
    logits: Tensor,
    size: tuple[int, int],
    modulation: Modulation,
    *,
    key: int = 0,
    confidence: bool = False,
    temperature: float = 1.0,
) -> Decoded:
    """
    Decide the class of every camera pixel.

    The logits are upsampled bilinearly (pixel centres aligned as in
    ``interpolate(align_corners=False)``) and modulated there. On a tie the lowest id wins.
    Nothing here waits for a CUDA device, but for gated sampling; `Decoded.cpu` does.

    :param logits: (C, h, w), any float dtype, finite; computed in float32.
    :param size: (H, W) of the camera image.
    :param key: key of the counter-based noise, 0..2**64-1; the pixel's index is its flat index
        in the camera image.
    :param confidence: whether to compute the confidence image.
    :param temperature: the softmax's temperature, > 0; it changes no decision.
    :raises ValueError: the shapes do not fit, or a target is no class of the model.
    """
    if logits.ndim != 3 or min(logits.shape) < 1:
        raise ValueError(f'logits must be (C, h, w) and not empty, got {tuple(logits.shape)}')
    height, width = size
    if height < 1 or width < 1:
        raise ValueError(f'size must be at least 1x1, got {height}x{width}')
    classes = logits.shape[0]
    for target, _ in modulation.signs:
        if not 0 <= target < classes:
            raise ValueError(f'target class {target} is not in 0..{classes - 1}')

    dtype = torch.uint8 if classes <= 255 else torch.int32
    base = torch.empty((height, width), dtype=dtype, device=logits.device)
    focused = torch.empty_like(base) if modulation.focuses else base
    mask = torch.empty_like(base) if modulation.draws else focused
    changed = torch.zeros((), dtype=torch.int32, device=logits.device)
    probability = None
    if confidence:
        probability = torch.empty((height, width), dtype=torch.float32, device=logits.device)
    outputs = Decoded(mask, base, focused, changed, probability)
    backend = _backend(logits.device.type)
    if modulation.focuses and modulation.sampling == 'gated':
        gated.fill(outputs, logits, modulation, key, temperature, backend)
    else:
        backend.fill(outputs, logits, modulation, key, temperature)
    return outputs


def prepare(
    device: torch.device | str, classes: int, dtype: torch.dtype = torch.float32,
) -> None:
    """
    Compile what `decode` needs for a model, so that no frame waits for it.

    It takes up to half a minute the first time on a machine; later processes find the result on
    disk, where the compilers' cache folders can be written to.

    :param classes: the model's classes.
    :param dtype: the type of its logits.
    """
    logits = torch.zeros(classes, 2, 2, device=device, dtype=dtype)
    modulation = Modulation(((0, 1),), 1.0, 'pixel', utility_sigma=1.0)
    try:
        decode(logits, (4, 4), modulation, confidence=True).cpu()
    # A compiler is installed and yet cannot compile where the system lacks what it needs, as a C
    # compiler for Triton, or where it does not know the device: its errors are of many types.
    except Exception as error:
        if _backend(logits.device.type) is reference:
            raise
        _unusable[logits.device.type] = f'{type(error).__name__}: {error}'
        _backend.cache_clear()
        decode(logits, (4, 4), modulation, confidence=True).cpu()


@cache
def _backend(device_type: str) -> ModuleType:
    """Return the module that decodes on such a device."""
    compiler = _KERNELS.get(device_type)
    if compiler is None:
        return reference
    reason = _unusable.get(device_type)
    if reason is None:
        try:
            return importlib.import_module(_module_name(device_type))
        except ImportError as error:
            reason = str(error)
    _logger.warning(
        'masks on %s are decoded several times slower, in plain torch: %s cannot be used (%s); '
        'install it, or a version that fits, and what it compiles with (a C compiler and '
        "Python's headers)", device_type, compiler, ' '.join(reason.split())[:300])
    return reference


def _module_name(device_type: str) -> str:
    return f'aim_ros.decoding.{device_type}'
