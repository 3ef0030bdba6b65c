import csv
from dataclasses import replace
import math
import os
import re
from types import SimpleNamespace

import av
import cv2
import numpy as np
import pytest

from aim_ros.experiments.alerts_replay import choose
from aim_ros.experiments.alerts_replay import Drive
from aim_ros.experiments.alerts_replay import mask_labels
from aim_ros.experiments.alerts_replay import see
from aim_ros.experiments.alerts_replay import shoot
from aim_ros.experiments.alerts_replay import Shot
from aim_ros.experiments.alerts_report import write_videos
from aim_ros.experiments.alerts_scores import score
from aim_ros.experiments.alerts_tally import Tally
from aim_ros.experiments.alerts_transitions import due_transitions
from aim_ros.experiments.alerts_truth import contact_times
from aim_ros.experiments.alerts_truth import read_tracks
from aim_ros.experiments.alerts_truth import RoadUser
from aim_ros.experiments.alerts_truth import street_truth
from aim_ros.experiments.alerts_truth import Truth
from aim_ros.experiments.cli import main
from aim_ros.experiments.errors import ExperimentError
from aim_ros.hazards.alerts import Alert
from aim_ros.hazards.alerts import AlertReport
from aim_ros.hazards.alerts import AlertSettings
from aim_ros.hazards.alerts import Level
from aim_ros.media.street import Street
from aim_ros.perception.profiles import load_profiles
from aim_ros.resources import share_directory

SIZE, BOX, AWAY = (375, 1242), (100, 100, 40, 100), (800, 100, 40, 100)
SETTINGS = AlertSettings((11,))
SECONDS = np.arange(20) / 10


def user(box=BOX, track_id=1, required=True, kind='pedestrian', distance_m=10.0):
    return RoadUser(track_id, kind, box, required, distance_m)


def alert(box=BOX, track_id=7, kind='pedestrian', level=Level.WARN, **values):
    return Alert(track_id, kind, level, box, 11, 500, 0.9, **{'distance_m': 11.0, **values})


def play(frames, truth, **options):
    """Score frames of alerts, at 10 Hz, against the users of each frame."""
    before, reports = set(), []
    for alerts in frames:
        now = {one.track_id for one in alerts}
        reports.append(AlertReport(
            tuple(alerts), tuple(now - before), tuple(before - now)))
        before = now
    users = dict(enumerate(truth))
    return score(reports, np.arange(len(frames)) / 10,
                 Truth(users, options.pop('scored', None), options.pop('ignored', {}), **options),
                 SETTINGS, SIZE)


def test_a_drive_without_a_fault():
    row = play([[alert()]] * 11, [[user()]] * 11).row()
    assert (row['recall'], row['ids a road user'], row['road users an id']) == (1, 1, 1)
    assert (row['false alerts a minute'], row['time to raise p50 (s)']) == (0, 0)
    assert (row['IDF1'], row['wrong kinds']) == (1, 0)
    assert row['distance error p50'] == pytest.approx(0.1)
    assert row['transitions a second'] == row['of them due'] == pytest.approx(1.0)


def test_late_and_missed_road_users():
    frames = [[]] * 4 + [[alert()]] * 6
    row = play(frames, [[user(), user(AWAY, 2)]] * 10).row()
    assert row['recall'] == 0.5
    assert row['time to raise p50 (s)'] == pytest.approx(0.4)
    assert row['time to raise p90 (s)'] == pytest.approx(0.4)
    assert math.isinf(play([[]] * 10, [[user()]] * 10).row()['time to raise p50 (s)'])


def test_ids_that_change_and_ids_that_jump():
    frames = [[alert(track_id=1)]] * 5 + [[alert(track_id=2)]] * 5
    assert play(frames, [[user()]] * 10).row()['ids a road user'] == 2
    frames = [[alert(track_id=1)]] * 5 + [[alert(AWAY, 1)]] * 5
    assert play(frames, [[user(), user(AWAY, 2)]] * 10).row()['road users an id'] == 2
    # Once is not counted: whoever passes another may be taken for him for a moment.
    frames = [[alert(track_id=1)]] * 5 + [[alert(track_id=2)]] + [[alert(track_id=1)]] * 5
    assert play(frames, [[user()]] * 11).row()['ids a road user'] == 1


@pytest.mark.parametrize(('frames', 'ids'), [(2, 1), (3, 2)])
def test_an_alert_over_two_people_hides_one_of_them(frames, ids):
    both, second = (100, 100, 80, 100), (140, 100, 40, 100)
    alone, together = [alert(BOX)], [alert(both)]
    row = play([alone] * 7 + [together] * frames,
               [[user()]] * 7 + [[user(), user(second, 2)]] * frames).row()
    assert row['road users an id'] == ids
    assert row["hidden by another's alert"] == pytest.approx(frames / (7 + 2 * frames))


