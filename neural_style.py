"""The command: argv -> jobs -> their plans -> a run -> an exit status."""

import argparse
import os
import sys
import textwrap

# NumPy's threads wait for work by spinning, which takes a tenth of an iteration from TensorFlow's. To be set before
# NumPy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from exits import BAD_USAGE, COULD_NOT, DONE, INTERRUPTED
from settings import CHOICES, DEFAULTS, PRESETS, option


def main(argv=None):
    """Carry out the command line `argv` and return the exit status."""
    try:
        return carry_out(list(sys.argv[1:] if argv is None else argv))
    except KeyboardInterrupt:  # while there is no picture yet
        say("interrupted")
        return INTERRUPTED


def carry_out(argv):
    resume, given = _without_resume(argv)
    saved = None
    if resume is not None and not {"-h", "--help"} & set(given):
        import state  # here and below: --help and errors of usage come before slow imports

        try:
            saved = state.read(resume)
        except state.StateError as error:
            say(f"error: {error}")
            return COULD_NOT
        given = saved.command + given
    options = make_parser().parse_args(given)
    if options.settings_from is not None:
        import metadata

        try:
            told = metadata.read(options.settings_from)
        except metadata.MetadataError as error:
            say(f"error: {error}")
            return COULD_NOT
        if options.preset:
            say("error: --settings-from and --preset both say where the settings begin; give one of them")
            return BAD_USAGE
        options = make_parser().parse_args(told["flags"] + given)
    tell = _say_errors if options.quiet else say
    options.resume, options.saved, options.command = resume, saved, given
    if saved and not {"--output", "--checkpoint-output"} & {argument.partition("=")[0] for argument in argv}:
        options.overwrite = True  # these files are the run's own
    import run
    from jobs import make_jobs
    from plan import Mistakes

    try:
        return run.run(make_jobs(options, tell), tell)
    except Mistakes as mistakes:
        return run.tell(mistakes, tell)


def _without_resume(argv):
    """(the value of --resume or None, the other arguments)."""
    parser = Parser(add_help=False, allow_abbrev=False)
    parser.add_argument("--resume")
    options, others = parser.parse_known_args(argv)
    return options.resume, others


def say(sentence):
    """Tell the user something; results alone go to standard output."""
    line = f"neural_style: {sentence}"
    if "progress" in sys.modules:  # there may be a bar
        sys.modules["progress"].print_to(sys.stderr, line)
    else:
        print(line, file=sys.stderr, flush=True)


def _say_errors(sentence):
    if sentence.startswith("error: "):
        say(sentence)


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
    _flag(group, "--content PICTURE...", "pictures to paint, or directories of them (required)", required=True)
    _flag(group, "--styles PICTURE...", "pictures, or directories of them, of the style (required)", required=True)
    text = "file to write, as out.jpg, or out/{content}-{style}.png for many (required)"
    _flag(group, "--output PICTURE", text, required=True)
    text = "one style a picture: all, or one each (default: all styles together)"
    _flag(group, "--pairs all|zip", text, choices=("all", "zip"))
    _flag(group, "--skip-existing", "leave pictures that exist (default: refuse)", action="store_true")
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
    _flag(group, "--preset NAME", text, choices=PRESETS)
    text = "settings of a picture that this program made, to begin with (default: a preset)"
    _flag(group, "--settings-from PICTURE", text)
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
    text = "if the loss is not finite: stop, or retry with half the rate"
    _setting(group, f"--on-nan {'|'.join(CHOICES['on_nan'])}", text, str)
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
    text = "bits of a channel: 8, or 16 in PNG and TIFF (default: 8)"
    _flag(group, "--depth BITS", text, type=int, choices=(8, 16), default=8)
    text = "make the picture transparent where the content is (default: paint over white)"
    _flag(group, "--keep-alpha", text, action="store_true")
    text = "content, styles, the way and the result in one picture (default: none)"
    _flag(group, "--contact-sheet PICTURE", text)
    text = "directory for TensorBoard: losses, picture, graph (default: none)"
    _flag(group, "--tensorboard DIRECTORY", text)
    _flag(group, "--quiet", "say nothing but what went wrong (default: how far it is)", action="store_true")
    _flag(group, "--verbose", "say all losses, after every iteration (default: the total)", action="store_true")
    _flag(group, "--state FILE", "write the run's state in the end (default: OUTPUT.state if interrupted)")
    _flag(group, "--state-iterations N", "write the state every N iterations too (default: in the end)", type=int)
    _flag(group, "--resume FILE", "go on from a state, with its flags; those given win (default: begin)")
    text = "tell sizes, tiles, memory and time of the run, and end (default: run)"
    _flag(group, "--dry-run", text, action="store_true")
    _flag(group, "--overwrite", "replace files that exist (default: refuse)", action="store_true")
    group.add_argument("-h", "--help", action="help", help="show this text")


if __name__ == "__main__":
    sys.exit(main())
