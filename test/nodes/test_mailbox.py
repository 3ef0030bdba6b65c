import threading

from aim_ros.nodes.mailbox import Mailbox


def test_the_newest_item_of_each_camera_is_kept():
    mailbox = Mailbox()
    assert not mailbox.put('left', 1)
    assert mailbox.put('left', 2)
    assert not mailbox.put('right', 3)
    assert mailbox.take() == {'left': 2, 'right': 3}
    assert not mailbox.put('left', 4)


def test_a_reader_waits_for_an_item():
    mailbox = Mailbox()
    taken = []
    reader = threading.Thread(target=lambda: taken.append(mailbox.take()))
    reader.start()
    mailbox.put('left', 1)
    reader.join(10)
    assert taken == [{'left': 1}]


def test_closing_drops_what_is_there_and_wakes_the_reader():
    mailbox = Mailbox()
    taken = []
    reader = threading.Thread(target=lambda: taken.append(mailbox.take()))
    reader.start()
    mailbox.close()
    reader.join(10)
    assert taken == [None]
    mailbox.put('left', 1)
    assert mailbox.take() is None
