"""Painting: what is said before, the progress, stopping and continuing, and what is left of a failed picture."""

import shlex

import pytest

import neural_style
from tests.studio.conftest import is_same
from tests.studio.page.conftest import TIMES, Page, endless

pytestmark = pytest.mark.exhaustive
ITERATION = "() => /iteration (\\d+) of 100000/.exec(document.querySelector('#losses').textContent)?.[1]"


@pytest.mark.numerical  # it computes as the studio does
def test_a_picture_is_painted_and_saved_and_its_command_makes_the_same_bytes(page, tmp_path, monkeypatch):
    page.paint()
    page.until_status("done")
    page.until_text("#title", "photo in the style of painting")
    for kind in ("png", "jpg", "tif"):
        page.page.click("#save")
        with page.page.expect_download() as download:
            page.page.click(f"#{kind}")
        download.value.save_as(tmp_path / f"saved.{kind}")
        assert download.value.suggested_filename.endswith(f"-photo-painting.{kind}")
    page.page.click("#about summary")
    command = shlex.split(page.page.inner_text("#command"))
    monkeypatch.chdir(tmp_path)
    assert neural_style.main([*command[1:-1], "made.png", "--quiet"]) == 0
    assert is_same((tmp_path / "made.png").read_bytes(), (tmp_path / "saved.png").read_bytes())


def test_watch_stop_reload_continue_delete(page):
    endless(page)
    number = page.paint()
    first = int(page.until(ITERATION))
    before = page.shown()
    page.until("before => document.querySelector('#picture').src !== before", before)
    assert "/current?" in page.shown()
    page.open()  # a reload: the run goes on, and is found
    page.until_status("painting")
    assert page.number() == number
    page.until(f"first => Number(({ITERATION})()) > first", first)
    page.page.click("#stop")
    page.until_status("stopped")
    page.until("() => document.querySelector('#picture').src.includes('picture.png')")
    page.page.click("#continue")
    page.until_status("painting")
    page.page.click("#stop")
    page.until_status("stopped")
    page.page.click("#remove")
    page.page.click("#yes")
    page.until("number => !document.querySelector(`#film [data-number='${number}']`)", number)


def test_a_message_in_the_middle_of_a_run_is_shown(page):
    page.set("optimizer", "adam")
    page.set("scales", "2")
    page.set("scale_iterations", "1000 100000")
    page.paint()
    page.until("() => /Scale 1 of 2/.test(document.querySelector('#losses').textContent)")
    shows = "() => document.querySelector('#messages').textContent.includes('scale 2 of 2')"
    assert not page.page.evaluate(shows)
    page.until(shows)
    page.page.click("#stop")
    page.until_status("stopped")


def test_a_second_tab_sees_the_same_run(browser, page, studio):
    endless(page)
    number = page.paint()
    page.until_status("painting")
    other = Page(browser, studio)
    other.until_status("painting")
    assert other.number() == number
    other.page.click("#stop")
    page.until_status("stopped")
    other.close()
    assert other.faults == []


def test_the_size_and_the_time_are_said_before(page):
    page.dial("size", 4)  # 1024 px, of a photograph with 96
    page.until_text("#estimate", f"96 {TIMES} 64")
    page.until_text("#estimate", "about")
    page.until_text("#enlarged", f"Enlarge to 1024 {TIMES} 683")
    page.dial("size", 0)
    page.until_text("#enlarged", f"Enlarge to 256 {TIMES} 171")
    page.page.check("#enlarge")
    page.until_text("#estimate", f"256 {TIMES} 171")
    page.paint()
    page.until_status("done")
    page.until_text("#words", f"256 {TIMES} 171")


def test_what_waits_is_taken_out_of_the_queue(page):
    endless(page)
    first = page.paint()
    page.until_status("painting")
    page.until_text("#estimate", "after the one before")
    page.paint()
    page.until_status("waiting")
    page.page.click("#stop")
    page.until_status("removed")
    assert "taken out of the queue" in page.text("#caption").lower()
    assert "failed" not in page.page.inner_text("#stage")
    page.page.click(f"#film [data-number='{first}']")
    page.page.click("#stop")
    page.until_status("stopped")


def test_a_rescued_picture_and_a_last_preview_can_be_saved(page):
    page.paint()
    page.until_status("done")
    number, changes = page.number(), {}

    def answer(route):
        details = route.fetch().json()
        route.fulfill(json=details | changes)

    page.page.route(f"**/api/pictures/{number}", answer)
    changes |= {"status": "rescued", "rescued": "/tmp/neural_style-abc.png", "reason": "no space left on the device"}
    page.open()
    page.page.click(f"#film [data-number='{number}']")
    page.until_text("#caption", "no space left on the device. It is saved as /tmp/neural_style-abc.png")
    page.page.click("#save")
    assert page.page.is_visible("#png")
    page.page.keyboard.press("Escape")
    changes |= {"status": "failed", "rescued": None, "kinds": [], "last": {"iteration": 120, "iterations": 320}}
    changes |= {"reason": "the process was killed"}
    page.open()
    page.page.click(f"#film [data-number='{number}']")
    page.until_text("#caption", "the process was killed. This is its last preview, of iteration 120 of 320")
    page.page.click("#save")
    assert page.page.is_visible("#jpg")
    assert page.page.is_hidden("#png")
    assert page.page.get_attribute("#jpg", "href").endswith("/last.jpg?download")


def test_there_is_no_caption_of_a_curve_without_a_curve(page):
    page.set("iterations", "0")
    page.paint()
    page.until_status("done")
    page.page.click("#about summary")
    assert page.page.is_hidden("#curves figcaption")
    endless(page)
    page.paint()
    page.until("() => !document.querySelector('#curves').hidden")
    page.page.click("#stop")
    page.until_status("stopped")


def test_the_tab_says_how_far_it_is(page):
    title = page.page.title()
    endless(page)
    page.paint()
    page.until("() => /^\\d+ % · /.test(document.title)")
    assert page.page.get_attribute("#bar", "aria-label") == "Painting"
    page.until("() => document.querySelector('#bar').getAttribute('aria-valuetext').includes('%')")
    page.page.click("#stop")
    page.until("title => document.title === title", title)
