"""The runner: makes the pictures that a command line asks for, and saves each however its run ends."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from brushwork import files, messages
from brushwork.engine import session
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
from brushwork.run import estimate, jobs, outputs, pipeline, plan, process, resuming, saving
from brushwork.run.claims import Claims
from brushwork.run.interrupts import Interrupts
from brushwork.run.jobs import Job
from brushwork.run.machines import Machines
from brushwork.run.networks import NetworkReader, network_reader
from brushwork.run.pipeline import Show
from brushwork.run.plan import Plan, PreviewPlan

if TYPE_CHECKING:
    from brushwork.engine.objective import Objective
    from brushwork.engine.term import Term
    from brushwork.preview.network import PreviewNetwork
    from brushwork.preview.saved_model import SavedModelNetwork

# Modules that import TensorFlow are imported in the functions that need them: mistakes are found before.

GRACE = 0.5  # s: an interrupted evaluation that takes longer to end is abandoned with the process


def run(options: argparse.Namespace, show: Show | None = None, machines: Machines | None = None) -> int:
    """Make the pictures that parsed options ask for, and return the exit status. Raises UserError.

    show: shows the progress of optimisations; by default a bar or lines on standard error do. machines: where tiles are
    computed; by default in this process.
    """
    with messages.without_repeats():
        batch = resuming.choose_job(jobs.make_jobs(options), options)
        claims = Claims(batch, options)
        claims.check_batch()
        network_for, only = network_reader(options), None
        if len(batch) == 1:
            if (job := resuming.resume_or_skip(batch[0])) is None:
                return DONE
            only = plan.make_plan(job, options, network_for, claims)  # before TensorFlow is imported

        def make(runner: Runner, interrupts: Interrupts) -> int:
            def alone(pictures: Sequence[Job]) -> int:
                return run_batch(pictures, options, network_for, claims, runner, interrupts)

            if only:
                return runner.run(only)
            return alone(batch) if machines is None else machines.paint(batch, options, alone)

        return run_interruptibly(make, options, pictures=len(batch), show=show, machines=machines)


def run_interruptibly(
    make: Callable[[Runner, Interrupts], int],
    options: argparse.Namespace,
    *,
    pictures: int = 1,
    show: Show | None = None,
    machines: Machines | None = None,
) -> int:
    """Import TensorFlow, carry out make(runner, interrupts) and return the exit status: its own, or of an interrupt."""
    session.import_tensorflow()
    process.check_interrupt()
    interrupts = Interrupts(files.remove_unfinished, restore=not process.is_own())
    runner = Runner(options, interrupts, pictures=pictures, show=show, machines=machines)
    with interrupts, _connected(machines, interrupts) as connected, runner:
        if not connected:
            logger.info("interrupted; there is no picture yet")
            return interrupts.status
        status = make(runner, interrupts)
        if interrupts.status and not runner.has_ended(GRACE):
            interrupts.end_process()
        return interrupts.status or status


def run_batch(
    batch: Sequence[Job],
    options: argparse.Namespace,
    network_for: NetworkReader,
    claims: Claims,
    runner: Runner,
    interrupts: Interrupts,
) -> int:
    """Make one picture after the other, and return the exit status. A failure is logged, and the rest continue."""
    counts, logged = {"done": 0, "failed": 0, "skipped": 0}, set()
    for number, job in enumerate(batch, start=1):
        if interrupts.status:
            break
        if (job := resuming.resume_or_skip(job)) is None:
            counts["skipped"] += 1
            continue
        logger.info(f"picture {number} of {len(batch)}: {job.output}")
        try:
            planned = plan.make_plan(job, options, network_for, claims)
        except Mistakes as mistakes:
            new = [sentence for sentence in mistakes.sentences if sentence not in logged]
            logged.update(new)
            for sentence in new or [f"cannot make {job.output} for the same reason"]:
                logger.error(sentence)
            counts["failed"] += 1
            continue
        status = runner.run(planned)
        if not interrupts.status:
            counts["done" if status == DONE else "failed"] += 1
    left = {"not started or not finished": len(batch) - sum(counts.values())}
    logger.info(", ".join(f"{count} {what}" for what, count in (counts | left).items() if count or what == "done"))
    return COULD_NOT if counts["failed"] else DONE


class Runner:
    """Makes the pictures of plans with the same settings in one graph and one session. A context manager."""

    def __init__(
        self,
        options: argparse.Namespace,
        interrupts: Interrupts,
        *,
        pictures: int = 1,
        show: Show | None = None,
        machines: Machines | None = None,
    ):
        """pictures: how many will be made, for the estimate of their duration. show, machines: as for `run`."""
        self._options, self._interrupts, self._pictures, self._show = options, interrupts, pictures, show
        self._machines, self._is_cut_off = machines, False
        self._objective = self._preview = None
        self._sessions = ExitStack()

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *exception: object) -> None:
        self._sessions.close()

    def has_ended(self, seconds: float) -> bool:
        """Whether an interrupted evaluation has ended, after so many seconds at most."""
        return all(each is None or each.has_ended(seconds) for each in (self._objective, self._preview))

    def run(self, plan: Plan | PreviewPlan) -> int:
        """Make the picture of a plan; returns DONE, or COULD_NOT if an error was logged.

        However the run ends, the picture so far is saved.
        """
        with messages.noting_errors() as errors:
            self._run(plan)
        return COULD_NOT if errors else DONE

    def _run(self, plan):
        step, failed, shots = None, True, []
        try:
            with closing(self._steps(plan, shots)) as steps:
                for step in steps:  # noqa: B007
                    if self._interrupts.status:
                        break
            failed = False
        except ClusterLost as error:
            failed, self._is_cut_off = False, True
            logger.error(str(error))
        except Interrupted:  # in the middle of an evaluation
            failed = False
        except Diverged as error:
            hint = "try a smaller --learning-rate" if plan.settings.optimizer == "adam" else "try --precision float32"
            logger.error(f"{error}; {hint}")
        except (DoesNotFit, NetworkError, PictureError, MemoryError) as error:
            logger.error(str(error) or "out of memory")
        finally:
            interrupted = bool(self._interrupts.status) or self._is_cut_off
            if step:
                ending = saving.FAILED if failed else saving.ending_of(plan, step, interrupted=interrupted)
                saving.save_results(plan, step, ending, shots)
            elif interrupted:
                logger.info("interrupted; there is no picture yet")

    def _steps(self, plan, shots):
        """The watched steps of a plan; none for a dry run, which is described on standard output.

        shots: a list to which the pictures of the contact sheet are added.
        """
        if isinstance(plan, PreviewPlan):
            return self._preview_steps(plan)
        from stylize import stylize

        plan = plan.with_precision(session.chosen_precision(plan.settings.precision))
        if self._machines is not None:
            plan = replace(plan, tile_sizes=tuple(self._machines.tile_sizes(plan.workload, plan.tile_sizes)))
        faster, where = session.chosen_precision("auto"), estimate.in_tiles(plan.content.shape[:2], plan.tile_sizes[-1])
        hint = f"; --precision {faster} is faster here" if plan.precision == "float32" != faster else ""
        logger.info(f"computing in {plan.precision}{where}{hint}")
        objective = self.objective(plan)
        if self._options.dry_run:
            return self._dry_run(plan, objective)
        outputs.make_directories(plan.job, self._options)
        steps = stylize(
            objective,
            plan.content,
            plan.styles,
            plan.settings_for_stylize,
            initial=plan.initial,
            masks=plan.masks,
            resume=plan.resume,
            tile_sizes=plan.tile_sizes,
        )
        pictures, self._pictures = self._pictures, 0  # the first one tells how long all take
        graph = objective.graph
        return pipeline.watch(steps, plan, graph=graph, shots=shots, pictures=pictures, show=self._show)

    def _dry_run(self, plan, objective):
        """No steps: the run is described on standard output, or shown with the pace that is measured."""
        if self._show is None:
            print_all(estimate.describe(plan, objective))
            return _no_steps()
        return self._show(_no_steps(), replace(plan, pace=estimate.seconds_per_cost(plan, objective)))

    def _preview_steps(self, plan):
        """The steps of a preview: None until there is a picture, and then the picture."""
        from brushwork.preview import memory, network

        memory.check(plan.content.shape[:2], len(plan.masks.styles))
        if self._options.dry_run:
            print_all(estimate.describe_preview(plan))
            return _no_steps()
        opened = self.preview_network(plan)
        outputs.make_directories(plan.job, self._options)
        return network.steps(opened, plan.content, plan.styles, plan.settings, plan.masks)

    def objective(self, plan: Plan, *further: Term) -> Objective:
        """The Objective of a plan with a precision, made with the first one. further: terms beside the settings'."""
        from stylize import make_objective, make_terms

        if self._objective is None:
            given = {"terms": [*make_terms(plan.settings, plan.masks), *further]} if further else {}
            if self._machines is not None:
                given |= {"threads": self._machines.threads, "map_tiles": self._machines.map_tiles}
            objective = make_objective(plan.network, plan.settings, plan.masks, precision=plan.precision, **given)
            self._objective = self._sessions.enter_context(objective)
            self._interrupts.on_signal(objective.cancel)
        return self._objective

    def preview_network(self, plan: PreviewPlan) -> PreviewNetwork | SavedModelNetwork:
        """The network of a preview, opened with the first one."""
        from brushwork.preview import network

        if self._preview is None:
            self._preview = self._sessions.enter_context(network.open_network(plan.network))
            self._interrupts.on_signal(self._preview.cancel)
        return self._preview


@contextmanager
def _connected(machines, interrupts):
    """A context manager that connects to machines, if there are any; it yields False if that was interrupted."""
    if machines is None:
        yield True
        return
    machines.stopped = lambda: bool(interrupts.status)
    with ExitStack() as stack:
        try:
            stack.enter_context(machines)
        except Interrupted:
            yield False
            return
        yield True


def print_all(lines: Iterable[str]) -> None:
    """Print lines to standard output."""
    for line in lines:
        messages.print_to(sys.stdout, line)


def _no_steps():
    yield from ()
