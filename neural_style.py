"""The command: flags -> plan -> stylize -> picture and exit status."""

import argparse
import functools
import sys
import textwrap

from brushwork import messages
from brushwork.errors import COULD_NOT, INTERRUPTED, UserError
from brushwork.messages import logger
from brushwork.run import arguments
from brushwork.settings import CHOICES, DEFAULTS, PRESETS, PURPOSES, STARTS, option

# Imports that take long are made in the functions that need them: --help and errors of usage come at once.


def main(argv=None, *, watch=None):
    """Carry out the command line `argv` and return the exit status.

    watch(steps, plan): passes the steps of an optimisation on, and shows the progress; by default a bar or lines on
    standard error.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    with messages.shown():
        try:
            if argv[:1] == ["studio"]:
                from brushwork.studio import command

                return command.main(argv[1:], program=main, make_parser=make_parser)
            options = parse(argv)
            if options.quiet:
                logger.setLevel("ERROR")
            from brushwork.run import runner

            return runner.run(options, watch)
        except UserError as error:
            for sentence in dict.fromkeys(error.sentences):
                logger.error(sentence)
            return error.status
        except ImportError as error:
            logger.error(arguments.missing(error))
            return COULD_NOT
        except KeyboardInterrupt:  # there is no picture yet
            logger.info("interrupted")
            return INTERRUPTED


def parse(argv):
    """The options of a command line, with those of the state or picture that it begins with. Raises UserError."""
    return arguments.parse(argv, make_parser)


def make_parser():
    """The parser of the command line. Of flags that set a field of Settings, it returns only those that are given."""
    parser = arguments.Parser(
        prog="neural-style",
        usage="neural-style --content PICTURE --styles PICTURE ... --output PICTURE [options]",
        description="Paints the content picture in the style of the style pictures (Gatys, Ecker and Bethge 2015).",
        epilog=f"presets (flags override them):\n{_presets()}\n\n"
        "neural-style studio serves a page in the browser that does the same; neural-style studio --help\n\n"
        "exit status: 0 done, 1 could not, 2 bad usage, 130 or 143 interrupted (the picture so far is saved)",
        formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(prog, max_help_position=40, width=120),
        allow_abbrev=False,
        add_help=False,
    )
    for add_flags in (_pictures, _look, _optimisation, _output):
        group = parser.add_argument_group(add_flags.__name__.strip("_"))
        add_flags(functools.partial(_flag, group), functools.partial(_setting, group))
    group.add_argument(
        "--version", action=arguments.Version, nargs=0, help="show the version, and those of Python and TensorFlow"
    )
    group.add_argument("-h", "--help", action="help", help="show this text")
    return parser


def _flag(group, flag, text, **kwargs):
    """Add a flag, given with its value's name as in "--width PX"; a name that ends in dots takes several values."""
    flag, _, metavar = flag.partition(" ")
    if metavar:
        kwargs["metavar"] = metavar
    if metavar.endswith("..."):
        kwargs |= {"nargs": "+", "metavar": (metavar[:-3], metavar[:-3])}
        if "type" in kwargs:
            kwargs |= {"type": arguments.several(kwargs["type"]), "action": arguments.Joined}
    group.add_argument(flag, help=text, **kwargs)


def _setting(group, flag, text, kind=None, *, field=None, default=None):
    """Add a flag that sets the field of Settings of its name, with the default in its help."""
    field = field or flag.split()[0].strip("-").replace("-", "_")
    if field in CHOICES:
        choices = "|".join(CHOICES[field])
        flag = f"{flag} {choices if len(choices) < 22 else 'NAME'}"
        kind = arguments.one_of(CHOICES[field])
    if default is None:
        default = f"{DEFAULTS[field]:g}" if kind is float else DEFAULTS[field]
    kwargs = {"type": kind} if kind else {"action": argparse.BooleanOptionalAction}
    _flag(group, flag, f"{text} (default: {default})", dest=field, default=argparse.SUPPRESS, **kwargs)


