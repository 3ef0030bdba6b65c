"""What a comparison of profiles gives."""

from dataclasses import dataclass
from dataclasses import field
from typing import Any

import pyarrow as pa

from aim_ros.recordings import tables
from aim_ros.recordings.moments import Moment
from aim_ros.recordings.summary import Tally

TABLE = 'compare.parquet'

SCHEMA = tables.SCHEMA.append(pa.field('same_road_user', pa.int32()))
"""`same_road_user`: a number within drive and camera that is the same under every profile."""


@dataclass
class Compared:
    """
    What was found in recordings under several profiles.

    :param rows: of the table, by the columns of `SCHEMA`.
    :param tallies: the counts of each recording, by drive and profile.
    :param moments: where the profiles differ.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    tallies: dict[tuple[str, str], Tally] = field(default_factory=dict)
    moments: list[Moment] = field(default_factory=list)
