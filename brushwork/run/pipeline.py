"""Watching: the steps of a run passed through every watcher that its flags ask for."""

import itertools
from functools import partial

from brushwork.messages import logger
from brushwork.run import duration, saving
from brushwork.watch import contact_sheet, progress, report, table


def watched(steps, plan, *, graph, shots, pictures=0, show=None):
    """The iterator `steps` of a plan, watched. graph: for TensorBoard; shots: a list, for the contact sheet.

    pictures: how many the command makes; their duration is estimated, unless it is 0. show(steps, plan): shows the
    progress; by default that is done on standard error.
    """
    options, size = plan.options, plan.content.shape[:2]
    ends = list(itertools.accumulate(plan.settings.iteration_counts(*size)))
    scales = list(zip(plan.settings.sizes(*size), ends, strict=True))
    if options.tensorboard:
        from brushwork.watch import tensorboard

        every = options.checkpoint_iterations or tensorboard.PICTURES_EVERY
        how = {"every": every, "last": ends[-1], "complain": logger.error}
        steps = tensorboard.watched(steps, options.tensorboard, graph, **how)
    if options.contact_sheet:
        steps = contact_sheet.collected(steps, ends[-1], shots)
    steps = report.limited(steps, plan.deadline, scales)
    if pictures:
        work = duration.work(plan)

        def tell(seconds):
            logger.info(duration.sentence(plan, seconds, pictures))

        steps = report.estimated(steps, ends, work, tell)
    if len(scales) > 1:
        steps = report.announced(steps, scales, logger.info)
    if options.print_iterations:
        steps = report.printed(steps, options.print_iterations, ends[-1])
    if plan.job.table or plan.job.plot:
        rows = table.rows_before(plan.job.table, _iterations_done(plan)) if plan.resume and plan.job.table else []
        paths = {"table_path": plan.job.table, "plot_path": plan.job.plot}
        how = {"rows": rows, "complain": logger.error}
        steps = table.recorded(steps, options.print_iterations or 1, ends[-1], **paths, **how)
    if plan.job.checkpoints:
        save = partial(saving.save_checkpoint, plan)
        steps = report.with_checkpoints(steps, options.checkpoint_iterations, ends[-1], save)
    if options.state_iterations:
        steps = report.with_states(steps, options.state_iterations, partial(saving.save_interim_state, plan))
    if show:
        return show(steps, plan)
    return steps if options.quiet else progress.watched(steps, ends, verbose=options.verbose, say=logger.info)


def _iterations_done(plan):
    """The number of iterations before the state that the run goes on from."""
    return sum(plan.settings.iteration_counts(*plan.content.shape[:2])[: plan.resume.scale]) + plan.resume.index
