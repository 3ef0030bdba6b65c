"""The alerts of recordings as Parquet, which DuckDB, Polars and pandas open."""

from collections.abc import Iterable
from collections.abc import Mapping
import math
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
from pyarrow import parquet

from aim_ros.outputs import whole_file
from aim_ros.perception.alert_report import area_share
from aim_ros.perception.pipeline import Perception

FOLDER = 'alerts'
"""In the folder of the results: one file for each drive and profile, in hive partitions."""

PARTITIONS = ('drive', 'profile')

_PACKED_ROWS = 10_000

SCHEMA = pa.schema([
    ('drive', pa.string()),
    ('profile', pa.string()),
    ('stamp', pa.timestamp('ns')),
    ('camera', pa.string()),
    ('road_user', pa.int32()),
    ('kind', pa.string()),
    ('level', pa.string()),
    ('distance_m', pa.float64()),
    ('ttc_s', pa.float64()),
    ('area_share', pa.float64()),
    ('modulated_share', pa.float64()),
    ('changed_share', pa.float64()),
    ('confidence', pa.float64()),
    ('emphasised', pa.bool_()),
    ('coasting', pa.bool_()),
    ('near', pa.bool_()),
    ('in_corridor', pa.bool_()),
    ('x', pa.int32()),
    ('y', pa.int32()),
    ('width', pa.int32()),
    ('height', pa.int32()),
    ('versions', pa.string()),
])
"""
One row for each road user that is raised in a frame; a frame without any has one, of level OK.

Stamps are UTC; what is not known is null.
"""


def rows_of(perception: Perception, drive: str, versions: str) -> list[dict[str, Any]]:
    """Return the rows of one frame."""
    frame, report = perception.frame, perception.report
    common = {
        'drive': drive, 'profile': perception.settings.profile, 'stamp': frame.stamp_ns,
        'camera': frame.camera, 'changed_share': perception.changed_share, 'versions': versions}
    if not report.alerts:
        return [{**common, 'level': report.level.name}]
    return [{
        **common,
        'road_user': alert.track_id,
        'kind': alert.kind,
        'level': alert.level.name,
        'distance_m': _known(alert.distance_m),
        'ttc_s': _known(alert.ttc_s),
        'area_share': area_share(alert, frame.size),
        'modulated_share': alert.modulated_share,
        'confidence': alert.confidence,
        'emphasised': alert.emphasised,
        'coasting': alert.coasting,
        'near': alert.near,
        'in_corridor': alert.in_corridor,
        **dict(zip(('x', 'y', 'width', 'height'), alert.box, strict=True)),
    } for alert in report.alerts]


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def write(rows: Iterable[Mapping[str, Any]], path: Path, schema: pa.Schema) -> None:
    """Write rows as one file that is whole or not there."""
    _write(pa.Table.from_pylist(list(rows), schema), path)


class Partition:
    """
    The rows of one drive and profile, kept as columns, which take a tenth of the memory.

    :param drive: the recording's name.
    :param profile: the driver profile's.
    :param versions: see `rows_of`.
    """

    def __init__(self, drive: str, profile: str, versions: str):
        self._drive, self._profile, self._versions = drive, profile, versions
        self._rows: list[dict[str, Any]] = []
        self._packed: list[pa.Table] = []

    @property
    def loose(self) -> int:
        """How many rows are not kept as columns yet."""
        return len(self._rows)

    def add(self, perception: Perception) -> None:
        """Take in a frame."""
        self._rows += rows_of(perception, self._drive, self._versions)
        if self.loose >= _PACKED_ROWS:
            self._pack()

    def write(self, out: Path) -> None:
        """
        Write all rows into their place.

        :param out: the folder of the results.
        """
        self._pack()
        _write(pa.concat_tables(self._packed), partition(out, self._drive, self._profile))

    def _pack(self) -> None:
        # In a partition its columns stand in the names of the folders alone.
        self._packed.append(
            pa.Table.from_pylist(self._rows, SCHEMA).drop_columns(list(PARTITIONS)))
        self._rows = []


def partition(out: Path, drive: str, profile: str) -> Path:
    """Return the file of one drive and profile."""
    folders = (f'{key}={quote(value, safe=" ")}'
               for key, value in zip(PARTITIONS, (drive, profile), strict=True))
    return out.joinpath(FOLDER, *folders, 'alerts.parquet')


def _write(table: pa.Table, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as partial:
        parquet.write_table(table, partial)