def _presets():
    """What each preset is for, and the flags that it stands for."""
    lines = []
    for name, purpose in PURPOSES.items():
        lines.append(f"  {name:12}{purpose}")
        flags = [_as_flag(field, value) for field, value in PRESETS[name].items()]
        indent = " " * 14
        wrap = textwrap.TextWrapper(118, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
        lines += wrap.wrap(" ".join(flags))
    return "\n".join(lines)


def _as_flag(field, value):
    """A setting as it is written on the command line."""
    if value is True:
        return option(field)
    values = value if isinstance(value, tuple) else (value,)
    return " ".join([option(field), *(each if isinstance(each, str) else f"{each:g}" for each in values)])


def _pixels_or_word(text):
    return int(text) if text.lstrip("-").isdigit() else text


def _pictures(flag, setting):
    flag("--content PICTURE...", "pictures to paint, or directories of pictures (required)", required=True)
    flag("--styles PICTURE...", "pictures of the style, or directories of pictures (required)", required=True)
    flag("--output PICTURE", "file or directory/; for many out/{content}-{style}.png (required)", required=True)
    text = "one style per picture: all combinations, or zip (default: all styles together)"
    flag("--pairs all|zip", text, choices=("all", "zip"), type=str.lower)
    flag("--skip-existing", "skip pictures that exist (default: refuse)", action="store_true")
    setting("--initial START", "first image: noise, content, style, or a picture", arguments.one_of(STARTS))
    setting("--width PX", "width of the output", int, default="the content's")
    setting("--height PX", "height of the output; its width follows", int, default="the content's")
    setting("--long-side PX", "scale larger pictures down to this side, unless a size is given", int, default="no")
    setting("--style-size PX", "long side of the styles; or content (its width), original", _pixels_or_word)
    setting("--style-margin SHARE", "share of a style's sides that is left out: its frame", float)
    setting("--style-scales X...", "factor on the size of each style", float, default="1 for each")
    network = arguments.one_of(("pocket", "vgg19"))
    flag("--network NAME", "pocket, vgg19, or a file of VGG-19 weights (default: the best one present)", type=network)
    flag("--style-masks FILE...", "where each style applies: white, over the content (default: everywhere)")
    flag("--style-source-masks FILE...", "which part of each style picture counts: white (default: all)")
    flag("--content-mask FILE", "where the content matters: white (default: everywhere)")
    fetch = {"action": arguments.Fetch, "nargs": 0}
    flag("--fetch", "download vgg19, the full network, and exit (default: when first used)", **fetch)


def _look(flag, setting):
    flag(
        "--preset NAME",
        "settings to begin with, one of those below (default: classic)",
        choices=PRESETS,
        type=str.lower,
    )
    flag("--settings-from PICTURE", "begin with the settings of a picture made before (default: a preset)")
    setting("--instant", "paint in a second with a trained network, as a preview", default="no: optimise")
    setting("--instant-strength SHARE", "how much of the style an instant picture has, 0 to 1", float)
    lite = "lite, hub, or the directory of a SavedModel (default: lite, which is included)"
    flag("--instant-network NAME", lite, type=arguments.one_of(("lite", "hub")))
    setting("--content-weight W", "weight of the content loss", float)
    setting("--content-layers LAYER...", "layers, as relu4_2 or relu4_2:0.7 with a weight", str, default="relu4_2")
    setting("--content-detail SHARE", "how much less the content counts where it is smooth, 0 to 1", float)
    setting("--content-weight-blend SHARE", "weight of relu4_2 in the content loss; the rest is relu5_2", float)
    setting("--strength X", "how much of the style: a factor on the weight of the style loss", float)
    setting("--style-weight W", "weight of the style loss", float)
    setting("--style-loss", "gram as in the paper, or wasserstein, which paints more boldly", str)
    setting("--style-layers LAYER...", "the same for the style, with equal weights", str, default="relu1_1 to relu5_1")
    setting("--style-layer-weight-exp X", "weight of each style layer over that of the finer one before", float)
    setting("--normalization", "of the losses; Keras has positions, Gatys et al. sums", str)
    setting("--style-blend-weights W...", "weight of each style; divided by their sum", float, default="equal")
    setting("--tv-weight W", "weight of the variation loss; larger is smoother", float)
    setting("--tv-norm", "of the differences in the variation loss", str)
    setting("--pooling", "pooling of the network", str)
    setting("--padding", "beyond the border: zeros, or the border's pixels repeated", str)
    setting("--initial-noiseblend SHARE", "share of noise in the first image", float, default="1 from noise, else 0")
    setting("--box", "clip the image to 0..255 after every step", default="no: only the output")
    setting("--colors", "style, or the content's by luma, match or histogram", str)
    setting("--color-strength SHARE", "how much --colors does, 0 to 1", float)
    luma = {"dest": "colors", "action": "store_const", "const": "luma", "default": argparse.SUPPRESS}
    flag("--preserve-colors", "the same as --colors luma (default: no)", **luma)


def _optimisation(flag, setting):
    setting("--iterations N", "optimisation steps, at the first scale", int)
    setting("--scales N...", "number of scales from coarse to fine, or widths before the last", int, default="1")
    setting("--scale-factor X", "width of a scale over that of the one before", float)
    setting("--smallest-scale PX", "as many scales as have at least this longer side", int, default="see --scales")
    setting("--scale-iterations N...", "steps at each scale, or at the last ones", int, default="divided by the factor")
    flag("--max-seconds S", "stop in time, with what there is by then (default: no limit)", type=float)
    setting("--optimizer", "how the loss is minimised", str)
    setting("--learning-rate RATE", "step size of Adam, on the scale of 0 to 255", float)
    setting("--beta1 DECAY", "decay of Adam's first moment, 0 to below 1", float)
    setting("--beta2 DECAY", "decay of Adam's second moment, 0 to below 1", float)
    setting("--eps EPS", "epsilon of Adam", float, field="epsilon")
    setting("--lbfgs-memory N", "pairs of vectors that L-BFGS keeps", int)
    setting("--precision", "of the network; auto: the faster one on this machine", str)
    setting("--tile-size PX", "side of the tiles of large pictures: auto, none or pixels", _pixels_or_word)
    setting("--seed N", "seed of the noise: equal seeds give equal pictures", int)
    setting("--keep", "keep the picture of lowest loss or the last", str)


def _output(flag, setting):
    flag("--print-iterations N", "print the losses every N iterations (default: never)", type=int)
    flag("--checkpoint-output TEMPLATE", "checkpoints, as out_{:05}.jpg or out_%%05d.jpg (default: none)")
    flag("--checkpoint-iterations N", "write a checkpoint every N iterations (default: never)", type=int)
    flag("--progress-write", "losses to progress.txt beside the output (default: no)", action="store_true")
    flag("--progress-plot", "plot of the losses to progress.png there (default: no)", action="store_true")
    flag(
        "--depth BITS", "bits of a channel: 8, or 16 in PNG and TIFF (default: 8)", type=int, choices=(8, 16), default=8
    )
    flag("--keep-alpha", "transparent where the content is (default: paint over white)", action="store_true")
    flag("--contact-sheet PICTURE", "content, styles, stages and the result in one picture (default: none)")
    flag("--tensorboard DIRECTORY", "losses, picture and graph for TensorBoard (default: none)")
    flag("--quiet", "say nothing but errors (default: progress)", action="store_true")
    flag("--verbose", "say all losses after every iteration (default: the total)", action="store_true")
    flag("--state FILE", "write the run's state at the end (default: OUTPUT.state if interrupted)")
    flag("--state-iterations N", "write the state every N iterations too (default: only at the end)", type=int)
    flag("--resume FILE", "go on from a state, with its flags; given flags override them (default: begin)")
    flag("--dry-run", "say sizes, tiles, memory and time of the run, and exit (default: run)", action="store_true")
    flag("--overwrite", "replace files that exist (default: refuse)", action="store_true")


if __name__ == "__main__":
    sys.exit(main())