@pytest.mark.parametrize(('second', 'hides'), [
    ((160, 100, 40, 100), True), ((161, 100, 40, 100), False), ((200, 100, 40, 100), False)],
    ids=['half of it in the box', 'less', 'beside'])
def test_who_is_beside_the_alert_of_another_is_missed_and_not_hidden(second, hides):
    row = play([[alert((100, 100, 80, 100))]] * 10, [[user(), user(second, 2)]] * 10).row()
    assert row["hidden by another's alert"] == 0.5 * hides
    assert row['road users an id'] == 1 + hides


def test_who_has_an_alert_or_need_not_be_raised_is_not_hidden():
    both, second = (100, 100, 80, 100), (140, 100, 40, 100)
    for alerts, other in (([alert(both), alert(second, 8)], user(second, 2)),
                          ([alert(both)], user(second, 2, required=False))):
        row = play([alerts] * 10, [[user(), other]] * 10).row()
        assert (row["hidden by another's alert"], row['road users an id']) == (0, 1)
    # Nor is he hidden whom a false alert covers.
    row = play([[alert((0, 0, 900, 300))]] * 10, [[user()]] * 10).row()
    assert row["hidden by another's alert"] == 0


@pytest.mark.parametrize(('gap', 'ids'), [(5, 2), (6, 1)])
def test_who_was_out_of_sight_for_longer_than_alerts_last_may_come_back_as_another(gap, ids):
    # From the last frame before four empty ones to the first after them it is `clear_after`.
    gap -= 1
    frames = [[alert(track_id=1)]] * 5 + [[]] * gap + [[alert(track_id=2)]] * 5
    for hidden in ([], [user(required=False)]):
        row = play(frames, [[user()]] * 5 + [hidden] * gap + [[user()]] * 5).row()
        assert row['ids a road user'] == ids
    # Frames without labels are no gap.
    scored = frozenset((*range(5), *range(5 + gap, 10 + gap)))
    row = play(frames, [[user()]] * (10 + gap), scored=scored).row()
    assert row['ids a road user'] == 2


def test_false_alerts_are_counted_once_each():
    tally = play([[alert(), alert(AWAY, 8)]] * 13, [[user()]] * 13)
    assert tally.false_alerts == 1
    assert tally.row()['false alerts a minute'] == pytest.approx(60 / 1.2)
    assert tally.row()['frames that show nothing'] == 0.5


@pytest.mark.parametrize('truth', [
    {'ignored': {index: [(700, 50, 300, 300)] for index in range(10)}},
    {'unlabelled': frozenset({'pedestrian'})},
])
def test_what_the_labels_do_not_know_is_not_false(truth):
    assert play([[alert(AWAY)]] * 10, [[user()]] * 10, **truth).false_alerts == 0


def test_alerts_of_those_that_need_not_be_raised_are_not_false():
    small = user(AWAY, 2, required=False)
    tally = play([[alert(AWAY)]] * 10, [[user(), small]] * 10)
    assert (tally.false_alerts, tally.road_users) == (0, 1)


def test_only_labelled_frames_are_scored():
    tally = play([[alert(AWAY)]] * 5 + [[alert()]] * 5, [[user()]] * 10,
                 scored=frozenset(range(5, 10)))
    assert tally.row()['recall'] == 1
    assert tally.scored_seconds == pytest.approx(0.45)


@pytest.mark.parametrize(('seen', 'due'), [
    (range(20), 1),
    (range(5, 12), 2),
    (range(5, 18), 1),
    ([*range(2, 6), *range(12, 20)], 3),
    ([*range(2, 6), *range(9, 20)], 1),
    (range(5, 7), 0),
], ids=['stays', 'comes and goes', 'goes at the end', 'comes again', 'is hidden for a moment',
        'is hardly seen'])
def test_transitions_that_road_users_make_themselves(seen, due):
    truth = Truth({index: (user(required=False),) for index in seen}, None, {})
    assert due_transitions(truth, SECONDS, SETTINGS) == due


def test_who_is_too_small_and_frames_without_labels_make_no_transition():
    small = Truth({index: (user((100, 100, 5, 15)),) for index in range(20)}, None, {})
    assert due_transitions(small, SECONDS, SETTINGS) == 0
    shown = {index: (user(),) for index in range(20) if not 5 <= index < 15}
    assert due_transitions(Truth(shown, None, {}), SECONDS, SETTINGS) == 3
    assert due_transitions(Truth(shown, frozenset(shown), {}), SECONDS, SETTINGS) == 1


