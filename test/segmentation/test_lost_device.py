"""After which errors a process can go on, and after which none can."""

import pytest
import torch

from aim_ros.segmentation.description import ModelError
from aim_ros.segmentation.lost_device import is_device_lost

# What torch adds to each.
HINT = ('\nCUDA kernel errors might be asynchronously reported at some other API call, so the '
        'stacktrace below might be incorrect.')


class Accelerator(RuntimeError):
    """As torch.AcceleratorError, with the code that a device gave."""

    def __init__(self, text, error_code):
        super().__init__(text)
        self.error_code = error_code


@pytest.mark.parametrize('text', [
    'CUDA error: device-side assert triggered', 'CUDA error: unspecified launch failure',
    'CUDA error: an illegal memory access was encountered', 'CUDA error: unknown error',
    'CUDA error: uncorrectable ECC error encountered', 'HIP error: unspecified launch failure',
    'CUDA driver error: an illegal instruction was encountered',
    'Triton Error [CUDA]: misaligned address',
    'Non-zero status code returned while running Conv node. CUDA failure 700: an illegal memory '
    'access was encountered ; GPU=0'])
def test_a_device_that_cannot_go_on_is_known_by_its_text(text):
    assert is_device_lost(RuntimeError(text + HINT))


def test_it_is_known_by_its_code():
    assert is_device_lost(Accelerator('an error of another wording', 710))
    assert not is_device_lost(Accelerator('CUDA error: invalid argument', 1))


@pytest.mark.skipif(not hasattr(torch, 'AcceleratorError'), reason='torch before 2.8')
def test_it_is_known_by_its_type():
    error = torch.AcceleratorError('CUDA error: device-side assert triggered')
    assert is_device_lost(error)
    assert not is_device_lost(torch.AcceleratorError('CUDA error: invalid configuration argument'))


def test_what_was_made_of_it_does_not_hide_it():
    cause = RuntimeError('CUDA error: misaligned address')
    told, handled = ModelError('the network does not run'), ValueError('its retry failed')
    told.__cause__, handled.__context__ = cause, cause
    assert is_device_lost(told)
    assert is_device_lost(handled)


@pytest.mark.parametrize('error', [
    torch.cuda.OutOfMemoryError('CUDA out of memory. Tried to allocate 2 GiB.'),
    RuntimeError('CUDA error: out of memory' + HINT), RuntimeError('unknown error'),
    RuntimeError('CUDA error: operation not permitted when stream is capturing'),
    RuntimeError('shape mismatch'), Accelerator('', None), None])
def test_after_others_the_next_frame_may_succeed(error):
    assert not is_device_lost(error)


def test_errors_that_were_raised_from_each_other_have_an_end():
    one, other = RuntimeError('one'), RuntimeError('other')
    one.__cause__, other.__cause__ = other, one
    assert not is_device_lost(one)
