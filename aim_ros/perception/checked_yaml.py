"""YAML that people write: read, and held against a form; what is wrong is said in a sentence."""

from collections.abc import Hashable
from collections.abc import Iterable
from collections.abc import Mapping
import math
from pathlib import Path
from typing import Any
from typing import TypeVar

import pydantic
import yaml

from aim_ros.plain_data import BoundedLoader
from aim_ros.plain_data import load_yaml
from aim_ros.plain_data import NO_SCALAR
from aim_ros.plain_data import shortened
from aim_ros.segmentation.labels import nearest


class YamlError(ValueError):
    """A file that cannot be used; the text says where, and what would be right."""


def read_yaml(path: Path) -> Any:
    """
    Return what a YAML file says.

    Its integers may be of any length: `fill` says what each is to be.

    :raises YamlError: it cannot be read, is no YAML, gives a key twice, or is nested deeper or
        stands for more than is meant.
    """
    try:
        return load_yaml(path, _UniqueKeyLoader, math.inf)
    except OSError as error:
        raise YamlError(f'{path}: cannot be read: {error.strerror or error}') from error
    except ValueError as error:
        raise YamlError(f'{path}: {error}') from error


class _UniqueKeyLoader(BoundedLoader):
    """
    A loader that says where a scalar is none of its tag, and refuses text that is none.

    It also refuses a key given twice, of which YAML would silently drop the first.
    """

    def __init__(self, stream):
        super().__init__(stream)
        self._flattened = set()

    def construct_object(self, node, deep=False):
        try:
            return super().construct_object(node, deep)
        except NO_SCALAR as error:
            if not isinstance(node, yaml.ScalarNode):
                raise
            # What the loader stumbled over is no explanation, but for what a ValueError says.
            why = f': {error}' if isinstance(error, ValueError) else ''
            raise yaml.constructor.ConstructorError(
                None, None, f'{shortened(node.value)} is no {node.tag.rpartition(":")[2]}{why}',
                node.start_mark) from error

    def construct_scalar(self, node):
        value = super().construct_scalar(node)
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise yaml.constructor.ConstructorError(
                None, None, f'{shortened(value)} is no text', node.start_mark) from error
        return value

    def flatten_mapping(self, node):
        # Each table that merges this one comes here with it, too; from the first time on it has
        # what it merges itself beside what it overrides that with.
        if node not in self._flattened:
            self._flattened.add(node)
            self._check_keys(node)
        super().flatten_mapping(node)

    def _check_keys(self, node):
        seen = set()
        for key_node, _ in node.value:
            # `<<` merges another mapping, and is no key itself.
            if key_node.tag == 'tag:yaml.org,2002:merge':
                continue
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, Hashable) and key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f'the key {shortened(key)} is given twice', key_node.start_mark)
            seen.add(key if isinstance(key, Hashable) else id(key_node))


class Form(pydantic.BaseModel):
    """
    What a mapping may say: its keys are the fields, and no others.

    Each field that is no form itself needs a description of what it wants, as in ``<key> must be
    <description>``.
    """

    model_config = pydantic.ConfigDict(extra='forbid', strict=True, frozen=True)


_Form = TypeVar('_Form', bound=Form)


def fill(form: type[_Form], body: Any, where: str) -> _Form:
    """
    Return `body` as `form`; one that is left empty is a mapping without keys.

    :param where: what `body` is, for messages.
    :raises YamlError: `body` has another form.
    """
    try:
        return form.model_validate({} if body is None else body)
    except pydantic.ValidationError as error:
        # A key that does not exist explains the most: often the others follow from it.
        mistake = min(error.errors(), key=lambda found: found['type'] not in _UNKNOWN_KEY)
        raise YamlError(_sentence(form, body, mistake, where)) from error


_UNKNOWN_KEY = ('extra_forbidden', 'invalid_key')


def _sentence(form: type[Form], body: Any, mistake: Mapping[str, Any], where: str) -> str:
    """Return one of pydantic's findings in `body` as a sentence for people."""
    kind, path = mistake['type'], mistake['loc']
    if kind in _UNKNOWN_KEY:
        key = mistake['input'] if kind == 'invalid_key' else path[-1]
        keys = tuple(_form_at(form, path[:-1]).model_fields)
        close = nearest(str(key), keys, 1)
        hint = f'did you mean {close[0]!r}?' if close else f'allowed: {", ".join(keys)}'
        return f'{_within(where, path[:-1])}: unknown key {shortened(key)}; {hint}'
    if kind == 'model_type':
        keys = ', '.join(_form_at(form, path).model_fields)
        return (f'{_within(where, path)}: expected a mapping with {keys}, '
                f'got {shortened(mistake["input"])}')
    # An element of a list is refused as the whole list.
    path = tuple(part for part in path if isinstance(part, str))
    wanted = _form_at(form, path[:-1]).model_fields[path[-1]].description
    for part in path:
        body = body[part]
    return f'{where}: {".".join(path)} must be {wanted}, got {shortened(body)}'


def _form_at(form: type[Form], path: Iterable[str]) -> type[Form]:
    for part in path:
        form = form.model_fields[part].annotation
    return form


def _within(where: str, path: Iterable[str]) -> str:
    return ', '.join((where, *path))
