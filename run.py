"""The run: the pictures of one job or of many, and what is said and saved however it ends."""

import os
import sys
import tempfile
from contextlib import closing

import files
import images
import memory
import report
import sheet
import state
from exits import BAD_USAGE, COULD_NOT, DONE
from interrupts import Interrupts
from plan import Mistakes, make_plan


def run(jobs, say):
    """Make the pictures of `jobs`, options as of jobs.make_jobs; returns the exit status. Mistakes, if there is one."""
    plan = None
    if len(jobs) == 1:  # nothing is imported in vain
        if _is_there(jobs[0], say):
            return DONE
        plan = make_plan(jobs[0], say)
    import_tensorflow()
    with Interrupts(files.remove_unfinished) as interrupts, Painter(interrupts, say) as painter:
        status = painter.paint(plan) if plan else _run_all(jobs, painter, interrupts, say)
        return interrupts.status or status


def _run_all(jobs, painter, interrupts, say):
    """The pictures of many jobs, one after the other: what stops one stops no other."""
    counts, network = {"done": 0, "failed": 0, "skipped": 0}, None
    for number, job in enumerate(jobs, start=1):
        if interrupts.status:
            break
        if _is_there(job, say):
            counts["skipped"] += 1
            continue
        say(f"picture {number} of {len(jobs)}: {job.output}")
        try:
            plan = make_plan(job, say, network)
        except Mistakes as mistakes:
            tell(mistakes, say)
            counts["failed"] += 1
            continue
        network = plan.network
        status = painter.paint(plan)
        if not interrupts.status:
            counts["done" if status == DONE else "failed"] += 1
    left = {"not begun or not finished": len(jobs) - sum(counts.values())}
    say(", ".join(f"{count} {what}" for what, count in (counts | left).items() if count or what == "done"))
    return COULD_NOT if counts["failed"] else DONE


def tell(mistakes, say):
    """Say what is wrong; returns the exit status."""
    for sentence in mistakes.sentences:
        say(f"error: {sentence}")
    return BAD_USAGE if mistakes.usage else COULD_NOT


def _is_there(job, say):
    """Whether a picture is to be left as it is."""
    if not (job.skip_existing and os.path.exists(job.output)):
        return False
    say(f"{job.output} exists: skipped")
    return True


