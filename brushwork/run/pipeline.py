"""Watching: the steps of a run passed through every watcher that its flags ask for."""

from functools import partial

from brushwork.messages import logger
from brushwork.run import estimate, saving
from brushwork.watch import contact_sheet, progress, report, table


def watched(steps, plan, *, graph, shots, pictures=0, show=None):
    """The iterator `steps` of a plan, watched. graph: for TensorBoard; shots: a list, for the contact sheet.

    pictures: how many the command makes; their duration is estimated, unless it is 0. show(steps, plan): shows the
    progress; by default that is done on standard error.
    """
    options, schedule = plan.options, plan.schedule
    last = schedule.iterations
    if options.tensorboard:
        from brushwork.watch import tensorboard

        every = options.checkpoint_iterations or tensorboard.PICTURES_EVERY
        steps = tensorboard.write_events(
            steps, options.tensorboard, graph, every=every, last=last, complain=logger.error
        )
    if options.contact_sheet:
        steps = contact_sheet.collect_shots(steps, last, shots)
    steps = report.end_in_time(steps, schedule, plan.deadline)
    if pictures:
        steps = report.estimate_duration(
            steps, schedule, lambda seconds: logger.info(estimate.duration(plan, seconds, pictures))
        )
    if len(schedule.scales) > 1:
        steps = report.announce_scales(steps, schedule, logger.info)
    if options.print_iterations:
        steps = report.print_losses(steps, options.print_iterations, last)
    if plan.job.table or plan.job.plot:
        paths = table.Paths(plan.job.table, plan.job.plot)
        rows = _rows_before(plan)
        steps = table.record_losses(steps, options.print_iterations or 1, last, paths, rows=rows, complain=logger.error)
    if plan.job.checkpoints:
        save = partial(saving.save_checkpoint, plan)
        steps = report.save_checkpoints(steps, options.checkpoint_iterations, last, save)
    if options.state_iterations:
        save = partial(saving.save_interim_state, plan)
        steps = report.save_states(steps, options.state_iterations, save)
    if show:
        return show(steps, plan)
    return steps if options.quiet else progress.show_progress(steps, schedule, verbose=options.verbose, say=logger.info)


def _rows_before(plan):
    """The rows of the table that the run goes on with: those before the state that it resumes from."""
    if not (plan.resume and plan.job.table):
        return []
    return table.rows_before(plan.job.table, plan.schedule.scales[plan.resume.scale].before + plan.resume.index)
