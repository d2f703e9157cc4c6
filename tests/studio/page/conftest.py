"""A browser, and the page of a studio in it, as a person uses it.

It needs playwright and a Chromium of the system, which NEURAL_STYLE_BROWSER or the search path names.
"""

import os
import shutil
import time

import pytest

BROWSERS = "chromium", "chromium-browser", "google-chrome", "chrome"
SECONDS = 100
TIMES = "\N{MULTIPLICATION SIGN}"
CURRENT = "#film button[aria-current=true]"


@pytest.fixture(scope="session")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = os.environ.get("NEURAL_STYLE_BROWSER") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip("there is no Chromium on this machine")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


COUNT_DRAGS = """() => {
  window.counted = new Set();
  for (const kind of ["dragenter", "dragover", "dragleave", "drop"])
    window.addEventListener(kind, () => counted.add(kind), { capture: true });
}"""


class Page:
    """The page of a studio, as a person sees it."""

    def __init__(self, browser, studio, **context):
        self.studio, self.faults = studio, []
        self.context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}} | context)
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
        raise AssertionError(f"never: {condition} {argument}; {self.page.inner_text('body')}")

    def until_text(self, selector, text):
        self.until("([one, text]) => document.querySelector(one).textContent.includes(text)", [selector, text])

    def text(self, selector):
        return self.page.evaluate("one => document.querySelector(one).textContent", selector)

    def shown(self):
        """The address of the picture that is shown."""
        return self.page.evaluate("() => document.querySelector('#picture').src")

    def number(self):
        """The number of the picture that is shown; "" for the first impression, None for what is not in the strip."""
        return self.page.evaluate("one => document.querySelector(one)?.dataset.number ?? null", CURRENT)

    def focused(self):
        """The id of the element with the focus, its data-number, or its text."""
        script = "() => { const e = document.activeElement; return e.id || e.dataset.number || e.textContent; }"
        return self.page.evaluate(script)

    def choose(self, role, path):
        """Upload a file as the photograph ("content") or a painting ("styles")."""
        self.page.set_input_files(f"#choose-{role}", path)
        self.until_chosen(role, path.stem)

    def until_chosen(self, role, name):
        tile = f"#{role} button.pick[title='{name}'][aria-pressed=true]"
        self.until("tile => document.querySelector(tile)", tile)

    def until_impression(self):
        self.until("() => document.querySelector('#picture').src.startsWith('blob:')")

    def set(self, name, value):
        """A setting under "More settings"."""
        self.page.evaluate("() => { document.querySelector('#more').open = true; }")
        field = self.page.locator(f"#set-{name}")
        if field.evaluate("field => field.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)
            field.blur()

    def dial(self, name, value):
        """Move a dial."""
        self.page.fill(f"#{name}", str(value))
        self.page.dispatch_event(f"#{name}", "change")

    def paint(self):
        """Press Paint and wait until the new picture is shown; its number."""
        before = self.number()
        self.page.click("#paint")
        self.until(
            "([one, before]) => ![undefined, '', before].includes(document.querySelector(one)?.dataset.number)",
            [CURRENT, before],
        )
        return self.number()

    def until_status(self, status):
        """Wait until the picture that is shown has a status, and its tools are there."""
        self.until("([one, status]) => document.querySelector(one)?.className === status", [CURRENT, status])

    def drop(self, paths, x, y):
        """Drop files or folders at a point of the window, as from a file manager.

        An element that has appeared under the pointer is entered before it is moved over. A drop that the browser gets
        before the page's answer to the last move is a leave.
        """
        session = self.context.new_cdp_session(self.page)
        data = {"items": [], "files": list(map(str, paths)), "dragOperationsMask": 1}

        def events_of(kind):
            self.page.evaluate("() => counted.clear()")
            session.send("Input.dispatchDragEvent", {"type": kind, "x": x, "y": y, "data": data})
            return self.until("() => counted.size && [...counted]")

        self.page.evaluate(COUNT_DRAGS)
        while True:
            events_of("dragEnter")
            while "dragover" not in events_of("dragOver"):
                pass
            if "drop" in events_of("drop"):
                return

    def refuses(self, *statuses):
        """Forget that the browser's console repeats these answers of the server."""
        self.faults[:] = [fault for fault in self.faults if not any(str(status) in fault for status in statuses)]

    def close(self):
        self.context.close()


@pytest.fixture
def empty(browser, studio):
    """The page with nothing chosen."""
    page = Page(browser, studio)
    yield page
    page.close()
    studio.stop_pictures()  # also after a test that has failed
    assert page.faults == []


@pytest.fixture
def page(empty, files):
    """The page with a photograph, a painting, and settings of a run in few steps."""
    empty.choose("content", files[0])
    empty.choose("styles", files[1])
    empty.page.evaluate("() => { document.querySelector('#more').open = true; }")
    empty.page.select_option("#preset", "fast")
    empty.set("iterations", "3")
    return empty


def endless(page):
    """Settings of a run that does not end by itself."""
    page.set("iterations", "100000")
    page.set("optimizer", "adam")
