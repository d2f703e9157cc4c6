"""The command: argv -> a checked plan -> a run -> an exit status.

Exit status: 0 done, 1 could not, 2 bad usage, 130 or 143 interrupted (Ctrl-C or SIGTERM), with the picture saved if
there was one.
"""

import argparse
import os
import sys
import tempfile
import textwrap
from contextlib import closing

from settings import CHOICES, DEFAULTS, PRESETS, option

DONE, COULD_NOT, BAD_USAGE, INTERRUPTED = 0, 1, 2, 130


def main(argv=None):
    """Carry out the command line `argv` and return the exit status."""
    try:
        options = make_parser().parse_args(argv)
        from plan import Mistakes, make_plan  # here and below: --help and errors of usage come before slow imports

        try:
            plan = make_plan(options, say)
        except Mistakes as mistakes:
            for sentence in mistakes.sentences:
                say(f"error: {sentence}")
            return BAD_USAGE if mistakes.usage else COULD_NOT
        return run(plan)
    except KeyboardInterrupt:  # while there is no picture yet
        say("interrupted")
        return INTERRUPTED


def run(plan):
    """Make the picture of a plan; returns the exit status. However it ends, the picture reached so far is saved."""
    import_tensorflow()
    import dry_run
    import files
    import memory
    import report
    from interrupts import Interrupts
    from session import chosen_precision
    from stylize import Diverged, Objective, stylize

    status, step = DONE, None

    def complain(sentence):
        nonlocal status
        status = COULD_NOT
        say(f"error: {sentence}")

    with Interrupts(files.remove_unfinished) as interrupts:
        try:
            sizes = [picture.shape[:2] for picture in (plan.content, *plan.styles)]
            precision = chosen_precision(plan.settings.precision)
            regions = len(plan.masks.styles)
            tile_size = memory.tile_size_for(plan.network, plan.settings, precision, sizes[0], sizes[1:], regions)
            faster = chosen_precision("auto")
            hint = f"; --precision {faster} is faster here" if "float32" == precision != faster else ""
            say(f"computing in {precision}{report.in_tiles(sizes[0], tile_size)}{hint}")
            if plan.dry_run:
                print(*dry_run.describe(plan, precision), sep="\n")
                return interrupts.status or DONE
            with Objective(plan.network, plan.settings, plan.masks) as objective:
                steps = stylize(
                    objective, plan.content, plan.styles, plan.settings, initial=plan.initial, masks=plan.masks
                )
                with closing(report.watch(steps, plan, say, complain)) as steps:
                    for step in steps:  # noqa: B007
                        if interrupts.status:
                            break
            say_how_it_ended(plan, step, interrupts.status)
        except Diverged as error:
            complain(f"{error}; try a smaller --learning-rate")
        except (memory.DoesNotFit, MemoryError) as error:
            complain(str(error))
        finally:
            if step:
                save(plan, step, complain)
    return interrupts.status or status


def say_how_it_ended(plan, step, interrupted):
    """Where it was before the last iteration, say so and why."""
    iterations = plan.settings.total_iterations
    if interrupted:
        say(f"interrupted after {step.iteration} of {iterations} iterations")
    elif step.iteration < iterations:
        reason = "in time" if plan.deadline < float("inf") else "as no step lowers the loss"
        say(f"ended after {step.iteration} of {iterations} iterations, {reason}")


def save(plan, step, complain):
    """Write the picture of `step` to the output or, when that fails, to the temporary directory."""
    import images

    picture = plan.finished(step.kept)
    try:
        images.save(plan.output, picture)
        say(f"wrote {plan.output}")
    except images.PictureError as error:
        handle, fallback = tempfile.mkstemp(prefix="neural_style-", suffix=os.path.splitext(plan.output)[1])
        os.close(handle)
        images.save(fallback, picture)
        complain(f"{error}; wrote {fallback} instead")


def say(sentence):
    """Tell the user something; results alone go to standard output."""
    print(f"neural_style: {sentence}", file=sys.stderr, flush=True)


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


class Parser(argparse.ArgumentParser):
    def error(self, message):
        say(f"error: {message}; --help lists the options")
        sys.exit(BAD_USAGE)


class Fetch(argparse.Action):
    """Like --help, it needs no other flag."""

    def __call__(self, parser, namespace, values, option_string=None):
        import store
        from weights import NetworkError

        try:
            say(f"vgg19 is in {store.fetch(say)}")
            sys.exit(DONE)
        except NetworkError as error:
            say(f"error: {error}")
            sys.exit(COULD_NOT)


