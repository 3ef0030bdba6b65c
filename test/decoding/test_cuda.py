"""
The CUDA kernel without a GPU: its results under Triton's interpreter, and that it compiles.

With a GPU, test_decode.py runs the kernel itself. The interpreter has to be chosen before Triton
is first imported, which torch does, so these tests run in a process of their own.
"""

import os
from pathlib import Path
import subprocess
import sys

import pytest
import torch

pytest.importorskip('triton', reason='the CUDA kernel needs triton')

from decode_checks import assert_by_brute_force

from aim_ros.decoding import cuda as decode_cuda
from aim_ros.decoding import decode as decode_module
from aim_ros.decoding.decode import decode
from aim_ros.modulation import Modulation

INTERPRETED = os.environ.get('TRITON_INTERPRET') == '1'

KEY = 0xFEDCBA9876543210
TARGETS = ((0, 1), (3, -1), (4, 1))
MODULATIONS = {
    'neutral': Modulation(),
    'expected': Modulation(TARGETS, 0.3),
    'pixel': Modulation(TARGETS, 0.3, 'pixel'),
    'utility': Modulation(utility_sigma=0.2),
    'utility_and_pixel': Modulation(TARGETS, 0.3, 'pixel', utility_sigma=0.2),
}


def run(arguments, interpret):
    """Run Python in a process whose Triton does or does not interpret, and return its output."""
    done = subprocess.run(
        [sys.executable, *arguments], env={**os.environ, 'TRITON_INTERPRET': interpret},
        capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done.stdout


@pytest.mark.skipif(INTERPRETED, reason='this is the process with the interpreter')
def test_under_the_interpreter():
    """Run the tests below that need the interpreter."""
    output = run(['-m', 'pytest', '-qx', '-p', 'no:cacheprovider', __file__], '1')
    assert ' passed' in output


@pytest.fixture
def interpreter(monkeypatch):
    if not INTERPRETED:
        pytest.skip('runs in the process with the interpreter')
    monkeypatch.setattr(decode_module, '_backend', lambda device_type: decode_cuda)
    monkeypatch.setattr(decode_cuda, 'range', count_to, raising=False)


def count_to(end):
    """
    Return the range of a kernel's loop.

    Before Triton 3.7, the interpreter takes its end as int() of an array with an axis, which
    NumPy refuses from 2.4 on.
    """
    return range(end.handle.data.item())


def random_logits(classes, grid, dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    return (torch.randn(classes, *grid, generator=generator) * 0.3).to(dtype)


@pytest.mark.parametrize('name', MODULATIONS)
@pytest.mark.parametrize('dtype', [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.usefixtures('interpreter')
def test_decisions_are_those_of_brute_force(name, dtype):
    logits = random_logits(6, (3, 4), dtype)
    assert_by_brute_force(logits, (13, 29), MODULATIONS[name], key=KEY, temperature=1.7)


@pytest.mark.parametrize(('grid', 'size'), [
    ((1, 1), (3, 5)), ((1, 7), (20, 15)), ((7, 1), (15, 20)), ((8, 9), (3, 4)), ((4, 4), (1, 1)),
    ((3, 5), (16, 32))])
@pytest.mark.usefixtures('interpreter')
def test_sizes_around_that_of_the_grid(grid, size):
    assert_by_brute_force(random_logits(6, grid), size, MODULATIONS['pixel'], key=KEY)


@pytest.mark.parametrize('key', [0, 2**31, 2**32 - 1, 2**63, 2**64 - 1])
@pytest.mark.usefixtures('interpreter')
def test_any_key(key):
    assert_by_brute_force(random_logits(6, (3, 4)), (9, 20), MODULATIONS['pixel'], key=key)


@pytest.mark.usefixtures('interpreter')
def test_ids_over_255():
    logits = random_logits(260, (2, 2))
    logits[259] += 0.3
    decoded = assert_by_brute_force(logits, (6, 6), MODULATIONS['expected'], key=KEY)
    assert decoded.mask.dtype == torch.int32
    assert decoded.mask.max() == 259


@pytest.mark.usefixtures('interpreter')
def test_the_lowest_id_wins_a_tie():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randint(0, 2, (6, 8, 9), generator=generator).float()
    decoded = decode(logits, (8, 9), Modulation())
    assert (decoded.base.numpy() == logits.numpy().argmax(0)).all()


@pytest.mark.usefixtures('interpreter')
def test_logits_that_are_not_contiguous():
    logits = random_logits(6, (3, 4))
    strided = logits.permute(1, 2, 0).contiguous().permute(2, 0, 1)
    assert not strided.is_contiguous()
    for name in ('mask', 'base', 'focused'):
        assert torch.equal(
            getattr(decode(strided, (9, 20), MODULATIONS['pixel'], key=KEY), name),
            getattr(decode(logits, (9, 20), MODULATIONS['pixel'], key=KEY), name))


COMPILE = """
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from aim_ros.decoding import cuda as decode_cuda
for logits, ids in (('*fp16', '*u8'), ('*fp32', '*i32')):
    types = dict.fromkeys(decode_cuda._decode.arg_names, 'fp32')
    types.update(dict.fromkeys(decode_cuda._DATA, 'i32'))
    types.update(dict.fromkeys(('base', 'focused', 'mask'), ids))
    floats = ('signs', 'row_distance', 'column_distance', 'confidence')
    types.update(dict.fromkeys(floats, '*fp32'))
    types.update(dict.fromkeys(('row_before', 'column_before', 'changed'), '*i32'))
    types.update(logits=logits, block='constexpr')
    source = ASTSource(decode_cuda._decode, types, constexprs={'block': decode_cuda._BLOCK})
    binary = triton.compile(source, target=GPUTarget('cuda', 90, 32))
    assert binary.asm['cubin']
"""


@pytest.mark.skipif(INTERPRETED, reason='the interpreter compiles nothing')
def test_it_compiles_for_a_gpu_that_is_not_here(tmp_path, monkeypatch):
    monkeypatch.setenv('TRITON_CACHE_DIR', str(tmp_path))
    run(['-c', COMPILE], '0')
