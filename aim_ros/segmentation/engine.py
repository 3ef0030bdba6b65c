"""What runs a network: the interface of all engines, and the choice of one."""

from abc import ABC
from abc import abstractmethod
from collections import OrderedDict
from collections.abc import Callable
from collections.abc import Hashable
from concurrent.futures import Future
from threading import Lock
from typing import Generic
from typing import TypeVar

import torch
from torch import Tensor

from aim_ros.segmentation.description import ModelError

ENGINES = ('torch', 'openvino', 'onnxruntime')
"""The engines, the reference first."""

PROVIDERS = {
    'tensorrt': 'TensorrtExecutionProvider',
    'cuda': 'CUDAExecutionProvider',
    'openvino': 'OpenVINOExecutionProvider',
    'cpu': 'CPUExecutionProvider',
}
"""Execution providers of ONNX Runtime by the names that users give."""

PRECISIONS: dict[str, torch.dtype] = {
    'fp32': torch.float32,
    'fp16': torch.float16,
    'bf16': torch.bfloat16,
}

KEPT_SIZES = 12
"""
Sizes of pixels for which an engine keeps what it compiled or captured, those used last.

Rigs have up to about eight different cameras. A size takes OpenVINO 70 MB (B0 at 256x832), and so
does one that is being compiled beside these; and the sizes of a topic that changes them, or of
many recordings in turn, have no end.
"""

Value = TypeVar('Value')


class LastUsed(Generic[Value]):
    """
    Values by their keys, those used last; threads may share it.

    While one is made, others are to be had: making one takes seconds. `functools.lru_cache` of a
    method would make one twice for two threads, and holds the method's object, which holds it:
    what an engine compiled would outlive the engine until Python looks for such circles.

    Which was used the longest ago goes once a new one is there, and stays if that cannot be made.
    So `most` are held at once, and one more for each thread that makes one.

    :param most: how many are kept, >= 1.
    """

    def __init__(self, most: int):
        self._most = most
        self._lock = Lock()
        self._values: OrderedDict[Hashable, Future[Value]] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """
        Return a key's value; one that is not there is made.

        Who asks for one that another thread makes waits for that, and has what that raises.
        """
        with self._lock:
            value, missing = self._values.get(key), key not in self._values
            if missing:
                value = self._values[key] = Future()
            self._values.move_to_end(key)
        if missing:
            self._make(key, value, make)
        try:
            return value.result()
        finally:
            # What it raises refers to this call, which would refer to it.
            del value

    def _make(self, key: Hashable, value: Future[Value], make: Callable[[], Value]) -> None:
        try:
            made = make()
        except BaseException as error:
            with self._lock:
                del self._values[key]
            value.set_exception(error)
            del value
            return
        with self._lock:
            value.set_result(made)
            # Others may have been used while it was made.
            self._values.move_to_end(key)
            there = [kept for kept, future in self._values.items() if future.done()]
            for oldest in there[:-self._most]:
                del self._values[oldest]

    def __contains__(self, key: Hashable) -> bool:
        """Whether a key's value is there at once."""
        with self._lock:
            value = self._values.get(key)
            return value is not None and value.done()


class Engine(ABC):
    """
    Runs one network on one device.

    Threads may share it: where it cannot run for several at once, they take turns. No turn waits
    for what another thread compiles; CUDA's graphs are captured in a turn. On CUDA they are to
    share a stream too, as all of torch's do unless they choose another.

    :cvar name: one of `ENGINES`.
    :ivar version: of the engine's library.
    :ivar device: where pixels are to be and logits will be.
    :ivar target: what computes, as the engine calls it, for instance ``cuda:0`` or ``GPU``.
    :ivar precision: of the computation, one of `PRECISIONS`, or ``int8``.
    :ivar dtype: type of the pixels.
    :ivar fixed_size: the only (height, width) that the network takes; None if it takes any.
    :ivar batched: whether frames together are faster than one by one.
    """

    name: str
    version: str
    device: torch.device = torch.device('cpu')
    target: str = 'cpu'
    precision: str = 'fp32'
    dtype: torch.dtype = torch.float32
    fixed_size: tuple[int, int] | None = None
    batched: bool = False

    @abstractmethod
    def prepare(self, batch: int, size: tuple[int, int]) -> None:
        """
        Compile all that pixels of a shape need, so that the first frame finds it in place.

        :param batch: the largest number of frames that go through the network together, >= 1.
        :param size: (height, width) of the pixels.
        """

    def holds(self, size: tuple[int, int]) -> bool:
        """Whether a (height, width) that was prepared still is, and not displaced by others."""
        return True

    @abstractmethod
    def __call__(self, pixels: Tensor) -> Tensor:
        """
        Run the network; a size that was not prepared, or not lately, is prepared first.

        :param pixels: (B, 3, h, w) of type `dtype` on `device`.
        :return: float32 logits (B, C, h', w') on `device`, the caller's own.
        """

    def __str__(self) -> str:
        return f'{self.name} {self.version}'


def choose_device(device: str) -> torch.device:
    """
    Return the torch device for ``'auto'``, ``'cpu'``, ``'cuda'`` or ``'cuda:N'``.

    :raises ModelError: there is no such device here.
    """
    if device == 'auto':
        return torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    try:
        chosen = torch.device(device)
    except RuntimeError:
        chosen = None
    if chosen is None or chosen.type not in ('cpu', 'cuda'):
        raise ModelError(
            f'unknown device {device!r}; devices: auto, cpu, cuda, cuda:N, openvino:NAME')
    if chosen.type == 'cuda':
        count = torch.cuda.device_count()
        if (chosen.index or 0) >= count:
            raise ModelError(
                f'there is no device {device!r}: torch sees {count} CUDA devices; use auto or cpu')
    return chosen