class Painter:
    """Makes the pictures of plans that have the same settings: one network, one graph, one session."""

    def __init__(self, interrupts, say):
        self._interrupts, self._say, self._objective = interrupts, say, None

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self._objective:
            self._objective.__exit__(*exception)

    def paint(self, plan):
        """Make the picture of a plan; returns DONE or COULD_NOT. However it ends, the picture so far is saved."""
        from stylize import Diverged

        self._status, step, finite, shots = DONE, None, True, []
        try:
            self._say_how(plan)
            if plan.dry_run:
                self._describe(plan)
                return DONE
            with closing(self._watched(plan, shots)) as steps:
                for step in steps:  # noqa: B007
                    if self._interrupts.status:
                        break
        except Diverged as error:
            finite = False
            hint = "try a smaller --learning-rate" if plan.settings.optimizer == "adam" else "try --precision float32"
            self._complain(f"{error}; {hint}")
        except (memory.DoesNotFit, MemoryError) as error:
            finite = False
            self._complain(str(error) or "out of memory")
        finally:
            if step:
                self._save(plan, step, finite)
                if plan.contact_sheet:
                    self._save_sheet(plan, shots, step)
        return self._status

    def _say_how(self, plan):
        from session import chosen_precision

        sizes = [picture.shape[:2] for picture in (plan.content, *plan.styles)]
        precision, faster = chosen_precision(plan.settings.precision), chosen_precision("auto")
        run = plan.network, plan.settings, precision
        tile_size = memory.tile_size_for(*run, sizes[0], sizes[1:], len(plan.masks.styles))
        hint = f"; --precision {faster} is faster here" if "float32" == precision != faster else ""
        self._say(f"computing in {precision}{report.in_tiles(sizes[0], tile_size)}{hint}")

    def _describe(self, plan):
        import dry_run
        from session import chosen_precision

        print(*dry_run.describe(plan, chosen_precision(plan.settings.precision)), sep="\n")

    def _watched(self, plan, shots):
        """The steps of a plan, with everything that looks on."""
        steps = self._steps(plan)
        if plan.tensorboard:
            from board import boarded

            steps = boarded(steps, plan, self._objective.graph, self._complain)
        if plan.contact_sheet:
            steps = sheet.collected(steps, plan, shots)
        return report.watch(steps, plan, self._say, self._complain)

    def _steps(self, plan):
        from stylize import Objective, stylize

        if self._objective is None:
            self._objective = Objective(plan.network, plan.settings, plan.masks)
        inputs = plan.content, plan.styles, plan.settings
        return stylize(self._objective, *inputs, initial=plan.initial, masks=plan.masks, resume=plan.resume)

    def _complain(self, sentence):
        self._status = COULD_NOT
        self._say(f"error: {sentence}")

    def _save(self, plan, step, finite):
        """Write the picture, and the state where it is asked for or the run is to be continued."""
        told = [_how_it_ended(plan, step, self._interrupts.status)] if finite and not sys.exc_info()[0] else []
        path = self._written(plan.output, plan, lambda path: plan.save(path, step))
        told += [f"wrote {path}"] if path == plan.output else []
        if finite and not sys.exc_info()[0] and (plan.state or self._interrupts.status):
            told += self._save_state(plan, step)
        told = [sentence for sentence in told if sentence]
        if told:
            self._say("; ".join(told))

    def _save_state(self, plan, step):
        path = plan.state or os.path.splitext(plan.output)[0] + ".state"
        if not plan.state and os.path.lexists(path) and not state.is_state(path):
            return [f"{path} exists and is no state, so the state is lost; name one with --state"]
        path = self._written(path, plan, lambda path: state.write(path, plan.saved(step.state())))
        return [f"continue with --resume {path}"] if path else []

    def _save_sheet(self, plan, shots, step):
        try:
            images.save(plan.contact_sheet, sheet.sheet(plan, shots, plan.finished(step.kept)))
            self._say(f"wrote {plan.contact_sheet}")
        except images.PictureError as error:
            self._complain(str(error))

    def _written(self, path, plan, write):
        """Where write(path) did its work: at `path`, beside the state, in the temporary directory, or nowhere: None."""
        try:
            write(path)
            return path
        except (images.PictureError, OSError) as error:
            reason = str(error) if isinstance(error, images.PictureError) else f"cannot write {path}: {error.strerror}"
        for directory in (*([os.path.dirname(plan.state) or "."] if plan.state else []), tempfile.gettempdir()):
            try:
                handle, fallback = tempfile.mkstemp(os.path.splitext(path)[1], "neural_style-", directory)
                os.close(handle)
                write(fallback)
                self._complain(f"{reason}; wrote {fallback} instead")
                return fallback
            except (images.PictureError, OSError):
                continue
        self._complain(f"{reason}; nor could it be written elsewhere")
        return None


def _how_it_ended(plan, step, interrupted):
    """Where and why it ended before the last iteration, or None."""
    iterations = plan.settings.total_iterations
    if interrupted:
        return f"interrupted after {step.iteration} of {iterations} iterations"
    if step.iteration < iterations:
        reason = "in time" if plan.deadline < float("inf") else "as no step lowers the loss"
        return f"ended after {step.iteration} of {iterations} iterations, {reason}"
    return None


def import_tensorflow():
    """Import TensorFlow without the lines it writes while loading; a failing import shows them."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as chatter:
        os.dup2(chatter.fileno(), 2)  # they are written by C++, before its log level is read
        try:
            import tensorflow  # noqa: F401
        except BaseException:
            chatter.seek(0)
            os.write(terminal, chatter.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
