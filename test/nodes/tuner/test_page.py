"""The page in a real browser: what is clicked changes the running node, and is seen."""

from pathlib import Path
import re
import shutil
import subprocess
import sys

from deadline import DEADLINE
from deaf_node import DeafNode
import pytest
from rclpy.parameter import Parameter
from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from shipped_profiles import shipped_sigma
import yaml

pytest.importorskip('nicegui', reason='nicegui is not installed: requirements-live.txt')

BROWSER, DRIVER = shutil.which('chromium'), shutil.which('chromedriver')
ASSERTIVE = shipped_sigma('assertive')

pytestmark = pytest.mark.skipif(
    BROWSER is None or DRIVER is None,
    reason='there is no browser: apt-get install chromium chromium-driver')

IMPATIENT = 0.5
"""Seconds after which a tuner says that there is no answer."""

# Pages are not loaded anew where a browser does not answer for long, as on busy cores.
TUNER = """
import sys
from aim_ros.nodes.tuner import server
from aim_ros.nodes.tuner.cli import main
server.RECONNECT_TIMEOUT = 600.0
sys.exit(main({}))
"""

MEAN = """
const image = document.querySelector('[data-picture=overlay]');
if (!image.complete || !image.naturalWidth) return null;
const canvas = Object.assign(document.createElement('canvas'), {width: 1, height: 1});
const context = canvas.getContext('2d');
context.imageSmoothingQuality = 'high';
context.drawImage(image, 0, 0, 1, 1);
return Array.from(context.getImageData(0, 0, 1, 1).data.slice(0, 3));
"""
"""The mean colour of the overlay that is shown."""


def field(name: str) -> str:
    """Return the selector of a parameter's field."""
    return f'[data-parameter="{name}"] input'


class Browser:
    """A browser with one page, and what a person does and sees in it."""

    def __init__(self, ros, folder: Path):
        options = webdriver.ChromeOptions()
        options.binary_location = BROWSER
        for argument in (
                '--headless', '--no-sandbox', '--disable-gpu', '--no-first-run',
                '--disable-background-networking', '--disable-component-update',
                '--disable-sync', '--disable-dev-shm-usage', '--window-size=1280,1000',
                f'--user-data-dir={folder}'):
            options.add_argument(argument)
        service = webdriver.ChromeService(DRIVER)
        self.driver = webdriver.Chrome(options=options, service=service)
        # The cores may be busy with other work.
        self.driver.set_page_load_timeout(DEADLINE)
        self.driver.set_script_timeout(DEADLINE)
        self._ros = ros

    def wait_for(self, condition, what: str):
        """Return the first true value; what is not there yet, or no longer, is waited for."""
        def tried():
            try:
                return condition()
            except WebDriverException:
                return None
        return self._ros.wait_for(tried, what=what)

    def one(self, selector: str):
        return self.wait_for(
            lambda: self.driver.find_element(By.CSS_SELECTOR, selector), selector)

    def click(self, selector: str) -> None:
        def click():
            element = self.driver.find_element(By.CSS_SELECTOR, selector)
            self.driver.execute_script('arguments[0].scrollIntoView({block: "center"})', element)
            element.click()
            return True
        self.wait_for(click, f'a click on {selector}')

    def type(self, selector: str, text: str) -> None:
        """Type in place of what stands there, until it is there."""
        def typed():
            element = self.driver.find_element(By.CSS_SELECTOR, selector)
            if element.get_attribute('value') != text:
                element.send_keys(Keys.CONTROL, 'a')
                element.send_keys(text)
            return element.get_attribute('value') == text
        self.wait_for(typed, f'typing into {selector}')

    def press(self, selector: str, key: str) -> None:
        self.wait_for(
            lambda: self.driver.find_element(By.CSS_SELECTOR, selector).send_keys(key) or True,
            f'a key in {selector}')

    def enter(self, selector: str, text: str) -> None:
        """Type in place of what stands there, and hand it in."""
        self.type(selector, text)
        self.press(selector, Keys.ENTER)

    def text(self, selector: str) -> str:
        return self.driver.find_element(By.CSS_SELECTOR, selector).text

    def value(self, name: str) -> float:
        """Return what stands in a number's field; nan while it is empty."""
        return float(self.written(name) or 'nan')

    def written(self, name: str) -> str:
        return self.driver.find_element(By.CSS_SELECTOR, field(name)).get_attribute('value')

    def pressed(self, choice: str) -> bool:
        return self.driver.find_element(
            By.CSS_SELECTOR, f'[data-choice={choice}]').get_attribute('aria-pressed') == 'true'

    def shown(self) -> int:
        """Return how many pictures the page has shown."""
        return int(self.driver.find_element(
            By.CSS_SELECTOR, 'aim-pictures').get_attribute('data-shown') or 0)

    def mean(self) -> list[int] | None:
        """Return the overlay's mean colour; none while a picture is being read."""
        return self.driver.execute_script(MEAN)

    def differs(self, colour: list[int]) -> bool:
        """Return whether the overlay's mean colour is clearly another one."""
        mean = self.mean()
        return mean is not None and max(
            abs(a - b) for a, b in zip(colour, mean, strict=True)) > 12


