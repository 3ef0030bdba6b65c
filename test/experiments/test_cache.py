import numpy as np

from aim_ros.experiments.cache import array_checksum
from aim_ros.experiments.cache import ArrayCache
from aim_ros.experiments.cache import folder_checksum


def test_an_array_is_computed_once_for_a_key(tmp_path):
    calls = []

    def compute():
        calls.append(1)
        return np.arange(3.0)

    for _ in range(2):
        np.testing.assert_array_equal(ArrayCache(tmp_path).get({'a': 1}, compute), [0, 1, 2])
    assert len(calls) == 1
    ArrayCache(tmp_path).get({'a': 2}, compute)
    assert len(calls) == 2


def test_a_damaged_file_is_computed_anew(tmp_path):
    ArrayCache(tmp_path).get('key', lambda: np.arange(3.0))
    [path] = tmp_path.rglob('*.npy')
    path.write_bytes(path.read_bytes()[:-4])
    cache = ArrayCache(tmp_path)
    np.testing.assert_array_equal(cache.get('key', lambda: np.arange(3.0)), [0, 1, 2])
    assert (cache.hits, cache.misses) == (0, 1)
    assert ArrayCache(tmp_path).get('key', lambda: None).tolist() == [0, 1, 2]


def test_the_default_folder_is_the_users(monkeypatch, tmp_path):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    assert ArrayCache().folder == tmp_path / 'aim_ros'


def test_a_user_without_a_home_has_a_cache_too(monkeypatch):
    def nobody():
        raise RuntimeError('Could not determine home directory.')

    monkeypatch.delenv('XDG_CACHE_HOME', raising=False)
    monkeypatch.setattr('pathlib.Path.home', nobody)
    assert ArrayCache().folder.is_absolute()


def test_checksums_follow_content(tmp_path):
    a = np.arange(6, dtype=np.uint8)
    assert array_checksum(a) == array_checksum(a.copy())
    assert array_checksum(a) != array_checksum(a.reshape(2, 3))
    assert array_checksum(a) != array_checksum(a.view(np.int8))
    (tmp_path / 'x').write_text('1')
    before = folder_checksum(tmp_path)
    (tmp_path / 'x').write_text('2')
    assert folder_checksum(tmp_path) != before
