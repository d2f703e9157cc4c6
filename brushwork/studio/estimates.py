"""Estimates: the size of the picture or film that a request asks for, and the time that it takes.

The time is the cost of the run, as its schedule has it, times the pace of this machine. The pace depends on the network
and on the losses: a dry run measures it when they are asked for first, and every picture that is painted does again.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np

import vgg
from brushwork import files
from brushwork.engine import memory
from brushwork.errors import DoesNotFit, NetworkError
from brushwork.network import store
from brushwork.pictures import sizes
from brushwork.run.estimate import EVALUATIONS, rounded
from brushwork.run.worker import Progress, Worker
from brushwork.schedule import Schedule, make_schedule
from brushwork.settings import Settings
from brushwork.studio import films, requests
from brushwork.studio.refusals import Refused
from brushwork.studio.storage import Storage
from brushwork.video.describe import BYTES
from brushwork.video_settings import later_settings

START_SECONDS = 4.0  # before the first iteration, where no run has shown how long that takes


Request = dict[str, Any]  # see requests.command_line


class Estimates:
    """Estimates requests. Its methods may be called from several threads."""

    def __init__(
        self,
        storage: Storage,
        *,
        network: str | None = None,
        is_busy: Callable[[], bool] = lambda: False,
        changed: Callable[[], None] = lambda: None,
    ):
        """network: the value of --network. is_busy: whether other work would slow a measurement, and be slowed by it.

        changed: called when a pace becomes known.
        """
        self._storage, self._network, self._is_busy, self._changed = storage, network, is_busy, changed
        self._lock, self._outlines, self._closing = threading.Lock(), {}, threading.Event()
        self._wanted, self._worker, self._failed = None, None, set()
        self._path = storage.paces
        self._paces = _paces(self._path)  # {key: seconds of an iteration divided by the cost of an evaluation}
        self.number = 0  # grows whenever a pace becomes known

    def of(self, asked: Request, before: Sequence[tuple[Request, Progress | None]] = ()) -> dict[str, Any]:
        """What is known of a request before it is painted, ready for JSON. Raises Refused, as painting would.

        before: the requests of the pictures that are painted before it, with their progress.
        """
        place = self._storage, self._network
        argv = requests.command_line(asked, *place, output=self._storage.path("estimate", ".png"))
        found, settings = self._one(asked), requests.settings_of(asked)
        content = self._storage.uploads.find(asked["content"])
        side, is_free = settings.long_side, settings.width is None and settings.height is None
        is_smaller = bool(side and is_free and max(content.width, content.height) < side)
        larger = self._enlarged(asked, content, side) if is_smaller else None
        if content.is_clip:  # a dry run of one frame has the pace
            argv = requests.frame_command_line(asked, *place, output=argv[-1])
        is_measured = found["seconds"] is not None or not self._measure(asked, argv)
        waiting = [self._seconds_left(*each) for each in before]
        return found | {
            "long_side": side,
            "content": {"width": content.width, "height": content.height},
            "is_smaller": is_smaller,
            "enlarged": larger and {name: larger[name] for name in ("settings", "width", "height")},
            "enlarged_seconds": larger and larger["seconds"],
            "enlarged_time": larger and larger["time"],
            "measuring": not is_measured,
            "waiting": len(before),
            "waiting_time": rounded(sum(waiting)) if waiting and None not in waiting else None,
        }

    def record(self, asked: Request, progress: Progress, start_seconds: float) -> None:
        """Learn from a picture that was painted. start_seconds: until its first step."""
        with suppress(Refused):  # by a version with other settings
            if progress.pace is not None:
                self._learn({self._key(asked): progress.pace, "start": start_seconds})

    def close(self) -> None:
        """End the measurement that is made."""
        self._closing.set()
        if self._worker:
            self._worker.stop()
            self._worker.wait(5)

    def _enlarged(self, asked, content, side):
        """The estimate of a request with the size that it asks for, and the settings that give it."""
        size = {"width" if content.width >= content.height else "height": side}
        others = {name: value for name, value in asked.get("settings", {}).items() if name != "long_side"}
        return self._one(asked | {"settings": others | size}) | {"settings": size}

    def _one(self, asked):
        """Size, scales and time of a request."""
        settings = requests.settings_of(asked)
        content, *styles = requests.pictures_of(asked, self._storage)
        height, width = sizes.output_size(settings, content.height, content.width)
        schedule, refusal = self._schedule(asked, settings, (height, width), len(styles))
        cost, film = _cost(schedule), {"frames": None}
        if content.is_clip:
            count = len(films.numbers(asked, content))
            cost += (count - 1) * _cost(self._later(asked, settings, (height, width), len(styles)))
            film = {"frames": count, "disk": BYTES * height * width * count}
        seconds = None if refusal else self._seconds(asked, cost)
        names = "width", "height", "iterations"
        scales = [{name: getattr(scale, name) for name in names} for scale in schedule.scales]
        return {
            "width": width,
            "height": height,
            "seconds": seconds,
            "time": None if seconds is None else rounded(seconds),
            "scales": scales,
            "iterations": schedule.iterations,
            "refusal": refusal,
            **film,
        }

    def _later(self, asked, settings, size, styles):
        """The Schedule of a frame that follows from the one before; see video.painters."""
        each = films.frame_iterations(asked, requests.factor_of(asked))
        return self._schedule(asked, later_settings(settings, each), size, styles)[0]

    def _schedule(self, asked, settings, size, styles):
        """(the Schedule of a request, with the tiles that fit now; a sentence if it fits in no tiles, or None)"""
        masks = sum(bool(style.get("mask")) for style in asked["styles"])
        precision = "bfloat16" if settings.precision == "bfloat16" else "float32"
        try:
            outline = self._outline(requests.network_of(asked, self._network))
            work = memory.Workload(outline, settings, precision, size, [size] * styles, masks and styles)
            return make_schedule(settings, *size, memory.tile_sizes(work)), None
        except DoesNotFit as error:
            return make_schedule(settings, *size), str(error)
        except (NetworkError, KeyError):  # which painting will say
            return make_schedule(settings, *size), None

    def _outline(self, name):
        """The network of a value of --network, without its weights: only their shapes are needed."""
        name = store.default()[0] if name is None else name
        with self._lock:
            if name not in self._outlines:
                network = vgg.load(name)
                shapes = {layer: tuple(map(np.shape, both)) for layer, both in network.convolutions.items()}
                zero = np.float32(0)
                empty = {layer: tuple(np.broadcast_to(zero, each) for each in both) for layer, both in shapes.items()}
                self._outlines[name] = replace(network, convolutions=empty)
            return self._outlines[name]

    def _seconds(self, asked, cost):
        """The seconds that a run of a cost takes, or None if its pace is unknown."""
        pace = self._paces.get(self._key(asked))
        if pace is None:
            return None
        return self._paces.get("start", START_SECONDS) + pace * cost

    def _seconds_left(self, asked, progress):
        """The seconds until a picture that was requested before is done, or None."""
        if progress is not None and progress.seconds_left is not None:
            return progress.seconds_left
        with suppress(Refused):  # its pictures may be gone
            return self._one(asked)["seconds"]
        return None

    def _key(self, asked):
        """What the pace depends on, as a text."""
        settings: Settings = requests.settings_of(asked)
        masks, network = any(style.get("mask") for style in asked["styles"]), requests.network_of(asked, self._network)
        names = "precision", "style_losses", "content_layer_weights", "style_layer_weights", "nearest_layer_weights"
        names += "content_transport", "pooling", "optimizer"
        facts = [network, masks and len(asked["styles"])]
        facts += [sorted(value) if isinstance(value := getattr(settings, name), dict) else value for name in names]
        content = self._storage.uploads.find(asked["content"])
        return json.dumps(facts + ["film"] * content.is_clip)

    def _learn(self, paces):
        """Take over paces, and write them for the next server."""
        with self._lock:
            self._paces |= paces
            with suppress(OSError), files.replacing(self._path) as file:
                file.write(json.dumps(self._paces).encode())
            self.number += 1
        self._changed()

    def _measure(self, asked, argv):
        """Measure the pace of a request soon; returns whether that can be done."""
        key = self._key(asked)
        with self._lock:
            if key in self._failed or self._closing.is_set():
                return False
            is_idle, self._wanted = self._wanted is None, (key, argv)
        if is_idle:
            threading.Thread(target=self._measure_all, daemon=True).start()
        return True

    def _measure_all(self):
        """Measure the pace of the request that was asked for last, until none is left."""
        while not self._closing.wait(0.2):
            if self._is_busy():
                continue
            with self._lock:
                key, argv = self._wanted
                is_known = key in self._paces
            if not is_known:
                self._dry_run(key, argv)
            with self._lock:
                if self._wanted[0] == key:
                    self._wanted = None
                    return

    def _dry_run(self, key, argv):
        """Make a dry run, and learn its pace."""
        ended, measured = threading.Event(), []

        def receive(worker, kind, content):
            if kind == "measured":
                measured.append(content)
            elif kind == "ended":
                ended.set()

        self._worker = Worker(receive)
        self._worker.carry_out([*argv, "--dry-run"])
        while not ended.wait(1) and self._worker.is_alive:
            pass
        if measured:
            self._learn({key: measured[0].pace * EVALUATIONS})
        else:
            self._failed.add(key)
            self._changed()


def _cost(schedule: Schedule) -> float:
    """The cost of a run, with its targets."""
    return sum(scale.evaluation_cost * (scale.iterations + 1) for scale in schedule.scales)


def _paces(path):
    """The paces that an earlier server wrote."""
    with suppress(OSError, ValueError, AttributeError), open(path, encoding="utf-8") as file:
        found = json.load(file)
        return {key: pace for key, pace in found.items() if isinstance(pace, float) and 0 < pace < 1e6}
    return {}