def make_parser():
    """The parser of the command line. A flag that is a setting leaves no trace where it is not given."""
    parser = Parser(
        prog="neural_style.py",
        usage="python neural_style.py --content PICTURE --styles PICTURE ... --output PICTURE [options]",
        description="Paints the content picture in the manner of the style pictures (Gatys, Ecker and Bethge 2015).",
        epilog=f"presets (a flag that is given wins):\n{_presets()}\n\n"
        "exit status: 0 done, 1 could not, 2 bad usage, 130 or 143 interrupted (the picture so far is saved)",
        formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(prog, max_help_position=40, width=120),
        allow_abbrev=False,
        add_help=False,
    )
    for group in (_pictures, _look, _optimisation, _output):
        group(parser.add_argument_group(group.__name__.strip("_")))
    return parser


def _flag(group, flag, text, **kwargs):
    """Add a flag, written with the name of its value as in "--width PX"; a name ending in dots takes several values."""
    flag, _, metavar = flag.partition(" ")
    if metavar:
        kwargs["metavar"] = metavar
    if metavar.endswith("..."):
        kwargs |= {"nargs": "+", "metavar": (metavar[:-3], metavar[:-3])}
    group.add_argument(flag, help=text, **kwargs)


def _setting(group, flag, text, kind=None, *, field=None, default=None):
    """Add a flag that sets the field of Settings of its name, and say in its help what is the default."""
    field = field or flag.split()[0].strip("-").replace("-", "_")
    if default is None:
        default = f"{DEFAULTS[field]:g}" if kind is float else DEFAULTS[field]
    kwargs = {"type": kind} if kind else {"action": argparse.BooleanOptionalAction}
    _flag(group, flag, f"{text} (default: {default})", dest=field, default=argparse.SUPPRESS, **kwargs)


def _shown(value):
    """A value after its flag; that of a switch which is on is the flag itself."""
    if value is True:
        return ""
    return f" {value}" if isinstance(value, str) else f" {value:g}"


def _presets():
    """What each preset sets, as flags."""
    lines = []
    for name, values in PRESETS.items():
        flags = [option(field) + _shown(value) for field, value in values.items()]
        wrap = textwrap.TextWrapper(118, initial_indent=f"  {name:12}", subsequent_indent=" " * 14)
        wrap.break_on_hyphens = False
        lines += wrap.wrap(" ".join(flags) or "the defaults above")
    return "\n".join(lines)


def _pictures(group):
    _flag(group, "--content PICTURE", "the picture to paint (required)", required=True)
    _flag(group, "--styles PICTURE...", "pictures, or directories of them, of the style (required)", required=True)
    _flag(group, "--output PICTURE", "file to write: .jpg, .png, .webp, .tiff, .. (required)", required=True)
    _setting(group, "--initial START", "start: noise, content, style, or a picture", str)
    _setting(group, "--width PX", "width of the output in pixels", int, default="the content's")
    _setting(group, "--long-side PX", "make a picture with a longer side smaller, without --width", int, default="no")
    _setting(group, "--style-size PX", "long side of the styles; or content (as wide), original", style_size)
    _setting(group, "--style-scales X...", "width of each style, times --style-size", float, default="1 for each")
    text = "pocket, vgg19, or a file of VGG-19 weights (default: the best that is here)"
    _flag(group, "--network NAME", text)
    _flag(group, "--style-masks FILE...", "where each style applies, white over the content (default: everywhere)")
    _flag(group, "--style-source-masks FILE...", "what of each style picture counts, white (default: all)")
    _flag(group, "--content-mask FILE", "where the content matters, white (default: everywhere)")
    text = "fetch vgg19, the full network, and end (default: fetch when it is named)"
    _flag(group, "--fetch", text, action=Fetch, nargs=0)


