"""The pipeline: the steps of a run pass through every watcher that its flags ask for."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from brushwork.messages import logger
from brushwork.run import estimate, saving
from brushwork.run.plan import Plan
from brushwork.watch import Steps, contact_sheet, progress, report, table
from brushwork.watch.contact_sheet import Shot

if TYPE_CHECKING:  # TensorFlow is imported for one of the watchers only
    import tensorflow.compat.v1 as tf

Show = Callable[[Steps, Plan], Steps]  # a watcher that shows the progress


def watch(
    steps: Steps,
    plan: Plan,
    *,
    graph: "tf.Graph | None",
    shots: list[Shot],
    pictures: int = 0,
    show: Show | None = None,
) -> Steps:
    """Passes the steps of a plan through its watchers.

    graph: shown by TensorBoard. shots: the pictures for the contact sheet are appended to it. pictures: the number that
    the command makes; their duration is estimated unless it is 0. show: shows the progress and the duration; by default
    that is done on standard error.
    """
    options, schedule = plan.options, plan.schedule
    last = schedule.iterations
    if options.tensorboard:
        from brushwork.watch import tensorboard

        every = options.checkpoint_iterations or tensorboard.PICTURES_EVERY
        steps = tensorboard.write_events(steps, options.tensorboard, graph, every=every, last=last)
    if options.contact_sheet:
        steps = contact_sheet.collect_shots(steps, last, shots)
    steps = report.end_in_time(steps, schedule, plan.deadline)
    if pictures and show is None:
        steps = report.estimate_duration(
            steps, schedule, tell=lambda seconds: logger.info(estimate.duration(plan, seconds, pictures))
        )
    if len(schedule.scales) > 1:
        steps = report.announce_scales(steps, schedule)
    if options.print_iterations:
        steps = report.print_losses(steps, options.print_iterations, last)
    steps = _write_files(steps, plan)
    if show:
        return show(steps, plan)
    return steps if options.quiet else progress.show_progress(steps, schedule, verbose=options.verbose)


def _write_files(steps, plan):
    """Passes the steps on and writes the table and the plot of the losses, checkpoints and states."""
    every, last = plan.options.print_iterations or 1, plan.schedule.iterations
    if plan.job.table or plan.job.plot:
        paths = table.Paths(plan.job.table, plan.job.plot)
        steps = table.record_losses(steps, every, last, paths, rows=_rows_before(plan), replacing=plan.own.replacing)
    if plan.job.checkpoints:
        save = partial(saving.save_checkpoint, plan)
        steps = report.save_checkpoints(steps, plan.options.checkpoint_iterations, last, save)
    if plan.options.state_iterations:
        save = partial(saving.save_interim_state, plan)
        steps = report.save_states(steps, plan.options.state_iterations, save)
    return steps


def _rows_before(plan):
    """The rows of the table that the run goes on with: those before the state that it resumes from."""
    if not (plan.resume and plan.job.table):
        return []
    return table.rows_before(plan.job.table, plan.schedule.scales[plan.resume.scale].before + plan.resume.index)