@pytest.fixture
def browser(ros, tmp_path):
    try:
        browser = Browser(ros, tmp_path / 'browser')
    except WebDriverException as error:
        pytest.skip(f'the browser does not start here: {error.msg}')
    yield browser
    browser.driver.quit()


@pytest.fixture
def drive(ros, make_node, make_camera):
    """A segmentation node and a camera that sends it the same picture again and again."""
    node = make_node()
    camera = make_camera(node)
    frames = iter(range(1, 1_000_000))
    camera.create_timer(
        0.2, lambda: camera.images.publish(camera.message(next(frames) / 5)))
    return node


@pytest.fixture
def make_tuner(start_process, tmp_path):
    """Return a function that starts a tuner; it returns the process, its address and its file."""
    def make(answer_timeout: float):
        file = tmp_path / 'saved.yaml'
        process = start_process('tuner', program=TUNER.format([
            '--port', '0', '--save-to', str(file), '--answer-timeout', str(answer_timeout)]))
        process.wait_for_line('aim_ros tuner: http')
        line = next(line for line in process.lines if 'aim_ros tuner: http' in line)
        return process, re.search('http://\\S+', line)[0], file
    return make


@pytest.fixture
def tuner(make_tuner):
    """A tuner that waits for answers for long."""
    return make_tuner(240.0)


@pytest.fixture
def page(browser, drive, tuner):
    """The page, once it shows pictures."""
    browser.driver.get(tuner[1])
    browser.wait_for(lambda: browser.shown() > 1, 'pictures')
    return browser


def test_a_click_changes_the_node_and_the_picture_and_a_reload_keeps_it(page, drive):
    page.wait_for(lambda: page.pressed('neutral'), 'the profile')
    before = page.wait_for(page.mean, 'the overlay')
    page.click('[data-choice=assertive]')
    page.wait_for(lambda: drive.parameters.profile == 'assertive', 'the node to change')
    page.wait_for(lambda: page.value('focus.sigma') == ASSERTIVE, 'what the profile sets')
    page.enter(field('focus.sigma'), '9')
    page.wait_for(lambda: drive.parameters['focus.sigma'] == 9.0, 'the node to change')
    # A network that knows nothing sees vehicles everywhere now, which are blue.
    page.wait_for(lambda: page.differs(before), 'another picture')
    page.wait_for(lambda: not page.pressed('assertive'), 'the profile to be none of the file')

    page.driver.refresh()
    page.wait_for(lambda: page.value('focus.sigma') == 9.0, 'the value after a reload')
    assert drive.parameters['focus.sigma'] == 9.0
    assert drive.parameters['focus.classes'] == ('vehicles',)


def test_a_refused_value_shows_the_nodes_sentence_and_goes_back(page, drive):
    page.enter(field('alerts.near_m'), '5')
    said = '[data-parameter="alerts.near_m"] [role=alert]'
    page.wait_for(lambda: 'may only be raised from its value at start, 20' in page.text(said),
                  'the sentence')
    page.wait_for(lambda: page.value('alerts.near_m') == 20.0, 'the value to go back')
    assert drive.parameters['alerts.near_m'] == 20.0
    page.enter(field('alerts.near_m'), '35')
    page.wait_for(lambda: drive.parameters['alerts.near_m'] == 35.0, 'the node to change')
    page.wait_for(lambda: not page.text(said), 'the sentence to go')


def test_what_is_typed_is_left_alone_until_it_is_handed_in_or_dropped(page, drive):
    page.wait_for(lambda: page.pressed('neutral'), 'the profile')
    page.type(field('focus.sigma'), '9')
    page.type(field('alerts.near_m'), '35')  # the sigma that was left is handed in
    page.wait_for(lambda: drive.parameters['focus.sigma'] == 9.0, 'the node to change')
    page.type(field('focus.sigma'), '4')
    page.wait_for(lambda: drive.parameters['alerts.near_m'] == 35.0, 'the node to change')

    for profile, key, sigma in (('assertive', Keys.ESCAPE, ASSERTIVE), ('city', Keys.ENTER, 4.0)):
        page.type(field('focus.sigma'), '4')
        drive.set_parameters([Parameter('driver_profile', value=profile)])
        # The profile's sigma has come to the page, whose next row is renewed after it.
        page.wait_for(lambda profile=profile: page.pressed(profile), 'the profile')
        page.wait_for(lambda: float(page.driver.find_element(
            By.CSS_SELECTOR, '[data-parameter="focus.sigma"] [role=slider]').get_attribute(
                'aria-valuenow')) == drive.parameters['focus.sigma'], 'the slider')
        assert page.written('focus.sigma') == '4'
        page.press(field('focus.sigma'), key)
        page.wait_for(lambda sigma=sigma: page.value('focus.sigma') == sigma, 'the sigma')
        page.wait_for(lambda sigma=sigma: drive.parameters['focus.sigma'] == sigma, 'the node')


