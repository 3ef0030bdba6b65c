"""Writes what is set now as a driver profile into the user's file of profiles."""

from collections.abc import Mapping
from io import StringIO
import os
from pathlib import Path
import re
import shlex
import tempfile
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError

from aim_ros.nodes.segmentation.table import TABLE
from aim_ros.perception.profiles import ALERT_KEYS
from aim_ros.perception.profiles import CUSTOM
from aim_ros.perception.profiles import load_profiles
from aim_ros.perception.profiles import ProfileError
from aim_ros.plain_data import parse_yaml
from aim_ros.plain_data import read_text
from aim_ros.resources import share_directory

_DEFAULTS = {row.name: row.default for row in TABLE}
_FOCUS_KEYS = ('classes', 'suppress_classes', 'sigma', 'sampling', 'max_changed')
_NAME = re.compile(r'[A-Za-z][A-Za-z0-9_-]*')


class SaveError(ValueError):
    """A profile cannot be saved; the text says why, and what would be right."""


def users_file(environment: Mapping[str, str]) -> Path:
    """
    Return where a user's own profiles are kept.

    :param environment: of the process.
    """
    base = environment.get('XDG_CONFIG_HOME') or str(Path.home() / '.config')
    return Path(base) / 'aim_ros' / 'profiles.yaml'


def shipped_file() -> Path:
    """Return the file of profiles that ships."""
    return share_directory() / 'config' / 'profiles.yaml'


def profile_body(values: Mapping[str, Any], description: str = '') -> dict[str, Any]:
    """
    Return a profile that says what differs from the parameters' defaults.

    :param values: the values in force by their ROS names, lists as tuples.
    :return: as it stands in a file of profiles.
    """
    body: dict[str, Any] = {'description': description} if description else {}
    for part, keys in (('focus', _FOCUS_KEYS), ('alerts', ALERT_KEYS)):
        stated = {}
        for key in keys:
            value = values.get(f'{part}.{key}', _DEFAULTS[f'{part}.{key}'])
            if value != _DEFAULTS[f'{part}.{key}']:
                stated[key] = list(value) if isinstance(value, tuple) else value
        if stated:
            body[part] = stated
    return body


def left_out(values: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of changed parameters of the alerts that no profile can state."""
    return tuple(
        row.name for row in TABLE
        if row.driver_may and row.name.removeprefix('alerts.') not in ALERT_KEYS
        and values.get(row.name, row.default) != row.default)


def save_profile(path: Path, name: str, values: Mapping[str, Any], description: str = '',
                 template: Path | None = None) -> None:
    """
    Write the values in force as a profile; a profile of that name is replaced.

    Comments and the other profiles stay. The file is replaced whole, or not at all.

    :param path: the user's file; made where it is missing.
    :param name: of the profile: letters, digits, _ and -.
    :param values: by their ROS names, lists as tuples.
    :param template: file that a missing one begins as; None for the one that ships.
    :raises SaveError: the name cannot be taken, or the file cannot be read or written.
    """
    if not _NAME.fullmatch(name) or name == CUSTOM:
        raise SaveError(f'a profile is named by letters, digits, _ and -, begins with a letter, '
                        f'and is not {CUSTOM}; got {name!r}')
    source = path if path.exists() else template or shipped_file()
    if path.resolve() == shipped_file().resolve():
        raise SaveError(f'{path} ships with the package, and the next installation would replace '
                        'it: save to a file of your own')
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 100
    yaml.indent(mapping=2, sequence=4, offset=2)
    try:
        given = read_text(source)
        parse_yaml(given)  # what is beyond bounds, ruamel.yaml would go on with
        content = yaml.load(given)
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        raise SaveError(f'{source} cannot be read: {error}') from error
    except ValueError as error:
        raise SaveError(f'{source} {error}') from error
    profiles = content.get('profiles') if isinstance(content, CommentedMap) else None
    if not isinstance(profiles, CommentedMap):
        raise SaveError(f'{source} has no mapping "profiles:" of names to profiles')
    profiles[name] = profile_body(values, description)
    text = StringIO()
    yaml.dump(content, text)
    _replace(path, text.getvalue(), name)


def _replace(path: Path, text: str, name: str) -> None:
    """Put a file in place once its profile `name` was read back."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            new = Path(folder) / path.name
            new.write_text(text, encoding='utf-8')
            try:
                load_profiles(new).get(name)
            except ProfileError as error:
                raise SaveError(str(error).replace(str(new), str(path))) from error
            os.replace(new, path)
    except OSError as error:
        raise SaveError(f'{path} cannot be written: {error.strerror}') from error


def how_to_start(path: Path, name: str) -> tuple[str, str]:
    """Return the commands that start with a profile: the node, or the street and this page."""
    file = shlex.quote(str(path))
    return ('ros2 launch aim_ros perception.launch.py '
            f'profiles_file:={file} driver_profile:={name}',
            f'make live LIVE="--profiles-file {file} --driver-profile {name}"')
