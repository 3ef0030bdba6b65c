"""One self-contained HTML report of a run, with its tables (CSV) and plots (PNG) beside it."""

import base64
from collections.abc import Mapping
from collections.abc import Sequence
import csv
from dataclasses import dataclass
from dataclasses import field
from datetime import datetime
from datetime import UTC
import importlib.metadata
import importlib.resources
import io
import math
import os
from pathlib import Path
import platform
import time
from typing import Any

import jinja2
from matplotlib.figure import Figure
import numpy as np
from PIL import Image

from aim_ros.outputs import whole_file
from aim_ros.resources import package_version

Row = Mapping[str, Any]
"""A table's row: cells by column. Numbers stay numbers, so that a CSV has all their digits."""

_LIBRARIES = ('torch', 'openvino', 'onnxruntime', 'transformers', 'torchmetrics', 'numpy', 'scipy',
              'matplotlib')
_WIDE = 10
"""Columns that a page has room for."""


@dataclass(frozen=True)
class Provenance:
    """
    What is needed to make a report again.

    :param command: the command as it was typed.
    :param data: which part of which data was used, in words.
    :param seeds: the seeds of the noise, in words; None where nothing is drawn.
    :param checksums: sha256 by what it is of.
    :param started: when the run began, ISO 8601 in UTC.
    :param seconds: how long it took.
    """

    command: str
    data: str
    seeds: str | None
    checksums: Mapping[str, str]
    started: str
    seconds: float
    directory: str = field(default_factory=os.getcwd)
    machine: str = field(
        default_factory=lambda: f'{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs')
    versions: Mapping[str, str] = field(default_factory=lambda: _versions())


def _versions() -> dict[str, str]:
    """Return the versions of this package, Python and the libraries that figures depend on."""
    versions = {'aim_ros': package_version(), 'Python': platform.python_version()}
    for name in _LIBRARIES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = 'absent'
    return versions


class Report:
    """
    Collects what a run found, in the order in which it is to be read.

    :param folder: where everything is written; made if it is not there.
    :param title: heads the report.
    """

    def __init__(self, folder: str | Path, title: str):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.title = title
        self._parts: list[dict[str, Any]] = []
        self._started = time.monotonic()
        self._date = datetime.now(UTC).isoformat(timespec='seconds')

    def heading(self, text: str) -> None:
        """Begin a section."""
        self._parts.append({'kind': 'heading', 'text': text})

    def paragraph(self, text: str) -> None:
        """Add a paragraph of plain text."""
        self._parts.append({'kind': 'paragraph', 'text': text})

    def preformatted(self, text: str) -> None:
        """Add text whose lines and spaces stay as they are, for instance of a file."""
        self._parts.append({'kind': 'preformatted', 'text': text})

    def table(self, name: str, rows: Sequence[Row], caption: str, *, digits: int = 3) -> None:
        """
        Write ``<name>.csv`` and show the table: on its side where it would be too wide for a page.

        :param rows: at least one; all have the columns of the first.
        :param digits: decimals of the shown numbers; the CSV has all.
        """
        path = self.data(name, rows)
        columns = list(rows[0])
        lines = [columns, *([format_cell(row[column], digits) for column in columns]
                            for row in rows)]
        if len(lines) < len(columns) > _WIDE:
            lines = list(zip(*lines, strict=True))
        self._parts.append({'kind': 'table', 'caption': caption, 'file': path.name,
                            'columns': lines[0], 'rows': lines[1:]})

    def data(self, name: str, rows: Sequence[Row]) -> Path:
        """Write ``<name>.csv`` without showing it, and return its path."""
        path = self.folder / f'{name}.csv'
        with (whole_file(path) as partial,
              partial.open('w', newline='', encoding='utf-8') as file):
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        return path

    def link(self, name: str, text: str) -> None:
        """Link a file that lies in the folder."""
        self._parts.append({'kind': 'link', 'file': name, 'text': text})

    def figure(self, name: str, figure: Figure, caption: str) -> None:
        """Write ``<name>.png``, 200 dots an inch, and show it."""
        buffer = io.BytesIO()
        figure.savefig(buffer, format='png', dpi=200)
        self._picture(f'{name}.png', buffer.getvalue(), caption)

    def picture(self, name: str, image: np.ndarray, caption: str) -> None:
        """Write an image, RGB uint8 (H, W, 3), as ``<name>.jpg`` and show it."""
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, format='jpeg', quality=90)
        self._picture(f'{name}.jpg', buffer.getvalue(), caption)

    def _picture(self, name: str, content: bytes, caption: str) -> None:
        with whole_file(self.folder / name) as partial:
            partial.write_bytes(content)
        self._parts.append({
            'kind': 'picture', 'caption': caption, 'file': name,
            'type': 'image/png' if name.endswith('.png') else 'image/jpeg',
            'base64': base64.b64encode(content).decode('ascii')})

    def write(
        self, *, command: str, data: str, seeds: str | None, checksums: Mapping[str, str]
    ) -> Path:
        """
        Write ``report.html`` and return its path.

        The arguments are those of `Provenance`.
        """
        provenance = Provenance(
            command, data, seeds, checksums, self._date, time.monotonic() - self._started)
        template = importlib.resources.files(__package__).joinpath('report.html.j2')
        environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
        page = environment.from_string(template.read_text(encoding='utf-8')).render(
            title=self.title, parts=self._parts, provenance=provenance)
        path = self.folder / 'report.html'
        with whole_file(path) as partial:
            partial.write_text(page, encoding='utf-8')
        return path


def format_cell(value: Any, digits: int = 3) -> str:
    """Return a table's cell as people read it; a dash stands for NaN and None."""
    if value is None or (isinstance(value, float | np.floating) and math.isnan(value)):
        return '–'
    if isinstance(value, float | np.floating):
        return f'{value:.{digits}f}'
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return f'{value:,}'
    return str(value)
