"""The queue: whose messages it takes."""

import pytest

import neural_style
from brushwork.studio import queue
from brushwork.studio.storage import Storage, examples


class Workers(list):
    """Stands in for the class Worker: the workers that were made."""

    def __call__(self, program, receive, *, stays=False):
        worker = _Worker(receive)
        self.append(worker)
        return worker


class _Worker:
    def __init__(self, receive):
        self.receive, self.is_alive = receive, True

    def paint(self, argv, copies=()):
        pass


@pytest.fixture
def workers(monkeypatch):
    workers = Workers()
    monkeypatch.setattr(queue, "Worker", workers)
    return workers


def test_a_late_message_is_not_the_next_pictures(workers, tmp_path):
    storage = Storage(tmp_path / "storage")
    content, style = (storage.add(str(path), path.stem, keep=True) for path in examples()[:2])
    asked = {"content": content.number, "styles": [{"picture": style.number}]}
    made = queue.PictureQueue(storage, None, neural_style.make_parser)
    first, second = made.paint(asked), made.paint(asked)
    painter = workers[-1]
    painter.receive(painter, "ended", 1)
    assert (made.pictures[first].status, made.current.number) == ("failed", second)
    painter.receive(painter, "said", "too late")
    painter.receive(painter, "ended", 1)
    assert made.current.number == second
    assert made.current.said == []
    workers[-1].receive(workers[-1], "said", "in time")
    assert made.current.said == ["in time"]
