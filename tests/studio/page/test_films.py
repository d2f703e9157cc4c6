"""Clips: a first impression of one frame, the film while it is painted and afterwards, and what is refused."""

import shutil

import pytest

from tests.studio.page.conftest import TIMES, Page
from tests.video import files as clips

pytestmark = pytest.mark.exhaustive
COUNT = 3
PLAYS = "() => { const p = document.querySelector('#player'); return !p.hidden && p.readyState > 1 && !p.paused; }"


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """The path of a clip of COUNT frames in half a second each."""
    path = tmp_path_factory.mktemp("clip") / "walk.mp4"
    clips.write(path, clips.frames(COUNT), starts=[0, 12, 24], sound="aac")
    return path


@pytest.fixture
def film(empty, files, clip):
    """The page with a clip, a painting, and settings of a run in few steps."""
    return prepared(empty, files, clip)


def prepared(page, files, clip, iterations="3"):
    page.choose("content", clip)
    page.choose("styles", files[1])
    page.page.evaluate("() => { document.querySelector('#more').open = true; }")
    page.page.select_option("#preset", "fast")
    page.set("iterations", iterations)
    page.set("frame_iterations", iterations)
    return page


def test_a_clip_becomes_a_film(empty, files, clip, tmp_path):
    empty.drop([clip], 300, 200)
    empty.until_chosen("content", "walk")
    assert f"64 {TIMES} 36 · 3 frames" in empty.text("#content-name")
    assert empty.page.is_visible("#set-frames")
    assert "a clip of 3 frames" in empty.page.get_attribute("#content .pick[aria-pressed=true]", "aria-label")
    page = prepared(empty, files, clip)
    page.until_impression()
    page.until_text("#words", "A first impression of one frame")
    page.until_text("#estimate", "3 frames")
    number = page.paint()
    page.until_status("done")
    page.until(PLAYS)
    player = page.page.locator("#player")
    for property in ("muted", "loop", "controls"):
        assert player.evaluate(f"player => player.{property}")
    assert player.get_attribute("poster").startswith(f"api/pictures/{number}/current")
    assert player.evaluate("player => [player.videoWidth, player.videoHeight]") == [64, 36]
    assert not page.page.evaluate("() => document.querySelector('#slider').checkVisibility()")
    assert page.page.is_hidden("#comparing")
    player.evaluate("player => { player.pause(); player.currentTime = 0.6; }")
    page.until("() => { const p = document.querySelector('#player'); return !p.seeking && p.currentTime === 0.6; }")
    page.page.click("#save")
    assert page.page.is_hidden("#png")
    with page.page.expect_download() as download:
        page.page.click("#mp4")
    download.value.save_as(tmp_path / "saved.mp4")
    assert download.value.suggested_filename.endswith("-walk-painting.mp4")
    from brushwork.video.containers import Video

    assert len(Video(str(tmp_path / "saved.mp4")).timing.starts) == COUNT
    assert "3 frames" in page.text("#words")
    page.page.click("#about summary")
    assert page.text("#command").endswith(".mp4")
    page.page.click("#film button >> nth=0")  # the first impression: the film ends
    page.until(
        "() => document.querySelector('#player').hidden && !document.querySelector('#player').hasAttribute('src')"
    )


def test_a_film_is_watched_stopped_and_continued(film):
    film.set("iterations", "200")
    film.set("frame_iterations", "100000")
    film.set("optimizer", "adam")
    film.paint()
    film.until_text("#left", "frame 2 of 3")
    film.until("() => /^Frame 2 of 3\\. Scale/.test(document.querySelector('#losses').textContent)")
    assert film.page.title().split(" ")[1] == "%"
    film.until("() => document.querySelector('#bar').getAttribute('aria-valuetext').startsWith('frame 2 of 3')")
    shown = film.shown()
    assert "/current?" in shown
    assert film.page.is_hidden("#player")
    film.page.focus("#stop")
    film.page.keyboard.press("Enter")
    film.until_status("stopped")
    film.until_text("#caption", "Stopped: 1 of 3 frames are painted")
    film.until("() => document.activeElement.id === 'continue'")
    film.page.click("#save")
    assert film.text("#jpg") == "The last frame, JPEG"
    film.page.keyboard.press("Escape")
    film.open()  # after a reload it is there
    film.page.click("#film button.stopped >> nth=0")
    film.until("() => document.querySelector('#picture').src.includes('/current?')")
    film.page.click("#continue")
    film.until_text("#left", "frame 2 of 3")
    film.page.click("#stop")
    film.until_status("stopped")


