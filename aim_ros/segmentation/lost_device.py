"""
Tells errors after which a device answers nothing more in this process.

CUDA calls them sticky: the context is corrupt, every later call returns the same error, and only
another process gets a context anew (CUDA Runtime API, ``cudaError_t``; there, "the process must be
terminated and relaunched").

OpenVINO passes on what its driver returned: of OpenCL ``CL_DEVICE_NOT_AVAILABLE``, of Level Zero
``ZE_RESULT_ERROR_DEVICE_LOST`` ("device hung, reset, was removed, or driver update occurred").
``CL_OUT_OF_RESOURCES``, which Intel's driver returns after a hang, is no such error: it also does
where memory is short, and the next image may find enough. Nor is ``CL_DEVICE_NOT_AVAILABLE`` where
a context or a queue is created, which means that the device is not available at present (OpenCL,
``clCreateContext``).
"""

import re

_STICKY = {
    201: 'invalid device context',
    214: 'uncorrectable ECC error encountered',
    220: 'uncorrectable NVLink error detected during the execution',
    700: 'an illegal memory access was encountered',
    702: 'the launch timed out and was terminated',
    709: 'context is destroyed',
    710: 'device-side assert triggered',
    714: 'hardware stack error',
    715: 'an illegal instruction was encountered',
    716: 'misaligned address',
    717: 'operation not supported on global/shared address space',
    718: 'invalid program counter',
    719: 'unspecified launch failure',
    721: 'Invalid access of peer GPU memory over nvlink or a hardware error',
    999: 'unknown error',
}
"""Codes of CUDA, which HIP shares for the most part, and their texts."""

_TEXT = re.compile('|'.join((
    # As torch, Triton and ONNX Runtime write them: "CUDA error: ...", "CUDA failure 700: ...".
    r'\b(CUDA|HIP)\]?( driver)?( error| failure)?( \d+)?: '
    f'({"|".join(map(re.escape, _STICKY.values()))})',
    # OpenVINO's GPU plugin on OpenCL: "[GPU] clFinish, error code: -2", newer ones with the name.
    r'\[GPU\] cl(?!Create)\w+, error code: -2\b',
    # The same on Level Zero: "zeCommandListClose(list) command failed with code 1879048193".
    rf'\bze\w+\b.* command failed with code {0x70000001}\b',
    # Its NPU plugin: "L0 zeFenceHostSynchronize result: ZE_RESULT_ERROR_DEVICE_LOST, code ...".
    r'\bL0 \w+ result: ZE_RESULT_ERROR_DEVICE_LOST\b')))


def is_device_lost(error: BaseException | None) -> bool:
    """
    Return whether no device call of this process can succeed after an error.

    Out of memory is not such an error, nor is what torch refuses before it asks the device.

    :param error: what was raised; what it was raised from, or while handling, counts, too.
    """
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        # torch.AcceleratorError of 2.8 and later may have the code; what is older, the text alone.
        if isinstance(error, RuntimeError) and getattr(error, 'error_code', None) in _STICKY:
            return True
        if _TEXT.search(str(error)):
            return True
        error = error.__cause__ or error.__context__
    return False
