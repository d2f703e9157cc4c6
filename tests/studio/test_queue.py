"""The queue: whose messages it takes."""

import pytest

from brushwork.run.worker import Progress
from brushwork.studio import queue
from brushwork.studio.storage import Storage, examples


class Workers(list):
    """Stands in for the class Worker: the workers that were made."""

    def __call__(self, receive, *, stays=False):
        worker = _Worker(receive)
        self.append(worker)
        return worker


class _Worker:
    def __init__(self, receive):
        self.receive, self.is_alive = receive, True

    def carry_out(self, argv, copies=()):
        pass


@pytest.fixture
def workers(monkeypatch):
    workers = Workers()
    monkeypatch.setattr(queue, "Worker", workers)
    return workers


def test_a_late_message_is_not_the_next_pictures(workers, tmp_path):
    storage = Storage(tmp_path / "storage")
    content, style = (storage.add(str(path), path.stem, in_place=True) for path in examples()[:2])
    asked = {"content": content.number, "styles": [{"picture": style.number}]}
    made = queue.PictureQueue(storage)
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


def test_a_message_in_the_middle_of_a_run_is_among_the_news(workers, tmp_path):
    storage, changes = Storage(tmp_path / "storage"), []
    content, style = (storage.add(str(path), path.stem, in_place=True) for path in examples()[:2])
    made = queue.PictureQueue(storage, changed=lambda: changes.append(made.current.running()))
    made.add({"content": content.number, "styles": [{"picture": style.number}]})
    painter, progress = workers[-1], Progress(1, 9, 1, 1, (40, 30), {"total": 5.0}, 0.1, None, b"JPEG")
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
