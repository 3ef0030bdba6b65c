"""Compiling, with and without a folder to keep the result in."""

import pytest

pytest.importorskip('numba', reason='nothing is compiled without numba')

import numba

from aim_ros.decoding.compilation import compiled


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