def test_which_frames(film):
    film.set("frames", "9")
    film.until("() => document.querySelector('#set-frames').hasAttribute('aria-invalid')")
    film.until_text("#clip .wrong", "frames begins at 9, and walk has 3 frames")
    film.page.click("#paint")
    film.until("() => document.activeElement.id === 'set-frames'")
    film.set("frames", "2:3")
    film.until_text("#estimate", "2 frames")
    film.paint()
    film.until_status("done")
    assert "frames 2:3" in film.text("#words")
    film.page.click("#again")
    film.page.click("#variations button >> nth=0")
    assert film.page.input_value("#set-frames") == "2:3"
    film.page.click("#content button.pick[title=Chelsea]")  # a photograph
    assert film.page.is_hidden("#clip")
    assert film.page.input_value("#set-frames") == ""
    film.until("() => !document.querySelector('#estimate').textContent.includes('frames')")
    film.refuses(422)


def test_what_is_refused_is_said(empty, clip, tmp_path):
    (tmp_path / "text.mp4").write_text("no video")
    shutil.copy(clip, tmp_path / "other.mp4")
    empty.page.set_input_files("#choose-content", tmp_path / "text.mp4")
    empty.until_text("#notices", "Cannot read text: it is no video, or damaged or truncated")
    empty.page.set_input_files("#choose-styles", tmp_path / "other.mp4")
    empty.until_text("#notices", "can only take the place of the photograph")
    titles = empty.page.evaluate("() => [...document.querySelectorAll('#styles .pick')].map(each => each.title)")
    assert not {"other", "walk"} & set(titles)
    empty.refuses(422)


def test_a_long_film_is_asked_about(film):
    found = {"width": 512, "height": 288, "refusal": None, "enlarged": None, "measuring": False, "waiting": 0}
    found |= {"frames": 20000, "seconds": 50000.0, "time": "14 h", "disk": 5.9e9, "waiting_time": None}
    film.page.route("**/api/estimate", lambda route: route.fulfill(json=found))
    film.set("seed", "7")
    film.until_text("#estimate", "20000 frames · about 14 h")
    film.page.click("#paint")
    film.until_text(
        "#question", "This film has 20000 frames, and takes about 14 h. Its finished frames take about 5.9 GB"
    )
    before = film.page.locator("#film button").count()
    film.page.click("#no")
    assert film.focused() == "paint"
    assert film.page.locator("#film button").count() == before
    film.page.click("#paint")
    film.page.click("#yes")
    film.until_status("done")


def test_a_browser_that_cannot_play_the_film_says_so(film):
    film.page.route("**/picture.mp4?*", lambda route: route.fulfill(body=b"no video", content_type="video/mp4"))
    film.paint()
    film.until_status("done")
    film.until_text("#notices", "This browser cannot play the film; save it, and watch it elsewhere")
    assert film.page.is_visible("#save")


@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_no_violation_and_nothing_is_cut_off(browser, studio, files, clip, width):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed").Axe()
    page = Page(browser, studio, viewport={"width": width, "height": 844}, reduced_motion="reduce")

    def check():
        found = axe.run(page.page).response["violations"]
        assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found] == []
        assert page.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")

    prepared(page, files, clip)
    page.until_impression()
    check()
    page.paint()
    page.until_status("done")
    page.until("() => !document.querySelector('#player').hidden")
    assert page.page.evaluate("() => document.querySelector('#player').paused")  # by the wish for less motion
    check()
    page.close()
    assert page.faults == []