def test_errors_are_right_while_somebody_is_near_in_the_corridor_and_a_second_after():
    near = (580, 180, 60, 190)
    who = [[user(near, distance_m=8.0)]] * 10 + [[]] * 15
    frames = [[alert(near, level=Level.ERROR)]] * 25
    row = play(frames, who).row()
    assert row['ERROR recall'] == 1
    assert row['ERROR precision'] == pytest.approx(20 / 25, abs=0.05)


def test_tallies_add_up():
    one = play([[alert()]] * 11, [[user()]] * 11)
    assert (one + one).road_users == 2
    assert (Tally() + one).row() == pytest.approx(one.row(), nan_ok=True)


def test_contact_is_exact_where_distances_are():
    exact = replace(user(), exact=True)
    truth = Truth({i: [replace(exact, distance_m=20.0 - i)] for i in range(5)}, None, {})
    times = contact_times(truth, np.arange(5) / 10)
    assert times[2, 1] == pytest.approx(1.8)
    assert (0, 1) not in times


def test_tracks_of_the_drives(shared_data):
    truth = read_tracks(shared_data / 'kitti_raw' / 'seq_a' / 'tracks.csv')
    assert len(truth.scored) == 108
    cyclists = {one.track_id for users in truth.users.values() for one in users
                if one.kind == 'cyclist'}
    assert cyclists == {1, 2, 5, 6, 7}
    assert all(one.box[3] >= 40 for users in truth.users.values() for one in users if one.required)
    assert truth.is_ignored(20, (900, 100, 50, 100))
    assert not truth.is_ignored(30, (900, 100, 50, 100))


def test_a_file_that_is_no_tracks(tmp_path):
    with pytest.raises(ExperimentError, match='cannot be read'):
        read_tracks(tmp_path / 'none.csv')
    os.mkfifo(tmp_path / 'pipe')
    with pytest.raises(ExperimentError, match='cannot be read: it is a pipe, a device or a sock'):
        read_tracks(tmp_path / 'pipe')
    (tmp_path / 'wrong.csv').write_text('frame,who\n1,2\n')
    with pytest.raises(ExperimentError, match='expected the columns frame, track_id'):
        read_tracks(tmp_path / 'wrong.csv')


@pytest.mark.parametrize(('name', 'content', 'said'), [
    ('tracks.csv', b'frame,track_id\n1,\xff\n', 'is no table: .*utf-8'),
    ('tracks.csv', b'frame\n' + b'1' * 200_000, 'is no table: field larger than'),
    ('labelled_frames.txt', b'1 2 three', 'expected numbers of frames .*three'),
    ('labelled_frames.txt', b'1 \xff', 'expected numbers of frames .*utf-8'),
    ('ignore.csv', b'frame_first,frame_last\n1,2\n', 'expected the columns frame_first'),
    ('ignore.csv', b'frame_first,frame_last,x1,y1,x2,y2\n1,1000000000000,0,0,9,9\n',
     'expected 1000000 frames at most, got 1000000000000 up to'),
    ('ignore.csv', b'frame_first,frame_last,x1,y1,x2,y2\n' + 3 * b'1,400000,0,0,9,9\n',
     'expected 1000000 frames at most, got 1200000 up to'),
    ('ignore.csv', b'\xff\xfe', 'is no table: .*utf-8')])
def test_a_file_of_tracks_that_is_malformed_is_named(tmp_path, name, content, said):
    (tmp_path / 'tracks.csv').write_text('frame,track_id\n')
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ExperimentError, match=f'^{tmp_path / name}:? {said}'):
        read_tracks(tmp_path / 'tracks.csv')


def test_the_street_knows_its_road_users():
    truth = street_truth(Street(seed=1, frames=4, size=(188, 621)))
    assert set(truth.users) == {0, 1, 2, 3}
    assert {one.kind for users in truth.users.values() for one in users} >= {'pedestrian'}


def test_fragments_are_joined_up_to_the_gap_that_is_asked_for():
    labels, mask = mask_labels(), np.zeros((100, 200), np.uint8)
    mask[20:50, 40:60] = labels.resolve(['rider'])[0]
    mask[60:80, 40:60] = labels.resolve(['bicycle'])[0]
    shots = [Shot(0, mask.shape, None, None, mask)]
    neutral = choose(load_profiles(share_directory() / 'config' / 'profiles.yaml').get('neutral'),
                     labels)
    for max_gap, count in ((0.2, 2), (0.4, 1)):
        (sight, _), = see(shots, neutral, labels, max_gap=max_gap)
        assert len(sight.regions) == count


