"""The page, in a real browser: what a person does from the first picture to the last.

It needs playwright and a Chromium of the system, which NEURAL_STYLE_BROWSER or the search path names.
"""

import os
import re
import shlex
import shutil
import time

import numpy as np
import pytest
from PIL import Image

import neural_style
from brushwork.pictures import metadata
from tests.studio.conftest import Studio, is_same

BROWSERS = "chromium", "chromium-browser", "google-chrome", "chrome"
SECONDS = 40

pytestmark = pytest.mark.exhaustive


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = os.environ.get("NEURAL_STYLE_BROWSER") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip("there is no Chromium on this machine")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


class Page:
    """The page of a studio, as a person sees it."""

    def __init__(self, browser, studio, **context):
        self.studio, self.faults = studio, []
        self.context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}} | context)
        self.page = self.context.new_page()
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", lambda message: message.type == "error" and self.faults.append(message.text))
        self.open()

    def open(self):
        self.page.goto(self.studio.address)
        self.page.wait_for_selector("body[data-ready]")

    def until(self, condition, argument=None):
        """Wait until a JavaScript function returns something true; its value. The page's policy forbids `eval`."""
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            if value := self.page.evaluate(condition, argument):
                return value
            time.sleep(0.02)
        raise AssertionError(f"never: {condition}; {self.page.inner_text('main')}")

    def shown(self):
        """The address of the picture that is shown."""
        return self.page.evaluate("() => document.querySelector('#picture').src")

    def until_caption(self, text):
        self.until("text => document.querySelector('#caption').textContent.includes(text)", text)

    def choose(self, role, path):
        self.page.set_input_files(f"#choose-{role}", path)
        name = path.stem
        self.until("([role, name]) => document.querySelector(`#${role} .chosen img[alt='${name}']`)", [role, name])

    def set(self, name, value):
        """A setting under "More settings"."""
        self.page.evaluate("() => { document.querySelector('#more').open = true; }")
        field = self.page.locator(f"#set-{name}")
        if field.evaluate("field => field.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)
            field.blur()

    def close(self):
        self.context.close()


@pytest.fixture
def page(browser, studio, files):
    """The page with a photograph, a painting, and settings of a run in few steps."""
    page = Page(browser, studio)
    page.choose("content", files[0])
    page.choose("styles", files[1])
    page.page.evaluate("() => { document.querySelector('#more').open = true; }")
    page.page.select_option("#preset", "fast")
    page.set("iterations", "3")
    yield page
    page.close()
    assert page.faults == []


def forever(page):
    """Settings of a run that does not end by itself."""
    page.set("iterations", "100000")
    page.set("optimizer", "adam")


def test_the_preview_comes_with_the_second_picture(page):
    page.until("() => document.querySelector('#picture').src.startsWith('blob:')")
    page.until_caption("Paint makes the real picture")
    first = page.shown()
    page.page.evaluate("() => { const dial = document.querySelector('#keep'); dial.value = 100; }")
    page.page.dispatch_event("#keep", "change")
    page.until("first => document.querySelector('#picture').src !== first", first)


def test_the_preview_is_saved_with_its_settings(page):
    page.until_caption("Paint makes the real picture")
    assert page.page.is_visible("#jpg")
    assert not any(page.page.is_visible(f"#{name}") for name in ("png", "tif", "stop", "again", "remove"))
    with page.page.expect_download() as download:
        page.page.click("#jpg")
    assert download.value.suggested_filename == "preview.jpg"
    assert "--instant" in metadata.read(download.value.path())["flags"]


@pytest.mark.numerical  # it computes as the studio does
def test_a_picture_is_painted_and_saved_and_its_command_makes_the_same_bytes(page, tmp_path, monkeypatch):
    page.page.click("#paint")
    page.until_caption("photo in the style of painting: done")
    for kind in ("png", "jpg", "tif"):
        with page.page.expect_download() as download:
            page.page.click(f"#{kind}")
        download.value.save_as(tmp_path / f"saved.{kind}")
        assert download.value.suggested_filename.endswith(f"-photo-painting.{kind}")
    page.page.click("#about summary")
    command = shlex.split(page.page.inner_text("#command"))
    monkeypatch.chdir(tmp_path)
    assert neural_style.main([*command[1:-1], "made.png", "--quiet"]) == 0
    assert is_same((tmp_path / "made.png").read_bytes(), (tmp_path / "saved.png").read_bytes())


def test_watch_stop_reload_continue(page):
    forever(page)
    page.page.click("#paint")
    numbers = "() => /iteration (\\d+) of 100000/.exec(document.querySelector('#numbers').textContent)?.[1]"
    first = int(page.until(numbers))
    before = page.shown()
    page.until("before => document.querySelector('#picture').src !== before", before)
    assert "/current?" in page.shown()
    page.open()  # a reload: the run goes on, and is found
    page.until_caption(": painting")
    assert int(page.until(numbers)) > first
    page.page.click("#stop")
    page.until_caption(": stopped")
    page.until("() => document.querySelector('#picture').src.includes('picture.png')")
    page.page.click("#continue")
    page.until_caption(": painting")
    page.page.click("#stop")
    page.until_caption(": stopped")
    page.page.on("dialog", lambda dialog: dialog.accept())
    page.page.click("#remove")
    page.until_caption("Paint makes the real picture")  # of what was chosen before the reload


def test_a_message_in_the_middle_of_a_run_is_shown(page):
    page.set("optimizer", "adam")
    page.set("scales", "2")
    page.set("scale_iterations", "1000 100000")
    page.page.click("#paint")
    page.until("() => /Scale 1 of 2/.test(document.querySelector('#losses').textContent)")
    shows = "() => document.querySelector('#messages').textContent.includes('scale 2 of 2')"
    assert not page.page.evaluate(shows)
    page.until(shows)
    assert ": painting" in page.page.inner_text("#caption")
    page.page.click("#stop")
    page.until_caption(": stopped")


def test_a_second_tab_sees_the_same_run(browser, page, studio):
    forever(page)
    page.page.click("#paint")
    page.until_caption(": painting")
    other = Page(browser, studio)
    other.until_caption(": painting")
    other.page.click("#stop")
    page.until_caption(": stopped")
    other.close()
    assert other.faults == []


def test_a_mask_is_drawn_with_the_mouse_and_used(page, studio, files):
    page.choose("styles", files[2])
    page.page.click("#styles .chosen .mask >> nth=0")
    board = page.page.locator("#mask").bounding_box()
    x, y, width, height = (board[side] for side in ("x", "y", "width", "height"))
    page.page.evaluate("() => { document.querySelector('#brush').value = 40; }")
    page.page.mouse.move(x + width * 0.1, y + height * 0.1)
    page.page.mouse.down()
    page.page.mouse.move(x + width * 0.1, y + height * 0.9, steps=5)
    page.page.mouse.up()
    page.page.click("#usemask")
    page.until("() => document.querySelector('#styles .mask').textContent.includes('Change')")
    page.page.click("#paint")
    page.until_caption("photo in the style of painting and other: done")
    command = shlex.split(page.page.evaluate("() => document.querySelector('#command').textContent"))
    masks = command[command.index("--style-masks") + 1 :][:2]
    left, right = (np.array(Image.open(path).convert("L"), float) for path in masks)
    assert left[:, :20].mean() > 200
    assert left[:, -20:].mean() < 5
    np.testing.assert_allclose(right, 255 - left, atol=1)


def test_the_keyboard_is_enough(browser, studio):
    page = Page(browser, studio)
    page.page.keyboard.press("Tab")
    seen, name = set(), "() => { const e = document.activeElement; return e.id || e.getAttribute('aria-label'); }"
    for _ in range(60):
        seen.add(page.page.evaluate(name))
        page.page.keyboard.press("Tab")
    assert {"Use Chelsea", "Use Woodcut", "strength", "keep", "size", "quality"} <= seen, seen
    page.page.focus("button[aria-label='Use Chelsea']")
    page.page.keyboard.press("Enter")
    page.until("() => document.querySelector('#content .chosen')")
    page.close()
    assert page.faults == []


def test_a_history_to_begin_again_from(page):
    page.set("iterations", "2")
    page.set("content_weight", "7.5")
    page.page.click("#paint")
    page.until_caption(": done")
    page.page.select_option("#preset", "keras")
    page.set("content_weight", "3")
    page.page.click("#content .chosen button")
    page.page.click("#pictures button >> nth=0")
    page.page.click("#again")
    page.until("() => document.querySelectorAll('.chosen').length === 2")
    assert page.page.input_value("#set-content_weight") == "7.5"
    assert page.page.input_value("#preset") == "fast"
    assert page.page.locator(".chosen").count() == 2
    assert page.page.is_enabled("#paint")


def test_a_reload_keeps_what_is_chosen(page):
    page.page.select_option("#preset", "fast")
    page.set("content_weight", "7.5")
    page.page.fill("#strength", "1")
    page.page.dispatch_event("#strength", "change")
    page.open()
    page.until("() => document.querySelectorAll('.chosen').length === 2")
    assert [page.page.input_value(name) for name in ("#preset", "#set-content_weight", "#strength")] == [
        "fast",
        "7.5",
        "1",
    ]
    page.until_caption("Paint makes the real picture")
    page.page.evaluate("() => localStorage.setItem('request', '{\"content\": 3}')")
    page.open()  # of no version of the page
    assert page.page.locator(".chosen").count() == 0


def test_a_stroke_is_undone_and_a_mask_cancelled(page):
    white = """() => document.querySelector("#mask").getContext("2d").getImageData(3, 3, 1, 1).data[0] === 255"""
    page.page.click("#styles .chosen .mask")
    assert page.page.inner_text("#rest") == "The rest stays like the photograph."
    assert not page.page.evaluate(white)
    board = page.page.locator("#mask").bounding_box()
    page.page.mouse.click(board["x"] + 3, board["y"] + 3)
    assert page.page.evaluate(white)
    page.page.click("#undo")
    assert not page.page.evaluate(white)
    page.page.click("#cancel")
    assert page.page.inner_text("#styles .mask").startswith("Draw")


def test_an_upload_is_offered_where_it_was_used(page, files):
    page.page.click("#content .chosen button")
    page.page.click("#styles .chosen button")
    offers = {role: page.page.locator(f"#{role} .offers button[aria-label]") for role in ("content", "styles")}
    names = {role: offers[role].evaluate_all("all => all.map(each => each.title)") for role in offers}
    assert ("photo" in names["content"], "painting" in names["content"]) == (True, False)
    assert ("photo" in names["styles"], "painting" in names["styles"]) == (False, True)


def test_mistakes_are_said_on_the_page(page, tmp_path):
    page.set("tv_weight", "much")
    page.page.click("#paint")
    page.until("() => document.querySelector('#line').classList.contains('error')")
    assert "tv-weight must be a number" in page.page.inner_text("#line")
    (tmp_path / "text.png").write_text("no picture")
    page.page.set_input_files("#choose-styles", tmp_path / "text.png")
    page.until("() => document.querySelector('#line').textContent.startsWith('Cannot read text')")
    page.faults[:] = [fault for fault in page.faults if "422" not in fault]  # the console repeats the answers


def test_before_and_after(page):
    page.page.click("#paint")
    page.until_caption(": done")
    page.until("() => document.querySelector('#before').naturalWidth > 0")
    page.page.fill("#slider", "30")
    cut = page.page.evaluate("() => getComputedStyle(document.querySelector('#before')).clipPath")
    assert re.fullmatch(r"inset\(0px 0px 0px 30%\)", cut)
    page.page.click("#paint")
    page.until("() => document.querySelector('#slider').value === '100'")  # another picture is shown as a whole


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_cut_off(browser, studio, width, scheme):
    page = Page(browser, studio, viewport={"width": width, "height": 844}, color_scheme=scheme)
    assert page.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    colors = page.page.evaluate(
        "() => { const s = getComputedStyle(document.body); return [s.color, s.backgroundColor]; }"
    )
    light, dark = (sum(map(int, re.findall(r"\d+", color)[:3])) for color in colors[:: 1 if scheme == "dark" else -1])
    assert light - dark > 300  # of 765
    page.close()
    assert page.faults == []


def test_a_token_lets_in_and_a_lost_server_is_said(browser, tmp_path, tiny_file):
    studio = Studio(tmp_path / "pictures", "--token", "s3cretsecret", network=tiny_file)
    try:
        assert studio.address.endswith("?token=s3cretsecret")
        page = Page(browser, studio)
        assert page.page.url.endswith("/")
        page.until("() => document.querySelectorAll('.offers img').length > 3")
        assert page.faults == []
        assert studio.ask("GET", "/api/uploads")[0] == 401
    finally:
        studio.close()
    page.until("() => document.querySelector('#line').textContent.includes('connection to the studio is lost')")
    page.close()