def test_a_class_is_picked_while_another_changes_the_list(page, drive):
    suppressed = '[data-parameter="focus.suppress_classes"]'
    page.type(field('focus.suppress_classes'), 'sky')
    drive.set_parameters([Parameter('focus.suppress_classes', value=['terrain'])])
    page.wait_for(lambda: 'terrain' in page.text(suppressed), 'what the other has set')
    assert page.written('focus.suppress_classes') == 'sky'
    page.press(field('focus.suppress_classes'), Keys.ENTER)
    page.wait_for(lambda: set(drive.parameters['focus.suppress_classes']) == {'terrain', 'sky'},
                  'the class to be suppressed')


def test_without_an_answer_the_page_says_so_and_asks_again_on_request(ros, browser, make_tuner):
    node = ros.add(DeafNode(unanswered=2))
    _, address, _ = make_tuner(IMPATIENT)
    browser.driver.get(address)
    browser.wait_for(lambda: browser.value('a') == 1, 'what the node has')
    browser.enter(field('a'), '2')
    said = '[data-parameter="a"] [role=alert]'
    browser.wait_for(
        lambda: '/segmentation has not answered for 0.5 s' in browser.text(said), 'the sentence')
    browser.wait_for(lambda: browser.value('a') == 1, 'what the node has')

    def tried_again():
        # The answer may come too late on a busy machine: then the button is there again.
        for button in browser.driver.find_elements(
                By.CSS_SELECTOR, '[data-parameter="a"] [data-action=again]'):
            button.click()
        return node.get_parameter('a').value == 2
    browser.wait_for(tried_again, 'the node to change')
    browser.wait_for(lambda: browser.value('a') == 2 and not browser.text(said), 'the new value')


def test_what_another_changes_is_seen_and_a_class_is_picked(page, drive):
    # As by `ros2 param set`.
    drive.set_parameters([Parameter('driver_profile', value='city')])
    page.wait_for(lambda: page.pressed('city'), 'the profile')
    page.wait_for(lambda: 'signals' in page.text('[data-parameter="focus.classes"]'),
                  'the classes of the profile')
    page.enter(field('focus.suppress_classes'), 'sky')
    page.wait_for(lambda: drive.parameters['focus.suppress_classes'] == ('sky',),
                  'the class to be suppressed')


def test_a_held_picture_stands_still_and_steps(page):
    page.click('[data-action=pause]')
    page.wait_for(lambda: page.driver.find_element(
        By.CSS_SELECTOR, '[data-action=pause]').get_attribute('aria-pressed') == 'true', 'a pause')
    page.click('[data-action=step]')
    page.click('[data-action=pause]')
    before = page.wait_for(page.shown, 'how many there were')
    page.wait_for(lambda: page.shown() > before + 2, 'the pictures to go on')


def test_what_if_and_a_profile_that_is_saved(page, drive, tuner):
    page.click('[data-choice=assertive]')
    # What is compared is what the tuner knows of the node.
    page.wait_for(lambda: page.value('focus.sigma') == ASSERTIVE, 'what the profile sets')
    page.click('[data-panel="what-if"] button')
    page.wait_for(lambda: len(page.driver.find_elements(
        By.CSS_SELECTOR, '[data-result] img')) == 2, 'both sides')
    assert f'as set now: sigma {ASSERTIVE:g}' in page.text('[data-result]')

    page.click('[data-action=open-save]')
    page.enter('input[data-field=name]', 'mine')
    page.click('[data-action=save]')
    file = tuner[2]
    page.wait_for(lambda: f'profiles_file:={file} driver_profile:=mine' in page.text('.command'),
                  'how to start with it')
    assert yaml.safe_load(file.read_text())['profiles']['mine']['focus'] == {
        'classes': ['vehicles'], 'sigma': ASSERTIVE}


def test_the_tuner_ends_in_order_with_its_viewers(page, tuner):
    process = tuner[0]
    process.signal(2)
    assert process.wait() == 0, process.lines
    assert not [line for line in process.lines if 'Traceback' in line]


def test_without_a_node_the_page_says_what_is_missing(ros, browser, tuner):
    browser.driver.get(tuner[1])
    browser.wait_for(lambda: 'No node /segmentation answers' in browser.text('[role=alert]'),
                     'the advice')


def test_a_node_that_ends_leaves_no_level_behind(ros, page, drive):
    level = '[data-level]'
    page.wait_for(lambda: page.text(level) in ('OK', 'WARN', 'ERROR'), 'a level')
    ros.remove(drive)
    page.wait_for(lambda: page.text(level) == 'no node', 'the level to go')
    page.wait_for(lambda: page.text('[data-state]') == 'waiting for /segmentation', 'the state')


@pytest.mark.parametrize(('arguments', 'said'), [
    (['--model', 'x'], 'only with --play'), (['--nonsense'], 'unrecognized arguments')])
def test_arguments_that_make_no_sense_are_refused(arguments, said):
    ended = subprocess.run(
        [sys.executable, '-m', 'aim_ros.nodes.tuner', *arguments], check=False, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert ended.returncode == 2
    assert said in ended.stdout
