"""The run of a film: each frame is a picture of its own, kept as a file; the film is written when all are there."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import shlex
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from brushwork import messages, state
from brushwork.errors import (
    COULD_NOT,
    DONE,
    ClusterLost,
    Diverged,
    DoesNotFit,
    Interrupted,
    Mistakes,
    NetworkError,
    PictureError,
)
from brushwork.messages import logger
from brushwork.pictures import write
from brushwork.run.interrupts import Interrupts
from brushwork.run.networks import network_reader
from brushwork.run.runner import Runner, print_all, run_interruptibly
from brushwork.video import describe, names
from brushwork.video.encode import Recipe, selected, write_film
from brushwork.video.frame_files import done_of
from brushwork.video.plan import FilmPlan, make_film_plan
from brushwork.video.progress import FilmProgress, ShowFilm
from brushwork.watch.contact_sheet import draw_rows, make_thumbnail

if TYPE_CHECKING:
    from brushwork.video.painters import Painter

    # (film, painter, indices of the finished frames, whether to stop): paints frames elsewhere, and adds their indices
    Spread = Callable[[FilmPlan, Painter, set[int], Callable[[], bool]], None]

SHOWN = 4  # frames of a contact sheet


def run(options: argparse.Namespace, show: ShowFilm | None = None, spread: Spread | None = None) -> int:
    """Paint the film that parsed options ask for, and return the exit status. Raises UserError.

    show: is told of the progress; by default standard error shows it. spread: paints frames on other machines; those
    that are missing then are painted here.
    """
    with messages.without_repeats():
        if options.saved and not options.saved.film:
            raise Mistakes(f"{options.resume} is the state of a picture, and {options.output} is a film")
        film = make_film_plan(options, network_reader(options))
        return run_interruptibly(lambda *given: _run(film, show, spread, *given), options)


def _run(film: FilmPlan, show: ShowFilm | None, spread: Spread | None, runner: Runner, interrupts: Interrupts) -> int:
    """Paint what is left of a film, and write it; the exit status."""
    from brushwork.video.painters import make_painter  # it imports TensorFlow: mistakes are found before

    with messages.noting_errors() as errors:
        try:
            painter = make_painter(film, runner)
            if film.options.dry_run:
                print_all(describe.lines(film, painter))
                return DONE
            finished = _begin(film, painter)
            if spread:
                spread(film, painter, finished, lambda: interrupts.status or time.monotonic() > film.deadline)
            ending = _paint(film, painter, interrupts, show, finished)
            if ending is None:
                _finish(film, painter)
            else:
                _keep(film, ending)
        except ClusterLost:
            _keep(film, f"interrupted after {len(finished)} of {len(film.numbers)} frames")
            return COULD_NOT
        except Diverged as error:
            _keep(film, f"{error}; try --precision float32")
            return COULD_NOT
        except (DoesNotFit, NetworkError, PictureError, MemoryError) as error:
            logger.error(str(error) or "out of memory")
    return COULD_NOT if errors else DONE


def _begin(film, painter):
    """Prepare the places of frames, and write the state, with which the film can be resumed however it ends.

    Returns the indices of the frames that are finished.
    """
    try:
        if not film.options.resume:
            film.files.remove()
            if film.state:
                film.files.forget(film.numbers)
        film.files.prepare()
        os.makedirs(os.path.dirname(film.output) or ".", exist_ok=True)
        if film.state:
            os.makedirs(os.path.dirname(film.state) or ".", exist_ok=True)
            state.write(film.state, film.saved(painter.facts()))
    except OSError as error:
        raise PictureError(f"cannot write {error.filename or film.output}: {error.strerror}") from error
    return film.files.finished(film.numbers) if film.options.resume else set()


def _paint(film, painter, interrupts, show, finished):
    """Paint the frames that are left. Returns None, or a clause that says why it ended before the last one.

    finished: the indices of frames, to which those are added that are painted here.
    """
    count = len(film.numbers)
    film = replace(film, done=done_of(finished))
    progress = FilmProgress(film, show)
    begin = max(0, film.done - painter.memory)
    numbers = film.numbers[begin:]
    index, contents = begin - 1, film.clip.frames(film.size, numbers)
    with closing(contents), progress:
        for index, content in enumerate(contents, start=begin):
            number = film.numbers[index] // film.numbers.step
            if index in finished:
                painter.recall(content, film.files.load(film.numbers[index] + 1), number)
                continue
            if time.monotonic() + progress.longest > film.deadline:
                return f"ended after {len(finished)} of {count} frames, in time"
            step = _last_step(progress.watch(painter.steps(content), index, painter), interrupts)
            if step is None:
                return f"interrupted after {len(finished)} of {count} frames"
            image = painter.raw(step, content) if film.files.is_raw else step.picture()
            about = film.about() if film.files.is_pattern else None
            saved = film.files.save(film.numbers[index] + 1, image, depth=film.options.depth, about=about)
            painter.follow(content, saved, number)
            finished.add(index)
            progress.finish(index, step, painter)
    if index + 1 < count:
        logger.warning(f"{film.clip.path} ends after {index + 1} frames, and {count} were expected")
    return None


def _last_step(steps, interrupts):
    """The last of the steps of a frame, or None if they were interrupted."""
    step = None
    with closing(steps), contextlib.suppress(Interrupted):
        for step in steps:  # noqa: B007
            if interrupts.status:
                return None
        return step
    return None


def _keep(film, ending):
    """Say how a film goes on that is not complete; an instant film has to begin again."""
    if film.state:
        logger.info(f"{ending}; continue with --resume {shlex.quote(film.state)}")
    else:
        film.files.remove()
        logger.info(ending)


def _finish(film, painter):
    """Write the film from its frames, then remove what was kept for it."""
    film = replace(film, numbers=film.numbers[: done_of(film.files.finished(film.numbers))])
    if not film.files.is_pattern:
        sound = film.clip.path if film.has_sound else None
        timing = film.clip.timing
        recipe = Recipe(
            selected(timing, film.numbers),
            film.about(),
            film.settings.video_quality,
            sound,
            timing.starts[film.numbers[0]] * timing.base,
        )
        for remark in write_film(film.output, _levels(film, painter), recipe):
            logger.warning(f"{film.output} {remark}")
    if film.files.is_raw and film.files.is_pattern:
        for number, levels in zip(film.numbers, _levels(film, painter), strict=True):
            write.save(names.numbered(film.output, number + 1), levels, metadata=film.about())
    logger.info(f"wrote {film.output}")
    if film.options.contact_sheet:
        _write_contact_sheet(film, painter)
    film.files.remove()
    if film.state:
        with contextlib.suppress(OSError):
            os.remove(film.state)


def _pictures(film, painter, numbers):
    """Yield (content, finished frame), float32 [H, W, 3], of some frames."""
    for number in numbers:
        content = next(film.clip.frames(film.size, range(number, number + 1)))
        yield content, painter.finished(film.files.load(number + 1), content)


def _levels(film, painter):
    """Yield the finished frames, uint8 [H, W, 3]."""
    contents = film.clip.frames(film.size, film.numbers) if film.files.is_raw else itertools.repeat(None)
    for number, content in zip(film.numbers, contents, strict=False):
        yield write.quantize(painter.finished(film.files.load(number + 1), content))


def _write_contact_sheet(film, painter):
    """Write a sheet of evenly spaced frames, the content above what was painted of it."""
    count = min(SHOWN, len(film.numbers))
    shown = [film.numbers[round(index * (len(film.numbers) - 1) / max(1, count - 1))] for index in range(count)]
    rows = [[], []]
    for number, pair in zip(shown, _pictures(film, painter, shown), strict=True):
        for row, caption, picture in zip(rows, (f"frame {number + 1}", ""), pair, strict=True):
            row.append((caption, make_thumbnail(picture)))
    try:
        write.save(film.options.contact_sheet, draw_rows(rows))
        logger.info(f"wrote {film.options.contact_sheet}")
    except PictureError as error:
        logger.error(str(error))
