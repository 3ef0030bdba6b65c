r"""
What the package makes of a drive under every profile, as hashes.

For changes that must change nothing:

    python -m benchmarks.fingerprint --drive ../shared/data/kitti_raw/seq_a --out before.csv
    python -m benchmarks.fingerprint --drive ../shared/data/kitti_raw/seq_a --out after.csv \
        --against before.csv

One line a frame and profile: hashes of the mask and of everything that the alerts say. Exits with
1 where a line differs from `--against`. Checkpoint, device and machine must be the same.
"""

import argparse
import csv
import hashlib
from pathlib import Path
import sys

import torch

from aim_ros.hazards.alerts import AlertSettings
from aim_ros.hazards.geometry import GroundCamera
from aim_ros.media.sources import open_source
from aim_ros.modulation import Modulation
from aim_ros.perception.pipeline import Pipeline
from aim_ros.perception.profiles import DriverProfile
from aim_ros.perception.profiles import load_profiles
from aim_ros.perception.settings import Settings
from aim_ros.resources import share_directory
from aim_ros.segmentation.segmenter import Segmenter

FIELDS = ('drive', 'profile', 'frame', 'mask', 'alerts')
REQUIRED = ('people', 'two_wheelers')


def settings_of(profile: DriverProfile, labels) -> Settings:
    """Return what a node with default parameters has in force under `profile`."""
    stated = dict(profile.alerts)
    class_ids = labels.resolve((*REQUIRED, *stated.pop('classes', ())))
    return Settings(
        revision=1,
        profile=profile.name,
        modulation=Modulation(profile.signs(labels), profile.sigma, profile.sampling),
        alerts=AlertSettings(class_ids, **stated),
        max_changed=1.0 if profile.max_changed is None else profile.max_changed)


def fingerprints(drive: str, model: str):
    """Yield a row of `FIELDS` for each profile and frame of a drive."""
    segmenter = Segmenter(
        model, device='cpu', engine='torch', precision='fp32', input_size=(192, 640))
    profiles = load_profiles(share_directory() / 'config' / 'profiles.yaml').profiles
    for profile in profiles.values():
        settings = settings_of(profile, segmenter.labels)
        pipeline = Pipeline(segmenter)
        for item in open_source(drive).frames():
            camera = item.camera_model
            ground = {'camera': GroundCamera(
                camera.fx, camera.fy, camera.cx, camera.cy, height=1.65, pitch=0.0)}
            perception, = pipeline.process([item], settings, ground=ground)
            # Numbers by their exact value, and no name of a class or field.
            alerts = [
                (alert.track_id, alert.class_id, *alert.box, alert.area,
                 float(alert.confidence).hex(), float(alert.modulated_share).hex(),
                 int(alert.level), alert.in_corridor, alert.near, float(alert.distance_m).hex(),
                 float(alert.bearing_deg).hex(), alert.truncated, alert.age_s, alert.unseen_s)
                for alert in perception.report.alerts]
            yield {'drive': Path(drive).name, 'profile': profile.name, 'frame': item.index,
                   'mask': _hash(perception.mask.tobytes()),
                   'alerts': _hash(repr(alerts).encode())}


def _hash(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=12).hexdigest()


def main(args: list[str] | None = None) -> int:
    """Write the fingerprints; return 1 where they differ from those given."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--drive', action='append', required=True, help='may be given again')
    parser.add_argument('--model', default='segformer-b0-street')
    parser.add_argument('--out', type=Path, required=True, help='CSV to write')
    parser.add_argument('--against', type=Path, help='CSV to compare with')
    options = parser.parse_args(args)
    torch.set_num_threads(1)
    rows = [row for drive in options.drive for row in fingerprints(drive, options.model)]
    with options.out.open('w', newline='') as file:
        writer = csv.DictWriter(file, FIELDS)
        writer.writeheader()
        writer.writerows(rows)
    print(f'{len(rows)} frames under profiles written to {options.out}')
    if options.against is None:
        return 0
    with options.against.open(newline='') as file:
        before = list(csv.DictReader(file))
    after = [{key: str(value) for key, value in row.items()} for row in rows]
    differing = [row for row, old in zip(after, before, strict=False) if row != old]
    if len(after) != len(before) or differing:
        print(f'{len(differing)} of {len(after)} lines differ, {len(before)} were expected')
        for row in differing[:10]:
            print('  ' + ', '.join(row.values()))
        return 1
    print(f'all {len(after)} lines are the same')
    return 0


if __name__ == '__main__':
    sys.exit(main())
