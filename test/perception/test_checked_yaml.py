"""YAML that people write: a key given twice is told from one that overrides what is merged."""

import pytest
import yaml

from aim_ros.perception.checked_yaml import read_yaml
from aim_ros.perception.checked_yaml import YamlError


@pytest.mark.parametrize('tables', [
    # Before the first is made, it is merged into the second.
    ['first: &first {<<: *base, sigma: 2}', 'second: {<<: *first, sigma: 3}'],
    ['first: [&first {<<: *base, sigma: 2}]', 'second: {<<: [*first, *base], sigma: 3}'],
    ['first: {<<: {<<: *base, sigma: 2}, sigma: 3}', 'second: {<<: *base}']])
def test_a_table_that_overrides_what_it_merges_may_be_merged_itself(tmp_path, tables):
    path = tmp_path / 'tables.yaml'
    lines = ['base: &base {sigma: 1}', *tables]
    path.write_text('\n'.join(lines))
    assert read_yaml(path) == yaml.safe_load('\n'.join(lines))
    path.write_text('\n'.join([*lines, 'third: {<<: *base, sigma: 4, sigma: 5}']))
    with pytest.raises(YamlError, match="the key 'sigma' is given twice"):
        read_yaml(path)
