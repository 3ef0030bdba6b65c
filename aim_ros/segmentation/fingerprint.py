"""What a model on this machine is made of, as one number."""

from collections.abc import Iterable
import hashlib
import mmap
import os
from pathlib import Path
import re

from aim_ros.plain_data import parse_json
from aim_ros.segmentation.checkpoint import find_checkpoint
from aim_ros.segmentation.checkpoint import is_exported

_WEIGHTS = ('.safetensors', '.bin')

_LOCATION = re.compile(rb'\n\x08location\x12([\x80-\xff]?[\x00-\x7f])', re.DOTALL)
"""In an ONNX file, what precedes the name of a file with weights: key, and length as a varint."""


def fingerprint(model: str) -> str | None:
    """
    Return a sha256 over a model's files, None where its weights are not on this machine yet.

    :param model: a local folder, an ONNX file, the name of a shipped model, or a hub id.
    :raises ModelError: there is no such model.
    """
    place = find_checkpoint(model)
    if is_exported(place):
        return _hash(_exported_files(Path(place)))
    folder = Path(place) if os.path.isdir(place) else _snapshot(place)
    if folder is None or not _has_weights(folder):
        return None
    return _hash(path for path in sorted(folder.iterdir())
                 if path.is_file() and path.suffix in ('.json', *_WEIGHTS))


def _snapshot(hub_id: str) -> Path | None:
    """Return the folder of what is here of a repository of the hub; maybe a part of it."""
    from huggingface_hub import try_to_load_from_cache

    try:
        config = try_to_load_from_cache(hub_id, 'config.json')
    except ValueError:
        # No name that the hub allows.
        return None
    return Path(config).parent if isinstance(config, str) else None


def _has_weights(folder: Path) -> bool:
    """Return whether a folder has weights, and all of those that an index there names."""
    for index in folder.glob('*.index.json'):
        try:
            names = set(parse_json(index.read_text())['weight_map'].values())
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
        if any((folder / name).is_file() for name in names):
            return all((folder / name).is_file() for name in names)
    return any(path.suffix in _WEIGHTS and path.name != 'training_args.bin' and path.is_file()
               for path in folder.iterdir())


def _exported_files(path: Path) -> list[Path]:
    """Return an ONNX file, its description beside it, and the files in which its weights are."""
    if not path.stat().st_size:
        return [path]
    with path.open('rb') as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        names = set()
        for found in _LOCATION.finditer(content):
            *low, high = found[1]
            length = high << 7 | low[0] & 0x7F if low else high
            names.add(os.fsdecode(content[found.end():found.end() + length]))
    others = (path.with_suffix('.yaml'), *(path.parent / name for name in sorted(names)))
    return [path, *(other for other in others if other.is_file())]


def _hash(paths: Iterable[Path]) -> str:
    total = hashlib.sha256()
    for path in paths:
        with path.open('rb') as file:
            digest = hashlib.file_digest(file, 'sha256').hexdigest()
        total.update(f'{path.name} {digest}\n'.encode(errors='surrogateescape'))
    return total.hexdigest()
