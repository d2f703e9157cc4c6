"""The queue: whose messages it takes, what it keeps of a run, and how runs end."""

from pathlib import Path

import pytest

from brushwork.run.estimate import rounded
from brushwork.run.worker import Progress
from brushwork.studio import previews, queue
from brushwork.studio.examples import examples
from brushwork.studio.pictures import CURVE_POINTS, QueuedPicture, message_record
from brushwork.studio.previews import Previews, Superseded
from brushwork.studio.refusals import Wrong
from brushwork.studio.storage import Storage


class Workers(list):
    """Stands in for the class Worker: the workers that were made."""

    def __call__(self, receive, *, stays=False):
        worker = _Worker(receive)
        self.append(worker)
        return worker


class _Worker:
    def __init__(self, receive):
        self.receive, self.is_alive, self.tasks, self.stopped = receive, True, [], 0

    def carry_out(self, argv, copies=()):
        self.tasks.append(argv)

    def stop(self):
        self.stopped += 1

    def wait(self, seconds):
        pass


@pytest.fixture
def workers(monkeypatch):
    workers = Workers()
    for module in (queue, previews):
        monkeypatch.setattr(module, "Worker", workers)
    return workers


@pytest.fixture
def storage(tmp_path):
    """An empty storage, but for the uploads of `asked`."""
    storage = Storage(tmp_path / "storage")
    content, style = map(storage.uploads.add_example, examples()[:2])
    storage.asked = {"content": content.number, "styles": [{"picture": style.number}]}
    return storage


def write_files(storage, stem, kinds):
    """Files of a picture, as a run leaves them; kinds: their extensions."""
    for kind in kinds:
        Path(storage.path(stem, kind)).write_bytes(b"x")


def progress_at(iteration):
    losses = {"total": 2.0 * iteration}
    return Progress(iteration, 1000, 1, 1, (40, 30), losses, 0.0, 90.0, b"JPEG", (80, 60), 120.0, 1e-6)


def test_a_late_message_is_not_the_next_pictures(workers, storage):
    asked, made = storage.asked, queue.PictureQueue(storage)
    first, second = made.add(asked), made.add(asked)
    painter = workers[-1]
    painter.receive(painter, "ended", 1)
    assert (made.pictures[first].status, made.current.number) == ("failed", second)
    painter.receive(painter, "logged", ("info", "too late"))
    painter.receive(painter, "ended", 1)
    assert made.current.number == second
    assert made.current.messages == []
    workers[-1].receive(workers[-1], "logged", ("info", "in time"))
    assert made.current.messages == [{"level": "info", "text": "in time"}]


def test_a_message_in_the_middle_of_a_run_is_among_the_news(workers, storage):
    changes = []
    made = queue.PictureQueue(storage, changed=lambda: changes.append(made.current.running()))
    made.add(storage.asked)
    painter, progress = workers[-1], progress_at(1)
    warning = {"level": "warning", "text": "out of memory; continuing in tiles of 64 pixels"}
    painter.receive(painter, "progress", progress)
    assert (changes[-1]["iteration"], changes[-1]["messages"]) == (1, [])
    painter.receive(painter, "logged", (warning["level"], warning["text"]))
    assert (changes[-1]["iteration"], changes[-1]["messages"]) == (1, [warning])


def test_records_of_earlier_versions_are_read(workers, tmp_path):
    storage = Storage(tmp_path / "storage")
    record = {"number": "0007", "stem": "0007-x", "title": "x", "asked": {}, "command": [], "status": "failed"}
    storage.write_record(record | {"said": ["computing in float32", "error: out of memory"], "losses": []})
    (picture,) = queue.PictureQueue(storage).pictures.values()
    assert picture.messages == [
        {"level": "info", "text": "computing in float32"},
        {"level": "error", "text": "out of memory"},
    ]
    storage.write_record(picture.record())
    assert queue.PictureQueue(storage).pictures["0007"].messages == picture.messages
    assert picture.summary()["words"] == ["painterly"]
    storage.write_record(picture.record() | {"messages": [{"level": "info", "text": "removed from the queue"}]})
    assert queue.PictureQueue(storage).pictures["0007"].status == "removed"


def test_the_curve_is_thinned_to_every_second_point():
    picture = QueuedPicture("0001", "0001-x", "x", {}, [])
    version = picture.version
    for iteration in range(CURVE_POINTS):
        picture.update(progress_at(iteration))
    assert picture.losses == [[iteration, 2 * iteration] for iteration in range(400)]
    picture.update(progress_at(400))
    assert picture.losses == [[iteration, 2 * iteration] for iteration in range(0, 401, 2)]
    assert picture.version == version + 401


