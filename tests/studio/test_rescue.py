"""Pictures that cannot be written to their place, and processes that are killed: nothing that was shown is lost."""

import io
import sys
from pathlib import Path

import psutil
import pytest
from PIL import Image

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="needs signals"),
    pytest.mark.exhaustive,
]


@pytest.fixture
def painting(studio, asked):
    """The number of a picture that is being painted."""
    asked["settings"] |= {"iterations": "100000", "optimizer": "adam"}
    number = studio.paint(asked)
    studio.until(number, "painting")
    return number


def size_of(studio, address):
    status, data = studio.ask("GET", address)
    assert status == 200
    return Image.open(io.BytesIO(data)).size


def test_a_picture_that_had_to_be_written_elsewhere_can_be_saved(studio, painting):
    (studio.folder / f"{painting}-photo-painting.png").mkdir()  # where the picture would be
    studio.ask("POST", f"/api/pictures/{painting}/stop")
    details = studio.until(painting, "rescued", "failed", "stopped")
    assert (details["status"], ".png" in details["kinds"]) == ("rescued", True), details
    assert Path(details["rescued"]).is_file()
    assert details["rescued"] in details["reason"]
    address = f"/api/pictures/{painting}"
    assert size_of(studio, f"{address}/picture.png?download") == size_of(studio, f"{address}/current") == (96, 64)
    assert studio.ask("DELETE", address)[0] == 200
    assert not Path(details["rescued"]).exists()


def test_the_last_preview_of_a_process_that_was_killed_can_be_saved(studio, painting):
    children = psutil.Process(studio.process.pid).children(recursive=True)
    busiest = max(children, key=lambda each: each.cpu_percent(1))  # the one that paints
    busiest.kill()
    details = studio.until(painting, "failed")
    assert details["kinds"] == []
    assert "killed by signal 9; the memory may have been full" in details["reason"]
    address = f"/api/pictures/{painting}"
    assert size_of(studio, f"{address}/last.jpg?download") == size_of(studio, f"{address}/current") == (96, 64)
    assert details["last"]["iterations"] == 100_000
    assert studio.ask("DELETE", address)[0] == 200
