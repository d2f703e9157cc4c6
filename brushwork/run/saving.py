"""Saving: writes the picture and the state at the end of a run, or elsewhere if their own place cannot be written."""

from __future__ import annotations

import os
import secrets
import shlex
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from brushwork import state
from brushwork.errors import PictureError
from brushwork.messages import logger
from brushwork.pictures import metadata, write
from brushwork.preview_settings import PreviewSettings
from brushwork.run.resuming import states_beside
from brushwork.watch import contact_sheet

if TYPE_CHECKING:
    from brushwork.run.plan import Plan, PreviewPlan
    from stylize import Step


@dataclass(frozen=True)
class Ending:
    """How a run ended."""

    reason: str | None = None  # a clause; None: it reached its last iteration, or failed with a message of its own
    is_finished: bool = False  # whether there is nothing left to do
    with_state: bool = False  # whether the state is saved too


FAILED = Ending()  # of a run that failed: its picture is saved, and no state, from which it would fail again


def ending_of(plan: Plan | PreviewPlan, step: Step, *, interrupted: bool) -> Ending:
    """The Ending of a run that did not fail, after its last step."""
    reason, is_finished = _reason(plan, step, interrupted)
    return Ending(reason, is_finished, bool(plan.job.state) or (interrupted and not is_finished))


def save_results(
    plan: Plan | PreviewPlan, step: Step, ending: Ending, shots: Sequence[contact_sheet.Shot] = ()
) -> None:
    """Write the picture of the last step, the contact sheet and, if `ending` says so, the state; log where they are.

    shots: what contact_sheet.collect_shots collected. The state comes last: it has the digests of the other files.
    """
    path = _written(plan.job.output, plan, lambda path: save_picture(path, plan, step))
    clauses = [ending.reason, f"wrote {path}" if path == plan.job.output else None]
    if plan.options.contact_sheet:
        save_contact_sheet(plan, shots, step)
    if ending.with_state:
        clauses.append(_save_state(plan, step, ending.is_finished))
    if any(clauses):
        logger.info("; ".join(filter(None, clauses)))


def save_checkpoint(plan: Plan, step: Step) -> None:
    """Write the picture that the run would give if it ended with this step."""
    try:
        save_picture(plan.job.checkpoint(step.iteration), plan, step)
    except PictureError as error:
        logger.error(f"{error}; going on")


def save_interim_state(plan: Plan, step: Step) -> None:
    """Write the state of a run that continues."""
    try:
        _write_state(plan.job.state, plan, saved_run(plan, step.state()))
    except OSError as error:
        logger.error(f"cannot write {plan.job.state}: {error.strerror}; going on")


def save_contact_sheet(plan: Plan | PreviewPlan, shots: Sequence[contact_sheet.Shot], step: Step) -> None:
    """Write the contact sheet. shots: what contact_sheet.collect_shots collected."""
    pictures = [(f"content: {os.path.basename(plan.job.content)}", plan.content)]
    for name, style in zip(plan.job.styles, plan.styles, strict=True):
        pictures.append((f"style: {os.path.basename(name)}", style))
    try:
        sheet = contact_sheet.sheet(pictures, shots, step.picture())
        write.save(plan.options.contact_sheet, sheet, replacing=plan.own.replacing)
        logger.info(f"wrote {plan.options.contact_sheet}")
    except PictureError as error:
        logger.error(str(error))


def save_picture(path: str, plan: Plan | PreviewPlan, step: Step) -> None:
    """Write the picture of a step, with its settings as metadata. Raises PictureError."""
    about = metadata.about(plan.settings, plan.network.digest, step)
    options = {"depth": plan.options.depth, "opacity": plan.opacity, "replacing": plan.own.replacing}
    write.save(path, step.picture(), metadata=about, photograph=plan.photograph, **options)


def saved_run(plan: Plan, at: state.State, *, is_finished: bool = False) -> state.Saved:
    """What a state file holds of a run that is at the State `at`."""
    return state.Saved(
        at,
        state.settings_as_json(plan.settings),
        plan.digests,
        plan.options.command,
        picture_paths=(plan.job.content, *plan.job.styles),
        directory=os.getcwd(),
        finished=is_finished,
        written=plan.own.digests(),
    )


def _write_state(path, plan, saved):
    state.write(path, saved, partial(plan.own.replacing, is_state=True))


def _reason(plan, step, interrupted):
    """(why a run ended before its last iteration, or None; whether there is nothing left to do)"""
    iterations = 0 if isinstance(plan.settings, PreviewSettings) else plan.schedule.iterations
    if step.iteration >= iterations:
        return None, True
    if interrupted:
        return f"interrupted after {step.iteration} of {iterations} iterations", False
    in_time = plan.deadline < float("inf")
    reason = "in time" if in_time else "as no step lowers the loss"
    return f"ended after {step.iteration} of {iterations} iterations, {reason}", not in_time


def _save_state(plan, step, is_finished):
    """Write the state and return a clause that says where it is, or None."""
    path = plan.job.state or _place_for_state(plan)
    saved = saved_run(plan, step.state(), is_finished=is_finished)
    path = _written(path, plan, lambda path: _write_state(path, plan, saved))
    what = finished_state(path) if is_finished else f"continue with --resume {shlex.quote(path or '')}"
    return what if path else None


def finished_state(path: str | None) -> str:
    """The clause of a message that says where the state of a finished run is."""
    return f"its state is in {path}"


def _place_for_state(plan):
    """The first path beside the output at which no file of the user or of another run is."""
    for path in states_beside(plan.job.output):
        if plan.own.may_replace(path) and (plan.own.wrote(path) or not os.path.lexists(path) or state.is_state(path)):
            return path
    raise AssertionError  # there is no last path


def _written(path: str, plan: Plan | PreviewPlan, write_to: Callable[[str], None]) -> str | None:
    """Where write_to(path) succeeded: at `path`, beside it, beside the state, in another directory, or nowhere."""
    try:
        write_to(path)
        return path
    except (PictureError, OSError) as error:
        reason = str(error) if isinstance(error, PictureError) else f"cannot write {path}: {error.strerror}"
    for directory in _other_directories(path, plan):
        name = f"neural_style-{secrets.token_hex(4)}{os.path.splitext(path)[1]}"
        fallback = os.path.abspath(os.path.join(directory, name))
        with suppress(PictureError, OSError):
            write_to(fallback)
            logger.error(f"{reason}; wrote {fallback} instead", extra={"rescued": fallback})
            return fallback
    logger.error(f"{reason}; it could not be written elsewhere either")
    return None


def _other_directories(path, plan):
    """Yield the directories in which to try to save what cannot be written at a path."""
    yield os.path.dirname(path)
    if plan.job.state:
        yield os.path.dirname(plan.job.state)
    with suppress(OSError):  # there may be no temporary directory either
        yield tempfile.gettempdir()
    yield os.path.expanduser("~")
