import csv
import re

import numpy as np
import pytest
from recording_scenes import truncated
from recording_scenes import write_scenes

from aim_ros.hazards.alerts import Alert
from aim_ros.hazards.alerts import Level
from aim_ros.hazards.emphasis import FIRST_ID
from aim_ros.recordings.process_bag import main

parquet = pytest.importorskip(
    'pyarrow.parquet',
    reason='pyarrow is not installed: pip install -r requirements-fleet.txt')
pytest.importorskip(
    'matplotlib', reason='matplotlib is not installed: '
    'pip install -r requirements-experiments.txt')

PROFILES = """\
profiles:
  neutral: {}
  strong:
    focus: {classes: [people], sigma: 6.0, sampling: expected}
  wide:
    alerts: {classes: [vehicles, signals, greenery], min_area: 20, raise_after: 0.0}
"""


@pytest.fixture
def compare(tmp_path, network):
    """Return a function that compares profiles on recordings, into ``results``."""
    (tmp_path / 'profiles.yaml').write_text(PROFILES)

    def compare(*bags, profiles='neutral,strong,wide', out='results') -> int:
        return main([*map(str, bags), '--out', str(tmp_path / out), '--compare', profiles,
                     '--profiles-file', str(tmp_path / 'profiles.yaml'), *network])
    return compare


def test_each_profile_is_as_if_it_were_alone(tmp_path, compare, network):
    bag = write_scenes(tmp_path / 'drive', 8, ('left', 'right'))
    assert compare(bag) == 0
    rows = parquet.read_table(tmp_path / 'results' / 'compare.parquet').to_pylist()
    for profile in ('neutral', 'strong', 'wide'):
        assert main([
            str(bag), '--out', str(tmp_path / profile), '--profile', profile, '--table',
            '--profiles-file', str(tmp_path / 'profiles.yaml'), *network]) == 0
        alone = parquet.read_table(tmp_path / profile / 'alerts').to_pylist()
        # The table of one profile has partitions for columns, in another order.
        compared = [{key: row[key] for key in alone[0]} for row in rows
                    if row['profile'] == profile]
        assert compared == alone


def test_the_page_shows_what_differs(tmp_path, compare):
    assert compare(write_scenes(tmp_path / 'drive', 20)) == 0
    folder = tmp_path / 'results'
    page = (folder / 'report.html').read_text()
    for heading in ('By profile', 'First sight of each road user', 'Moments that differ'):
        assert f'<h2>{heading}</h2>' in page
    assert '--compare neutral,strong,wide' in page
    pictures = sorted(folder.glob('moment_*.jpg'))
    assert pictures
    assert len(re.findall('<img src="data:image/jpeg', page)) == len(pictures)
    with (folder / 'profiles.csv').open() as file:
        by_profile = {row['profile']: row for row in csv.DictReader(file)}
    assert float(by_profile['neutral']['changed %']) == 0
    assert float(by_profile['strong']['changed %']) > 0
    assert float(by_profile['wide']['changed %']) == 0
    with (folder / 'first_sights.csv').open() as file:
        for row in csv.DictReader(file):
            # What the unmodulated network sees, no profile tells of later.
            if row['neutral']:
                assert float(row['wide']) <= float(row['neutral'])


def test_the_same_profile_twice_differs_nowhere(tmp_path, compare):
    (tmp_path / 'profiles.yaml').write_text('profiles:\n  one: {}\n  other: {}\n')
    assert compare(write_scenes(tmp_path / 'drive'), profiles='one,other') == 0
    assert '0 moments in which alerts differ' in (tmp_path / 'results/report.html').read_text()
    rows = parquet.read_table(tmp_path / 'results' / 'compare.parquet').to_pylist()
    one, other = ([{**row, 'profile': ''} for row in rows if row['profile'] == name]
                  for name in ('one', 'other'))
    assert one == other


def test_damage_and_failures_are_reported(tmp_path, compare, capsys):
    bags = [truncated(write_scenes(tmp_path / 'cut', 120)), write_scenes(tmp_path / 'whole', 2)]
    assert compare(*bags) == 2
    bad = write_scenes(tmp_path / 'bad', 2)
    (bad / 'bad.mcap').write_bytes(b'no recording')
    assert compare(bad, out='nothing') == 1
    assert not (tmp_path / 'nothing').exists()


@pytest.mark.parametrize(('profiles', 'said'), [
    ('neutral', 'two profiles or more'), ('neutral,sport', "unknown driver profile 'sport'")])
def test_wrong_profiles_are_reported(tmp_path, compare, capsys, profiles, said):
    assert compare(write_scenes(tmp_path / 'drive', 2), profiles=profiles) == 1
    assert said in capsys.readouterr().err


def alert(track_id: int, box: tuple[int, int, int, int] = (10, 10, 20, 40)) -> Alert:
    return Alert(track_id, 'pedestrian', Level.WARN, box, 11, 500, 0.5,
                 emphasised=track_id >= FIRST_ID)


def test_road_users_are_the_same_under_several_profiles():
    from aim_ros.recordings.moments import Identities
    identities = Identities()
    first = identities.of('neutral', alert(1), 0)
    assert identities.of('city', alert(1), 0) == first
    # Beside it, and in its place: two people, since the same profile tells of both.
    second = identities.of('neutral', alert(2, (14, 10, 20, 40)), 0)
    assert second != first
    # Seen by modulation alone, under two profiles by two ids, a frame apart.
    third = identities.of('city', alert(FIRST_ID, (60, 10, 20, 40)), 0)
    assert identities.of('defensive', alert(FIRST_ID + 7, (61, 10, 20, 40)), 10**8) == third
    assert identities.of('city', alert(FIRST_ID, (64, 10, 20, 40)), 10**8) == third
    # Found by the unmodulated decision later.
    assert identities.of('neutral', alert(3, (64, 10, 20, 40)), 2 * 10**8) == third
    # Much later, in the same place: another one.
    assert identities.of('neutral', alert(4, (64, 10, 20, 40)), 10**10) not in (
        first, second, third)


def test_a_moment_is_a_run_of_frames_that_differ():
    from types import SimpleNamespace

    from aim_ros.imaging.frame import Frame
    from aim_ros.recordings.moments import importance
    from aim_ros.recordings.moments import Moments

    def perceptions(now_ns: int) -> dict:
        frame = Frame(np.zeros((40, 60, 3), np.uint8), stamp_ns=now_ns)
        one = SimpleNamespace(
            frame=frame, mask=np.zeros((40, 60), np.uint8),
            report=SimpleNamespace(alerts=(), level=Level.OK))
        return {'neutral': one, 'city': one}

    annotator = SimpleNamespace(annotate=lambda image, mask, alerts: image)
    moments = Moments('drive', 'camera', annotator)
    same, warned, worse = {1: Level.WARN}, {1: Level.WARN, 2: Level.WARN}, {2: Level.ERROR}
    for tenth, levels in ((0, same), (1, warned), (2, same), (3, worse), (4, same), (20, warned)):
        moments.add(perceptions(tenth * 10**8), {'neutral': same, 'city': levels})
    first, second = moments.found
    assert (first.start_ns, first.end_ns, first.stamp_ns) == (10**8, 3 * 10**8, 3 * 10**8)
    assert (first.score, second.score) == ((2, 2), (1, 1))
    assert first.picture
    assert sorted(moments.found, key=importance) == [first, second]