def _look(group):
    text = "settings to begin with, one of those below (default: classic)"
    _flag(group, "--preset NAME", text, choices=PRESETS, default="classic")
    share = "share of relu4_2 in the content loss, 0 to 1; relu5_2 has the rest"
    exponent = "weight of a style layer over that of the finer one before"
    noise = "share of noise in the start, 0 to 1"
    _setting(group, "--content-weight W", "weight of the content loss", float)
    text = "layers, as relu4_2 or relu4_2:0.7 with its weight"
    _setting(group, "--content-layers LAYER...", text, str, default="relu4_2")
    _setting(group, "--content-weight-blend SHARE", share, float)
    _setting(group, "--style-weight W", "weight of the style loss", float)
    text = "the same for the style, of equal weights without"
    _setting(group, "--style-layers LAYER...", text, str, default="relu1_1 to relu5_1")
    _setting(group, "--style-layer-weight-exp X", exponent, float)
    text = "of losses: classic, positions (Keras), sums (Gatys et al.)"
    _setting(group, "--normalization NAME", text, str)
    _setting(group, "--style-blend-weights W...", "weight of each style, divided by their sum", float, default="equal")
    _setting(group, "--tv-weight W", "weight of the variation loss; more is smoother", float)
    _setting(group, f"--tv-norm {'|'.join(CHOICES['tv_norm'])}", "what the variation is a measure of", str)
    _setting(group, f"--pooling {'|'.join(CHOICES['pooling'])}", "pooling of the network", str)
    text = "beyond the border: zeros as ever, or its pixels continued"
    _setting(group, f"--padding {'|'.join(CHOICES['padding'])}", text, str)
    _setting(group, "--initial-noiseblend SHARE", noise, float, default="1 from noise, else 0")
    _setting(group, "--box", "keep pixels within 0 to 255 at every step", default="no: in the end")
    text = "style, or the content's by luma of the result, match, histogram"
    _setting(group, "--colors NAME", text, str)
    _setting(group, "--color-strength SHARE", "how much --colors does, 0 to 1", float)
    kwargs = {"dest": "colors", "action": "store_const", "const": "luma", "default": argparse.SUPPRESS}
    _flag(group, "--preserve-colors", "the same as --colors luma (default: no)", **kwargs)


def _optimisation(group):
    _setting(group, "--iterations N", "number of optimisation steps, at the first scale", int)
    scales = "number of scales, each twice as wide, or widths before the last"
    _setting(group, "--scales N...", scales, int, default="1")
    text = "steps at each scale"
    _setting(group, "--scale-iterations N...", text, int, default="half as many as at the one before")
    _flag(group, "--max-seconds S", "end in time, with what is reached by then (default: no limit)", type=float)
    _setting(group, f"--optimizer {'|'.join(CHOICES['optimizer'])}", "way of minimising the loss", str)
    _setting(group, "--learning-rate RATE", "step size of Adam, on the pixels' scale of 0 to 255", float)
    _setting(group, "--beta1 DECAY", "decay of Adam's first moment, 0 to below 1", float)
    _setting(group, "--beta2 DECAY", "decay of Adam's second moment, 0 to below 1", float)
    _setting(group, "--eps EPS", "epsilon of Adam", float, field="epsilon")
    _setting(group, "--lbfgs-memory N", "steps that L-BFGS remembers", int)
    text = "arithmetic; auto: the faster one here"
    _setting(group, f"--precision {'|'.join(CHOICES['precision'])}", text, str)
    text = "side of the tiles of large pictures: auto, none or pixels"
    _setting(group, "--tile-size PX", text, tile_size)
    _setting(group, "--seed N", "seed of the noise: equal seeds give equal pictures", int)
    _setting(group, f"--keep {'|'.join(CHOICES['keep'])}", "keep the picture of lowest loss or the last", str)


def tile_size(text):
    return text if text in ("auto", "none") else int(text)


def style_size(text):
    return text if text in ("content", "original") else int(text)


def _output(group):
    template = "checkpoints to write, as out_{:05}.jpg or out_%%05d.jpg (default: none)"
    _flag(group, "--print-iterations N", "print the losses every N iterations (default: never)", type=int)
    _flag(group, "--checkpoint-output TEMPLATE", template)
    _flag(group, "--checkpoint-iterations N", "write a checkpoint every N iterations (default: never)", type=int)
    text = "losses to progress.txt in the output's directory (default: no)"
    _flag(group, "--progress-write", text, action="store_true")
    text = "plot of the losses to progress.png there; needs matplotlib (default: no)"
    _flag(group, "--progress-plot", text, action="store_true")
    text = "tell sizes, tiles, memory and time of the run, and end (default: run)"
    _flag(group, "--dry-run", text, action="store_true")
    _flag(group, "--overwrite", "replace files that exist (default: refuse)", action="store_true")
    group.add_argument("-h", "--help", action="help", help="show this text")


if __name__ == "__main__":
    sys.exit(main())