def test_of_many_messages_the_latest_are_kept():
    picture = QueuedPicture("0001", "0001-x", "x", {}, [])
    for number in range(41):
        picture.add_message("info", str(number))
    assert [each["text"] for each in picture.messages] == [str(number) for number in range(1, 41)]


def test_a_run_that_is_stopping_does_not_paint_again(workers, storage):
    made = queue.PictureQueue(storage)
    number, structure = made.add(storage.asked), made.structure
    painter = workers[-1]
    painter.receive(painter, "progress", progress_at(0))
    assert (made.current.status, made.structure) == ("painting", structure + 1)
    painter.receive(painter, "progress", progress_at(1))
    assert made.structure == structure + 1
    for _ in range(2):
        made.stop(number)
    painter.receive(painter, "progress", progress_at(2))
    assert (made.current.status, painter.stopped) == ("stopping", 1)


@pytest.mark.parametrize(
    ("status", "kinds", "stopping", "ended"),
    [
        (0, (".png",), False, "done"),
        (0, (".png", ".state"), True, "done"),
        (143, (".png", ".state"), True, "stopped"),
        (143, (".png",), True, "stopped"),
        (1, (".png", ".state"), False, "stopped"),
        (1, (".png",), False, "failed"),
        (143, (".state",), True, "failed"),
        (143, (), True, "failed"),
    ],
)
def test_how_a_run_ended(workers, storage, status, kinds, stopping, ended):
    made = queue.PictureQueue(storage)
    picture = made.pictures[made.add(storage.asked)]
    painter, version = workers[-1], picture.version
    write_files(storage, picture.stem, kinds)
    if stopping:
        made.stop(picture.number)
    painter.receive(painter, "logged", ("info", "working"))
    painter.receive(painter, "ended", status)
    assert (picture.status, picture.version, made.current) == (ended, version + 1, None)
    said = [each["text"] for each in picture.messages if each["level"] == "error"]
    assert said == (["it ended before there was a picture"] if ended == "failed" else [])
    details = picture.details(storage)
    assert details["resumable"] == (".state" in kinds and ended != "done")
    assert details["kinds"] == [kind for kind in kinds if kind == ".png"]
    assert storage.records()[0]["status"] == ended


def test_an_error_of_the_run_says_why_it_failed(workers, storage):
    made = queue.PictureQueue(storage)
    picture, painter = made.pictures[made.add(storage.asked)], workers[-1]
    painter.receive(painter, "logged", ("error", "out of memory"))
    painter.receive(painter, "ended", 1)
    assert picture.messages == [{"level": "error", "text": "out of memory"}]


def test_the_last_preview_of_a_killed_run_is_kept(workers, storage):
    made = queue.PictureQueue(storage)
    picture, painter = made.pictures[made.add(storage.asked)], workers[-1]
    painter.receive(painter, "progress", progress_at(7))
    painter.receive(painter, "ended", -9)
    details = picture.details(storage)
    assert (details["status"], details["kinds"], details["last"]) == (
        "failed",
        [],
        {"iteration": 7, "iterations": 1000},
    )
    assert details["reason"] == "the process that painted it was killed by signal 9; the memory may have been full"
    assert details["image"] == f"api/pictures/{picture.number}/current?{picture.version}"
    for found in (picture, queue.PictureQueue(storage).pictures[picture.number]):
        assert Path(found.path(storage, ".last.jpg")).read_bytes() == b"JPEG"
        assert found.details(storage)["last"] == details["last"]
    made.remove(picture.number)
    assert not list(storage.folder.rglob(f"{picture.number}-*"))


def test_the_last_preview_is_kept_in_memory_where_the_disk_is_full(workers, storage, monkeypatch):
    made = queue.PictureQueue(storage)
    picture, painter = made.pictures[made.add(storage.asked)], workers[-1]
    painter.receive(painter, "progress", progress_at(7))
    monkeypatch.setattr(storage, "path", lambda stem, kind: f"/missing/{stem}{kind}")
    painter.receive(painter, "ended", 1)
    assert (picture.status, picture.preview, picture.last["iteration"]) == ("failed", b"JPEG", 7)


