"""What people write is read within bounds, and quoted in bounded length."""

from contextlib import suppress
import json
import math
import os
import socket

import odd_values
import pytest
import yaml

from aim_ros.plain_data import BoundsError
from aim_ros.plain_data import DEEPEST
from aim_ros.plain_data import IrregularFileError
from aim_ros.plain_data import load_yaml
from aim_ros.plain_data import parse_json
from aim_ros.plain_data import parse_yaml
from aim_ros.plain_data import read_text
from aim_ros.plain_data import shortened

PLAIN = {'a': [1, 2.5, None, True, 'x'], 'b': {'c': [[]], 'd': {}}, 'e': 2**63, 'f': -2**63}


def test_what_is_meant_is_read_as_the_libraries_read_it():
    assert parse_yaml(yaml.safe_dump(PLAIN)) == PLAIN
    assert parse_json(json.dumps(PLAIN)) == PLAIN
    assert parse_yaml('a: &x {b: 1}\nc: {<<: *x, d: [*x, *x]}') == {
        'a': {'b': 1}, 'c': {'b': 1, 'd': [{'b': 1}, {'b': 1}]}}
    assert parse_yaml('') is None
    deep = '[' * DEEPEST + ']' * DEEPEST
    assert parse_json(deep) == parse_yaml(deep)


@pytest.mark.parametrize('where', ['{}', 'a: {}', '- {}', '? {}\n: 1', 'a: [1, {{b: {}}}]'])
@pytest.mark.parametrize('value', odd_values.YAML.values(), ids=odd_values.YAML)
def test_what_no_program_should_go_on_with_is_refused_as_yaml(value, where):
    with pytest.raises(ValueError, match=r'^(is|has|stands) ') as caught:
        parse_yaml(where.format(value))
    assert len(str(caught.value)) < 500
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize('where', ['{}', '{{"a": {}}}', '[1, {}]'])
@pytest.mark.parametrize('value', odd_values.JSON.values(), ids=odd_values.JSON)
def test_what_no_program_should_go_on_with_is_refused_as_json(value, where):
    with pytest.raises(ValueError, match=r'^(is|has|stands) '):
        parse_json(where.format(value))


def test_the_largest_integer_is_named_by_its_value():
    """The next one has as many digits."""
    assert parse_yaml(f'[{2**64}, -{2**64}]') == [2**64, -2**64]
    with pytest.raises(BoundsError, match=(
            'has an integer of about 20 digits, and none beyond 18446744073709551616 can be')):
        parse_yaml(str(2**64 + 1))


def test_who_says_of_each_integer_what_is_allowed_has_it_whole():
    assert parse_yaml(f'a: [-{"9" * 400}]', largest=math.inf) == {'a': [-int('9' * 400)]}


def test_aliases_that_are_deep_only_together_are_refused():
    lines = ['- &a0 [x]', *(f'- &a{level} [*a{level - 1}]' for level in range(1, DEEPEST + 1))]
    with pytest.raises(BoundsError, match='is nested too deeply'):
        parse_yaml('\n'.join(lines))
    assert len(parse_yaml('\n'.join(lines[:50]))) == 50


def test_tables_that_merge_themselves_take_no_memory_without_end():
    lines = ['- &a0 {k0: 1}']
    for level in range(1, 40):
        lines.append(f'- &a{level} {{k{level}: 1, <<: [*a{level - 1}, *a{level - 1}]}}')
    with suppress(BoundsError):  # of PyYAML before 6.0.3, which repeats them
        assert len(parse_yaml('\n'.join(lines))[-1]) == 40


def test_a_file_is_read_as_its_text_is_or_refused_as_it_would_be(tmp_path):
    path = tmp_path / 'file.yaml'
    path.write_text('größer: 1', encoding='utf-8')
    assert load_yaml(path) == {'größer': 1}
    path.write_bytes(b'a: \xff')
    with pytest.raises(ValueError, match=r"^is no YAML: 'utf-8' codec can't decode byte 0xff"):
        load_yaml(path)
    path.write_text('9' * 400)
    with pytest.raises(BoundsError, match=r'^has an integer of about 401 digits'):
        load_yaml(path)
    assert load_yaml(path, largest=math.inf) == int('9' * 400)
    with pytest.raises(FileNotFoundError):
        load_yaml(tmp_path / 'none')


def test_bounds_are_told_from_what_is_no_yaml_or_json():
    for parse, text, said in ((parse_yaml, 'a: [', 'is no YAML: while'),
                              (parse_json, '{"a"', 'is no JSON: Expecting'),
                              (parse_json, '', 'is no JSON')):
        with pytest.raises(ValueError, match=said) as caught:
            parse(text)
        assert not isinstance(caught.value, BoundsError)


def test_what_is_quoted_is_short():
    assert shortened([1, 'a']) == "[1, 'a']"
    assert shortened('x' * 10_000).startswith("'xxx")
    huge = [0]
    for _ in range(60):
        huge = [huge, huge]
    for value in ('x' * 10_000, list(range(10_000)), huge, 10**400, 16**5000, {'a' * 999: 1}):
        assert 0 < len(shortened(value)) <= 100


@pytest.fixture(params=['pipe', 'socket', 'device'])
def irregular(request, tmp_path, monkeypatch):
    """Return the path of something that can be opened, and is no file on a disk."""
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    path = tmp_path / 'special'
    if request.param == 'pipe':
        os.mkfifo(path)
    elif request.param == 'socket':
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    else:
        path.symlink_to('/dev/null')
    return path


def test_what_is_no_file_on_a_disk_is_refused_unopened(irregular):
    for read in (read_text, load_yaml):
        with pytest.raises(IrregularFileError, match='not a regular file'):
            read(irregular)


def test_files_are_read_and_folders_refused_as_ever(tmp_path):
    path = tmp_path / 'file'
    path.write_text('größer', encoding='utf-8')
    link = tmp_path / 'link'
    link.symlink_to(path)
    assert read_text(link) == 'größer'
    with pytest.raises(IsADirectoryError):
        read_text(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_text(tmp_path / 'none')
