import pytest

from aim_ros.perception.stream_order import StreamOrder

S = 10**9


@pytest.fixture(params=[30, None])
def order(request):
    """Looks at the last thirty images, or at all."""
    return StreamOrder(request.param)


@pytest.mark.parametrize(('back', 'said'), [(0.4, True), (1e-9, True), (0.5, False), (900, False)])
def test_only_a_step_back_below_a_jump_is_jitter(order, back, said):
    for number, stamp in enumerate((1000, 1001, 1001 - back, 1002)):
        order.receive(round(stamp * S), number * S)
    assert bool(order.jitter(0.5)) is said
    assert order.jumps_back(0.5) == (not said)


def test_sizes_in_turns_are_reported_for_as_long_as_they_are_looked_at():
    order, large, small = StreamOrder(30), (480, 640), (240, 320)
    for _ in range(40):
        order.take(large)
        assert order.odd_sizes() == ''
    order.take(small)
    assert order.odd_sizes() == (
        'the image size changed (now, before: 320x240, 640x480); tracks go on, scaled')
    order.take(large)
    assert order.odd_sizes().startswith(
        'the image size changed 2 times of late (640x480, 320x240), as with two drivers')
    for _ in range(40):
        order.take(large)
    assert order.odd_sizes() == ''


def test_where_all_images_are_looked_at_none_is_forgotten():
    order = StreamOrder()
    for number in range(100):
        order.take((240, 320) if number == 50 else (480, 640))
        order.receive((number - 30 * (number == 50)) * S, number * S)
    assert order.odd_sizes().startswith('the image size changed 2 times (640x480, 320x240), as')
    assert order.jumps_back(0.5) == 1
    order.clear()
    assert order.odd_sizes() == order.jitter(50.0) == ''


def test_stamps_that_jump_to_and_fro_are_reported(order):
    for number in range(20):
        order.receive((1000 + number - 30 * (number % 2)) * S, number * S)
    assert order.jitter(0.5).startswith('10 of the ')
    assert 'stamps jump back, by 0.5 s or more' in order.jitter(0.5)