def test_a_picture_that_was_written_elsewhere_is_found(workers, storage, tmp_path):
    made = queue.PictureQueue(storage)
    picture, painter = made.pictures[made.add(storage.asked)], workers[-1]
    elsewhere = tmp_path / "neural_style-01234567.png"
    elsewhere.write_bytes(b"PNG")
    painter.receive(painter, "progress", progress_at(1000))
    painter.receive(painter, "logged", ("error", f"cannot write x; wrote {elsewhere} instead"))
    painter.receive(painter, "rescued", str(elsewhere))
    painter.receive(painter, "rescued", str(tmp_path / "neural_style-01234567.state"))
    painter.receive(painter, "ended", 1)
    details = picture.details(storage)
    assert (details["status"], details["rescued"], details["kinds"]) == ("rescued", str(elsewhere), [".png"])
    assert details["reason"] == f"cannot write x; wrote {elsewhere} instead"
    assert (details["width"], details["height"], details["last"]) == (80, 60, None)
    assert queue.PictureQueue(storage).pictures[picture.number].path(storage, ".png") == str(elsewhere)
    made.remove(picture.number)
    assert not elsewhere.exists()


def test_no_state_is_named_that_is_gone(workers, storage):
    made = queue.PictureQueue(storage)
    picture, painter = made.pictures[made.add(storage.asked)], workers[-1]
    write_files(storage, picture.stem, (".png", ".state"))
    output, state = (storage.path(picture.stem, kind) for kind in (".png", ".state"))
    painter.receive(painter, "logged", ("info", f"wrote {output}; its state is in {state}"))
    painter.receive(painter, "ended", 0)
    assert picture.messages == [{"level": "info", "text": f"wrote {output}"}]
    assert not Path(state).exists()


def test_what_the_list_shows_of_a_picture(workers, storage):
    made = queue.PictureQueue(storage)
    asked = storage.asked | {"settings": {"long_side": 80, "tv_weight": "3"}, "preset": "fast"}
    picture, painter = made.pictures[made.add(asked)], workers[-1]
    painter.receive(painter, "progress", progress_at(3))
    running = picture.running()
    assert (running["left"], running["total"], running["size"]) == ("2 min", "2 min", (40, 30))
    assert "picture" not in running
    painter.receive(painter, "ended", 0)
    shown = picture.summary()
    assert (shown["ordinal"], shown["width"], shown["height"]) == (1, 80, 60)
    assert (shown["content_name"], shown["style_names"]) == ("Astronaut", ["Chelsea"])
    assert (shown["content"], shown["styles"]) == (asked["content"], [asked["styles"][0]["picture"]])
    assert shown["words"] == ["fast", "80 px", "tv-weight 3"]
    assert shown["took"] == rounded(picture.seconds)
    assert shown["time"] > 1e9
    again = queue.PictureQueue(storage).pictures[picture.number].summary()
    assert again | {"version": 0, "image": ""} == shown | {"version": 0, "image": ""}


def test_an_upload_that_a_picture_needs_is_not_removed(workers, storage):
    storage.asked["content"] = storage.uploads.add(copy_of_an_example(storage), "K\u00f6ln.jpg").number
    made = queue.PictureQueue(storage)
    picture, content = made.pictures[made.add(storage.asked)], storage.asked["content"]
    write_files(storage, picture.stem, (".png", ".state"))
    for _ in range(2):  # while it is painted, and while it can be continued
        with pytest.raises(Wrong, match="picture 1 needs K\u00f6ln; delete that picture first"):
            made.remove_upload(content)
        workers[-1].receive(workers[-1], "ended", 143)
    storage.remove_state(picture.stem)
    assert picture.details(storage)["missing"] == []
    made.remove_upload(content)
    assert picture.details(storage)["missing"] == ["K\u00f6ln"]
    with pytest.raises(Wrong, match="an example"):
        made.remove_upload(storage.asked["styles"][0]["picture"])


def copy_of_an_example(storage):
    """The path of a file that is not yet an upload."""
    path = storage.folder / "copy.jpg"
    path.write_bytes(examples()[2].path.read_bytes())
    return path


def test_not_too_many_pictures_wait(workers, storage, monkeypatch):
    monkeypatch.setattr(queue, "MOST_WAITING", 2)
    made = queue.PictureQueue(storage)
    for _ in range(3):
        made.add(storage.asked)
    with pytest.raises(Wrong, match="2 pictures are waiting already"):
        made.add(storage.asked)


def test_a_stopped_run_continues_from_its_state(workers, storage):
    made = queue.PictureQueue(storage)
    picture = made.pictures[made.add(storage.asked)]
    write_files(storage, picture.stem, (".png", ".state"))
    with pytest.raises(ValueError, match="there is no stopped run to continue"):
        made.resume(picture.number)
    workers[-1].receive(workers[-1], "logged", ("info", "before"))
    workers[-1].receive(workers[-1], "ended", 143)
    made.resume(picture.number)
    assert workers[-1].tasks == [["--resume", storage.path(picture.stem, ".state"), "--overwrite"]]
    assert (picture.status, picture.messages) == ("starting", [])
    with pytest.raises(ValueError, match="stop it first"):
        made.remove(picture.number)
    workers[-1].receive(workers[-1], "ended", 0)
    assert (picture.status, picture.resume) == ("done", False)
    with pytest.raises(ValueError, match="there is no stopped run to continue"):
        made.resume(picture.number)


