"""Who is who in a crowd: tracks whose places were mistaken get their identities back by colour."""

import numpy as np

from aim_ros.hazards.assignment import solver
from aim_ros.hazards.colours import differences
from aim_ros.hazards.colours import SHAPE
from aim_ros.hazards.groups import VULNERABLE
from aim_ros.hazards.pairs import connected
from aim_ros.hazards.pairs import neighbours
from aim_ros.hazards.pairs import shared
from aim_ros.hazards.pixels import Pixels
from aim_ros.hazards.splitting import MIN_PIXELS
from aim_ros.hazards.table import side_by_side
from aim_ros.hazards.tracks import Tracks

_CLOSE = 0.25
"""Two may be mistaken for each other if they are no farther apart, in shares of their heights."""

_ACROSS, _DOWN, _SIZE = 1.0, 0.4, 0.5
"""How far somebody may be from where the track was that bears the id, in shares of the height, and
how much the height may differ, as a logarithm."""

_UNKNOWN = 0.3
"""How different somebody is from whom nobody knows, or who is not seen: more than people are from
themselves (97 % below 0.2), less than most are from others (90 % above 0.3), on the street."""

_MARGIN, _MARGIN_UNSEEN = 0.1, 0.05
"""By how much better the colours have to fit for each id that changes places: to one that is seen,
and to one that is not, where no colours speak against it."""

_MAX_UNLIKE = 0.5
"""Nobody moves to where the colours are less alike than this, however bad they fit where he is."""

_MOST_LEARNED = 4
"""So many are looked at to learn their colours in one frame, that a crowd costs no frame more."""

_NEVER = 1e6


def recognise(tracks: Tracks, pixels: Pixels, parted: np.ndarray, now_ns: int, interval: float
              ) -> None:
    """
    Let those who are close to each other bear the ids whose colours they have.

    Places alone mistake people who pass each other, of whom one is hidden for a while. Who stands
    apart is looked at, so that he is known when he meets others.

    :param tracks: after this frame's regions were shown to them.
    :param pixels: of this frame, with its picture.
    :param parted: rows that were shown a part of a region, which may hold pixels of others.
    :param interval: seconds since the last frame.
    """
    rows = ((tracks.group == VULNERABLE) & (tracks.motion.box[:, 3] >= MIN_PIXELS)).nonzero()[0]
    if not len(rows):
        return
    boxes, seen = tracks.motion.box[rows], tracks.last_ns[rows] == now_ns
    one, other = _close(boxes)
    touch = shared(boxes[one], boxes[other]) > 0
    is_whole = np.ones(len(tracks), bool)
    is_whole[parted] = False
    whole = is_whole[rows]
    whole[one[touch]] = whole[other[touch]] = False
    looks = tracks.appearance[rows]
    # What a single frame shows is mostly noise.
    learns = whole & seen & (tracks.first_ns[rows] != now_ns) & np.array(
        [look.is_due(now_ns) for look in looks])
    waiting = learns.nonzero()[0]
    if len(waiting) > _MOST_LEARNED:
        # In turns: who waits longest first.
        since = np.array([look.learned_ns for look in looks[waiting]])
        learns[waiting[np.argsort(since, kind='stable')[_MOST_LEARNED:]]] = False
    crowds = _crowds(np.array([look.is_known for look in looks]), one, other)
    looked_at = learns.copy()
    for members in crowds:
        looked_at[members] = True
    colours = np.zeros((len(rows), *SHAPE), np.float32)
    for i in (looked_at & seen).nonzero()[0].tolist():
        colours[i] = pixels.colours(
            VULNERABLE, tracks.region[rows[i]].box, (boxes[i, 1], boxes[i, 3]))
    for members in crowds:
        _assign(tracks, rows[members], colours[members], seen[members])
    for row, own in zip(rows[learns], colours[learns], strict=True):
        if own.any():
            tracks.appearance[row].learn(own, now_ns, interval)


def _close(boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs of boxes (n, 4) that are close to each other, as indices."""
    reach = _CLOSE * boxes[:, 3]
    wide = side_by_side(boxes[:, 0] - reach, boxes[:, 1], boxes[:, 2] + 2 * reach, boxes[:, 3])
    one, other = neighbours(wide, wide)
    return one[one < other], other[one < other]


def _crowds(known: np.ndarray, one: np.ndarray, other: np.ndarray) -> list[np.ndarray]:
    """
    Return the indices of those who are close to each other, a set at a time.

    :param known: who is, bool (n,); where nobody is, nobody can be told apart.
    :param one: indices of one of each pair, and `other` those of the other.
    """
    if not len(one):
        return []
    label = connected(len(known), one, other)
    numbers = np.intersect1d(label[known], label[one])
    return [(label == number).nonzero()[0] for number in numbers]


def _assign(tracks: Tracks, rows: np.ndarray, colours: np.ndarray, seen: np.ndarray) -> None:
    """
    Assign the ids of some tracks to where they are, by the colours that are seen there.

    :param seen: whether this frame shows each, bool (n,).
    """
    box = tracks.motion.box[rows]
    middle, height = box[:, :2] + box[:, 2:] / 2, box[:, 3]
    mean = (height[:, None] + height) / 2
    across, down = np.moveaxis(np.abs(middle[:, None] - middle) / mean[:, :, None], 2, 0)
    size = np.maximum(height[:, None] / height, height / height[:, None])
    possible = (across <= _ACROSS) & (down <= _DOWN) & (size <= np.exp(_SIZE))
    i, j = possible.nonzero()
    looks = tracks.appearance[rows]
    known = np.array([one.is_known for one in looks])
    unlike = np.full(possible.shape, _UNKNOWN)
    compared = differences(np.stack([one.colours for one in looks])[i], colours[j])
    unlike[i, j] = np.where(known[i] & ~np.isnan(compared), compared, _UNKNOWN)
    possible &= unlike <= _MAX_UNLIKE
    stays = np.eye(len(rows), dtype=bool)
    margin = np.where(seen, _MARGIN, _MARGIN_UNSEEN)
    cost = np.where(possible | stays, unlike + np.where(stays, 0, margin), _NEVER)
    ids, places = solver()(cost)
    moves = ids != places
    if moves.any():
        tracks.move(rows[ids[moves]], rows[places[moves]])
