"""Saving: the picture and the state of a run, however it ends, and where else if their place cannot be written."""

import os
import secrets
import shlex
import tempfile
from contextlib import suppress

from brushwork import state
from brushwork.errors import PictureError
from brushwork.messages import logger
from brushwork.pictures import write
from brushwork.run.resuming import default_state
from brushwork.watch import contact_sheet


def save_results(plan, step, *, ending, finished=False, with_state):
    """Write the picture of the last Step and, if `with_state`, the state, and say what was written.

    ending, finished: what `how_it_ended` returns.
    """
    path = _written(plan.job.output, plan, lambda path: plan.save_picture(path, step))
    clauses = [ending, f"wrote {path}" if path == plan.job.output else None]
    if with_state:
        clauses.append(_save_state(plan, step, finished))
    if any(clauses):
        logger.info("; ".join(filter(None, clauses)))


def save_checkpoint(plan, step):
    """Write the picture that the run would give if it ended with this Step."""
    try:
        plan.save_picture(plan.job.checkpoint(step.iteration), step)
    except PictureError as error:
        logger.error(f"{error}; going on")


def save_interim_state(plan, step):
    """Write the state of the run while it goes on."""
    try:
        state.write(plan.job.state, plan.saved(step.state()))
    except OSError as error:
        logger.error(f"cannot write {plan.job.state}: {error.strerror}; going on")


def save_contact_sheet(plan, shots, step):
    """Write the contact sheet; shots: what contact_sheet.collect_shots collected."""
    pictures = [(f"content: {os.path.basename(plan.job.content)}", plan.content)]
    for name, style in zip(plan.job.styles, plan.styles, strict=True):
        pictures.append((f"style: {os.path.basename(name)}", style))
    try:
        write.save(plan.options.contact_sheet, contact_sheet.sheet(pictures, shots, step.picture()))
        logger.info(f"wrote {plan.options.contact_sheet}")
    except PictureError as error:
        logger.error(str(error))


def _save_state(plan, step, finished):
    """Write the state; returns a clause about it, or None."""
    path = plan.job.state or default_state(plan.job.output)
    if not plan.job.state and os.path.lexists(path) and not state.is_state(path):
        return f"{path} exists and is not a state, so the state is lost; choose a file with --state"
    saved = plan.saved(step.state(), finished=finished)
    path = _written(path, plan, lambda path: state.write(path, saved))
    what = f"its state is in {path}" if finished else f"continue with --resume {shlex.quote(path or '')}"
    return what if path else None


def _written(path, plan, write_to):
    """Where write_to(path) succeeded: at `path`, beside the state, in the temporary directory, or nowhere (None)."""
    try:
        write_to(path)
        return path
    except (PictureError, OSError) as error:
        reason = str(error) if isinstance(error, PictureError) else f"cannot write {path}: {error.strerror}"
    beside_state = [os.path.dirname(plan.job.state) or "."] if plan.job.state else []
    for directory in (*beside_state, tempfile.gettempdir()):
        name = f"neural_style-{secrets.token_hex(4)}{os.path.splitext(path)[1]}"
        fallback = os.path.abspath(os.path.join(directory, name))
        with suppress(PictureError, OSError):
            write_to(fallback)
            logger.error(f"{reason}; wrote {fallback} instead")
            return fallback
    logger.error(f"{reason}; it could not be written elsewhere either")
    return None


def how_it_ended(plan, step, interrupted):
    """(a clause that says why a run ended before its last iteration, or None; whether there is nothing left to do)."""
    iterations = 0 if plan.settings.instant else plan.schedule.iterations
    if step.iteration >= iterations:
        return None, True
    if interrupted:
        return f"interrupted after {step.iteration} of {iterations} iterations", False
    in_time = plan.deadline < float("inf")
    reason = "in time" if in_time else "as no step lowers the loss"
    return f"ended after {step.iteration} of {iterations} iterations, {reason}", not in_time