def test_one_that_waits_to_continue_stays_stopped_when_it_is_removed_from_the_queue(workers, storage):
    made = queue.PictureQueue(storage)
    stopped = made.pictures[made.add(storage.asked)]
    write_files(storage, stopped.stem, (".png", ".state"))
    workers[-1].receive(workers[-1], "ended", 143)
    made.add(storage.asked)
    waiting = made.pictures[made.add(storage.asked)]
    made.resume(stopped.number)
    for picture, status in ((stopped, "stopped"), (waiting, "removed")):
        assert picture.status == "waiting"
        made.stop(picture.number)
        assert (picture.status, picture.messages) == (status, [message_record("info", "removed from the queue")])


def test_a_server_finds_what_an_earlier_one_left(workers, storage):
    record = {"stem": "x", "title": "x", "asked": {}, "command": ["a"], "messages": [], "losses": []}
    for number, status in (("0001", "painting"), ("0002", "stopping"), ("0003", "waiting"), ("0004", "done")):
        storage.write_record(record | {"number": number, "stem": f"{number}-x", "status": status})
    write_files(storage, "0002-x", (".png", ".state"))
    made = queue.PictureQueue(storage)
    found = {number: (picture.status, picture.resume) for number, picture in made.pictures.items()}
    assert found == {
        "0001": ("failed", False),
        "0002": ("stopped", True),
        "0003": ("starting", False),
        "0004": ("done", False),
    }
    assert workers[-1].tasks == [["a"]]


def test_a_record_that_cannot_be_written_is_told_and_the_next_picture_is_painted(workers, storage, monkeypatch):
    made = queue.PictureQueue(storage)
    first, second = (made.pictures[made.add(storage.asked)] for _ in range(2))

    def full(record):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(storage, "write_record", full)
    write_files(storage, first.stem, (".png",))
    workers[-1].receive(workers[-1], "ended", 0)
    assert first.messages == [
        {"level": "error", "text": "cannot write the record of this picture: No space left on device"}
    ]
    assert made.current is second


@pytest.mark.parametrize("saved", [False, True])
def test_at_the_end_the_picture_that_is_painted_is_saved(workers, storage, saved):
    made = queue.PictureQueue(storage)
    picture = made.pictures[made.add(storage.asked)]
    painter, count = workers[-1], len(workers)
    made.add(storage.asked)
    if saved:
        write_files(storage, picture.stem, (".png",))
    assert made.close() == (storage.path(picture.stem, ".png") if saved else None)
    painter.receive(painter, "ended", 143)
    assert picture.status == ("stopped" if saved else "failed")
    assert (made.current, painter.stopped, len(workers)) == (None, 1, count)  # nothing else is begun


class _Previewer(_Worker):
    """Makes previews at once, or fails with two errors."""

    def __init__(self, receive, stays):
        super().__init__(receive)
        self.stays, self.status = stays, 0

    def carry_out(self, argv, copies=()):
        Path(argv[argv.index("--output") + 1]).write_bytes(b"preview")
        for error in ("a first error", "the last error") if self.status else ():
            self.receive(self, "logged", ("error", error))
        self.receive(self, "logged", ("info", "a note"))
        self.receive(self, "ended", self.status)


def test_a_preview_is_made_by_a_process_that_stays(monkeypatch, storage):
    made = []
    monkeypatch.setattr(previews, "Worker", lambda receive, stays: made.append(_Previewer(receive, stays)) or made[-1])
    maker = Previews(storage)
    assert maker.make(storage.asked) == b"preview"
    made[0].status = 1
    with pytest.raises(ValueError, match="the last error"):
        maker.make(storage.asked)
    made[0].is_alive = False
    assert maker.make(storage.asked) == b"preview"
    assert [each.stays for each in made] == [True, True]


def test_of_previews_that_wait_only_the_latest_is_made(monkeypatch, storage):
    monkeypatch.setattr(previews, "Worker", _Previewer)
    maker = Previews(storage)

    class Turn:
        """A lock that another request for a preview takes first."""

        def __enter__(self):
            maker._latest += 1

        def __exit__(self, *exception):
            pass

    maker._turn = Turn()
    with pytest.raises(Superseded):
        maker.make(storage.asked)
    assert not Path(storage.path("preview", ".jpg")).exists()
