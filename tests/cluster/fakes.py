"""A Dask client without processes: each worker is a thread that runs the actor, and is given what pickle has copied."""

import asyncio
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

from brushwork.cluster import facts


class FakeClient:
    """What Members and Member use of a Dask client. A context manager."""

    def __init__(self, workers=1, **about):
        """about: {name of a worker: Facts that it claims}."""
        self.workers, self.about = {}, about
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.loop = SimpleNamespace(asyncio_loop=self._loop)
        self.scheduler = SimpleNamespace(identity=self._identity)
        self.is_gone = False
        for number in range(1, workers + 1):
            self.join(f"w{number}")

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        for worker in self.workers.values():
            worker.hold.set()
            worker.pool.shutdown()
        asyncio.run_coroutine_threadsafe(self._loop.shutdown_default_executor(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def join(self, name):
        self.workers[name] = FakeWorker(self.about.get(name))
        return self.workers[name]

    async def _identity(self, n_workers):
        assert n_workers == -1
        if self.is_gone:
            raise OSError("the scheduler is gone")
        alive = {name: worker.seen() for name, worker in self.workers.items() if not worker.is_dead}
        return {"workers": alive}

    def submit(self, cls, *, actor, workers, allow_other_workers, pure):
        assert actor
        assert not allow_other_workers
        assert not pure
        (name,) = workers
        return SimpleNamespace(result=lambda seconds: self.workers[name].made(cls))


class FakeWorker:
    """A worker whose calls may be counted, and go wrong."""

    def __init__(self, about):
        self.about, self.pool = about, ThreadPoolExecutor(1)
        self.is_dead, self.before_run = False, lambda number, call: None
        self.hold = threading.Event()
        self.hold.set()
        self.runs, self.received, self.looks, self._last_seen, self.is_stopped = 0, [], 0, 0.0, False

    def made(self, cls):
        self.actor = cls()
        return SimpleNamespace(
            **{name: self._method(name) for name in ("meet", "load", "build", "begin", "run", "stop", "close")}
        )

    def die(self):
        self.is_dead = True

    def stop(self):
        """As SIGSTOP does; called by the worker itself."""
        self.is_stopped = True
        self.hold.clear()
        self.hold.wait()

    def resume(self):
        self.is_stopped = False
        self.hold.set()

    def seen(self):
        """What the scheduler says of it."""
        self.looks += 1
        if not self.is_stopped:
            self._last_seen += 1
        return {"nanny": None, "last_seen": self._last_seen}

    def _method(self, name):
        def call(*arguments):
            copies = pickle.loads(pickle.dumps(arguments))
            if name == "stop":
                return Answer(asyncio.run, self.actor.stop())
            return Answer(self.pool.submit(self._run, name, copies).result)

        return call

    def _run(self, name, arguments):
        self.hold.wait()
        if name == "run":
            self.runs += 1
            outcome = self.before_run(self.runs, *arguments)
            if outcome is not None:
                return outcome
        if self.is_dead:
            raise OSError("Unable to contact Actor's worker")
        if name == "meet" and self.about is not None:
            return self.about
        self.received.append((name, arguments))
        result = pickle.loads(pickle.dumps(getattr(self.actor, name)(*arguments)))
        if self.is_dead:
            raise OSError("Unable to contact Actor's worker")
        return result


class Answer:
    """What a method of an actor returns: it can be awaited, or asked for its result."""

    def __init__(self, function, *arguments):
        self._function, self._arguments = function, arguments

    def result(self, seconds=None):
        return self._function(*self._arguments)

    def __await__(self):
        return asyncio.get_running_loop().run_in_executor(None, self.result).__await__()


def until(condition, seconds=300):
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def own_facts(**changes):
    """The facts of this process, some of them changed."""
    from dataclasses import replace

    return replace(facts.here(), **changes)
