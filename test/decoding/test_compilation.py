"""Compiling, with and without a folder to keep the result in, and what makes that old."""

import os
from pathlib import Path
import subprocess
import sys
import textwrap

import pytest

pytest.importorskip('numba', reason='nothing is compiled without numba')

import numba
import numpy as np

from aim_ros.decoding.compilation import compiled
from aim_ros.decoding.compilation import source_stamp
from aim_ros.decoding.cpu import draw
from aim_ros.decoding.cpu import rows


def test_it_computes_and_divides_as_numpy_does():
    divide = compiled(lambda x, y: x / y)
    assert divide(1.0, 4.0) == 0.25
    assert divide(1.0, 0.0) == float('inf')


def test_options_are_passed_on():
    assert compiled(lambda x: x, inline='always').targetoptions['inline'] == 'always'


def test_without_a_folder_for_its_cache_numba_compiles_all_the_same(monkeypatch):
    njit = numba.njit

    def read_only(*args, cache=False, **options):
        if cache:
            raise RuntimeError("cannot cache function 'f': no locator available for file 'f.py'")
        return njit(*args, **options)

    monkeypatch.setattr(numba, 'njit', read_only)
    assert compiled(lambda x: x + 1)(2) == 3


# Three files of kernels; the middle one defines nothing that the others' own files would show.
SOURCES = {
    'numbers_of.py': """
        SCALE = 10
        OFFSETS = (1, 2)
    """,
    'inner.py': """
        from aim_ros.decoding.compilation import compiled
        from numbers_of import SCALE

        @compiled
        def scaled(x):
            return x * SCALE
    """,
    'middle.py': """
        from aim_ros.decoding.compilation import compiled
        from inner import scaled

        def inlined(function):
            return compiled(function, inline='always')

        @inlined
        def shifted(x):
            return scaled(x) + 1
    """,
    'outer.py': """
        from aim_ros.decoding.compilation import compiled
        from middle import shifted
        from numbers_of import OFFSETS

        @compiled
        def total(x):
            return shifted(x) + OFFSETS[1]

        print(total(3), sum(total.stats.cache_hits.values()))
    """,
}


@pytest.fixture
def total_in_a_new_process(tmp_path):
    """Return a function that gives the kernel's result, and how often it was found on disk."""
    for name, text in SOURCES.items():
        (tmp_path / name).write_text(textwrap.dedent(text))
    path = os.pathsep.join((str(tmp_path), str(Path(__file__).parents[2])))
    # Python's own cache of sources tells edits within a second by their size alone.
    environment = {**os.environ, 'PYTHONPATH': path, 'PYTHONDONTWRITEBYTECODE': '1',
                   'NUMBA_CACHE_DIR': str(tmp_path / 'cache')}

    def run():
        done = subprocess.run(
            [sys.executable, '-c', 'import outer'], env=environment, cwd=tmp_path,
            capture_output=True, text=True, check=True)
        return tuple(map(int, done.stdout.split()))

    return run


@pytest.mark.parametrize(('file', 'old', 'new', 'result'), [
    ('numbers_of.py', 'SCALE = 10', 'SCALE = 20', 63),
    ('numbers_of.py', '(1, 2)', '(1, 5)', 36),
    ('inner.py', 'x * SCALE', 'x - SCALE', -4),
    ('middle.py', '+ 1', '- 1', 31),
    ('outer.py', 'shifted(x) +', 'shifted(x) -', 29),
])
def test_what_is_kept_on_disk_is_old_after_an_edit_of_anything_that_is_in_it(
        file, old, new, result, total_in_a_new_process, tmp_path):
    assert total_in_a_new_process() == (33, 0)
    assert total_in_a_new_process() == (33, 1)
    path = tmp_path / file
    path.write_text(path.read_text().replace(old, new))
    assert total_in_a_new_process() == (result, 0)
    assert total_in_a_new_process() == (result, 1)


def test_options_and_array_constants_count_too():
    table = np.arange(3)

    def make(table, **options):
        return compiled(lambda i: table[i], **options)

    stamp = source_stamp(make(table))
    assert stamp == source_stamp(make(table.copy()))
    assert stamp != source_stamp(make(table + 1))
    assert stamp != source_stamp(make(table, fastmath=True))


def test_every_kernel_of_the_decoder_depends_on_the_constants_of_the_noise(monkeypatch):
    before = source_stamp(rows.fill_rows)
    monkeypatch.setattr(draw, 'LARGEST_DRAW', 7.0)
    assert source_stamp(rows.fill_rows) != before