def test_the_command_writes_a_report(tmp_path, capsys):
    code = main(['alerts', '--source', 'street:seed=1,frames=12,size=188x621', '--masks', 'labels',
                 '--profile', 'neutral', '--max-gap', '0.1', '--out', str(tmp_path)])
    assert code == 0, capsys.readouterr().err
    for name in ('report.html', 'profiles.csv', 'curves.csv', 'drives.csv', 'curves.png'):
        assert (tmp_path / name).stat().st_size > 0
    assert 'Seeds' not in (tmp_path / 'report.html').read_text()


def test_times_to_contact_of_exact_masks_are_those_of_the_street(tmp_path, capsys):
    """What the street knows exactly; with the network's masks it is told less often, and worse."""
    code = main(['alerts', '--source', 'street:seed=4,frames=60', '--masks', 'labels',
                 '--profile', 'neutral', '--no-video', '--out', str(tmp_path)])
    assert code == 0, capsys.readouterr().err
    with (tmp_path / 'profiles.csv').open() as file:
        row, = csv.DictReader(file)
    # Of the frames in which contact is less than 5 s away, and of those in which it is told.
    assert float(row['ttc measured']) >= 0.5
    assert float(row['ttc within 20 %']) >= 0.75


def test_each_profile_has_a_video_that_the_report_links(tmp_path, capsys):
    # Two sources of one name.
    source = 'street:seed=1,frames=3,size=96x320'
    code = main(['alerts', '--source', source, source, '--masks', 'labels',
                 '--profile', 'neutral', 'defensive', '--out', str(tmp_path)])
    assert code == 0, capsys.readouterr().err
    names = {f'street_seed_1_frames_3_size_96x320_{profile}{number}.mp4'
             for profile in ('neutral', 'defensive') for number in ('', '_2')}
    assert {path.name for path in tmp_path.glob('*.mp4')} == names
    page = (tmp_path / 'report.html').read_text()
    assert set(re.findall('<a href="(.*?)">', page)) == names
    assert f'{source}, defensive</a>' in page


def test_videos_of_several_profiles_play_the_drive_once_and_differ(tmp_path):
    street, played = Street(seed=1, frames=2, size=(96, 320)), []
    frames = street.frames
    source = SimpleNamespace(frames=lambda: played.append(1) or frames())
    reports = {'neutral': [AlertReport((), (), ())] * 2,
               'city': [AlertReport((alert((100, 20, 40, 60), level=Level.ERROR),), (), ())] * 2}
    videos = {name: tmp_path / f'{name}.mp4' for name in reports}
    write_videos(videos, Drive('street', source, street_truth(street)), reports, mask_labels())
    assert len(played) == 1
    films = {}
    for name, path in videos.items():
        with av.open(str(path)) as container:
            films[name] = [one.to_ndarray(format='rgb24') for one in container.decode(video=0)]
    assert [len(film) for film in films.values()] == [2, 2]
    # The red box's left edge is in one of them alone.
    red = {name: film[0][30:70, 99:103].astype(int) for name, film in films.items()}
    assert {name: bool((r[..., 0] - r[..., 1]).max() > 80) for name, r in red.items()} == {
        'neutral': False, 'city': True}


def test_a_drive_of_several_sizes_is_refused_in_a_sentence(tmp_path):
    street = Street(seed=1, frames=2, size=(96, 320))
    frames = list(street.frames())
    small = replace(frames[1], image=frames[1].image[:48].copy(), labels=frames[1].labels[:48])
    drive = Drive('drive', SimpleNamespace(frames=lambda: iter((frames[0], small))),
                  street_truth(street))
    with pytest.raises(ExperimentError, match='several sizes, 320x96, 320x48'):
        shoot(drive, None)


def test_an_exact_mask_of_another_size_is_refused_in_a_sentence(tmp_path):
    street = Street(seed=1, frames=1, size=(96, 320))
    cv2.imwrite(str(tmp_path / '0000000000.png'), np.zeros((96, 300), np.uint8))
    drive = Drive('drive', street, street_truth(street), tmp_path)
    with pytest.raises(ExperimentError, match='has 300x96 pixels, its image 320x96'):
        shoot(drive, None)


def test_a_drive_without_tracks(shared_data, tmp_path, capsys):
    assert main(['alerts', '--source', str(shared_data / 'kitti_raw' / 'seq_a'), '--masks',
                 'labels', '--out', str(tmp_path)]) == 1
    assert 'give --tracks' in capsys.readouterr().err
