"""The command: flags -> plan -> run -> exit status."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from brushwork import messages
from brushwork.errors import COULD_NOT, INTERRUPTED, UserError
from brushwork.facts import Flag
from brushwork.messages import logger
from brushwork.presets import PRESETS
from brushwork.run import arguments, process
from brushwork.run.arguments import NUMBER, WHOLE, typed
from brushwork.video_settings import read_frames, read_rate

if TYPE_CHECKING:
    from brushwork.run.pipeline import Show
    from brushwork.video.progress import ShowFilm

# Slow imports are made in the functions that need them, so that --help and errors of usage are shown at once.


def main(argv: Sequence[str] | None = None, *, show: Show | None = None, show_film: ShowFilm | None = None) -> int:
    """Carry out the command line `argv` and return the exit status.

    show(steps, plan): passes the steps of an optimisation on, and shows the progress; show_film(moment): shows where a
    film stands. By default a bar or lines on standard error do.
    """
    if argv is None:  # the process is this command's own
        return process.run(lambda: _main(sys.argv[1:], show, show_film))
    return _main(list(argv), show, show_film)


def _main(argv, show, show_film):
    """Carry out a command line, log what goes wrong, and return the exit status."""
    with messages.shown():
        try:
            return _carry_out(argv, show, show_film)
        except KeyboardInterrupt:  # before `Interrupts` is active (run/interrupts.py) there is nothing to save
            logger.info("interrupted")
            return INTERRUPTED
        except (UserError, ImportError) as error:
            if process.was_interrupted():  # in an import, which raises what it likes then
                logger.info("interrupted")
                return INTERRUPTED
            if isinstance(error, ImportError):
                logger.error(arguments.missing(error))
                return COULD_NOT
            for sentence in dict.fromkeys(error.sentences):
                logger.error(sentence)
            return error.status


def _carry_out(argv, show, show_film):
    """Carry out a command line and return the exit status. Raises UserError, ImportError and KeyboardInterrupt."""
    if argv[:1] == ["studio"]:
        from brushwork.studio import command

        return command.main(argv[1:])
    if argv[:1] == ["worker"]:
        from brushwork.cluster import worker

        return worker.main(argv[1:])
    options = parse(argv)
    if options.quiet:
        logger.setLevel("ERROR")
    from brushwork.video import names

    if names.asks_for_film(options):
        if options.cluster and not options.instant:
            from brushwork.cluster import command

            return command.run_film(options, show_film)
        from brushwork.video import film

        return film.run(options, show_film)
    if options.cluster:
        from brushwork.cluster import command as runner
    else:
        from brushwork.run import runner
    return runner.run(options, show)


def parse(argv: list[str]) -> argparse.Namespace:
    """Parse a command line, with the flags of the state or of the picture that it begins with. Raises UserError."""
    return arguments.parse(make_parser(), argv, _read_about)


def _read_about(path):
    """The metadata of a picture or a film."""
    from brushwork.pictures import metadata
    from brushwork.video import names

    if names.extension_of(path) not in names.CONTAINERS:
        return metadata.read(path)
    from brushwork.video import about

    return about.read(path)


def make_parser() -> arguments.Parser:
    """The parser of the command line. Of flags that set a field of Settings, it returns only those that are given."""
    parser = arguments.Parser(
        prog="neural-style",
        usage="neural-style --content PICTURE --styles PICTURE ... --output PICTURE [options]",
        description="Paints the content picture in the style of the style pictures (Gatys, Ecker and Bethge 2015).",
        epilog=f"presets (flags override them):\n{arguments.describe_presets()}\n\n"
        "neural-style studio serves a page in the browser that does the same; neural-style studio --help\n"
        "neural-style worker lets this machine compute for a run with --cluster; neural-style worker --help\n\n"
        "exit status: 0 done, 1 could not, 2 bad usage, 130, 143, 129 interrupted (the picture so far is saved)",
        formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(prog, max_help_position=40, width=120),
        allow_abbrev=False,
        add_help=False,
    )
    _add_picture_flags(arguments.Group(parser, "pictures"))
    _add_look_flags(arguments.Group(parser, "look"))
    _add_optimisation_flags(arguments.Group(parser, "optimisation"))
    _add_film_flags(arguments.Group(parser, "films"))
    _add_output_flags(arguments.Group(parser, "output"))
    _add_cluster_flags(arguments.Group(parser, "cluster"))
    return parser


# The flags. Those passed to `settings` set the field of their name, where the default, the rule and the help text are:
# see brushwork/settings.py, and preview_settings.py for those of --instant alone.


def _add_picture_flags(group):
    flag, settings = group.flag, group.settings
    picture, path, anyhow = Flag(is_path=True, for_preview=True), Flag(is_path=True), Flag(for_preview=True)
    flag("--content PICTURE...", "pictures to paint, or directories of pictures (required)", picture, required=True)
    flag("--styles PICTURE...", "pictures of the style, or directories of pictures (required)", picture, required=True)
    text = "file or directory/; for many out/{content}-{style}.png (required)"
    flag("--output PICTURE", text, picture._replace(is_output=True), required=True)
    text = "one style per picture: all combinations, or zip (default: all styles together)"
    flag("--pairs all|zip", text, anyhow, choices=("all", "zip"), type=str.lower)
    flag("--skip-existing", "skip pictures that exist (default: refuse)", anyhow, action="store_true")
    settings("--initial", "--width", "--height", "--long-side", "--style-size", "--style-margin", "--style-scales")
    text = "pocket, vgg19, or a file of VGG-19 weights (default: the best one present)"
    networks = Flag(is_path=True, words=("pocket", "vgg19"))
    flag("--network NAME", text, networks, type=arguments.one_of(*networks.words))
    flag("--style-masks FILE...", "where each style applies: white, over the content (default: everywhere)", picture)
    flag("--style-source-masks FILE...", "which part of each style picture counts: white (default: all)", path)
    flag("--content-mask FILE", "where the content matters: white (default: everywhere)", path)
    text = "download vgg19, the full network, and exit (default: when first used)"
    flag("--fetch", text, action=arguments.Fetch, nargs=0)


def _add_look_flags(group):
    flag, settings = group.flag, group.settings
    text = "settings to begin with, one of those below (default: classic)"
    flag("--preset NAME", text, choices=PRESETS, type=str.lower)
    text = "begin with the settings of a picture made before (default: a preset)"
    flag("--settings-from PICTURE", text, Flag(is_path=True, for_preview=True))
    text = "paint in seconds with a trained network, as a preview (default: no: optimise)"
    flag("--instant", text, Flag(for_preview=True), action=argparse.BooleanOptionalAction, default=False)
    settings("--instant-strength")
    networks = Flag(is_path=True, words=("lite", "hub"), for_preview=True)
    text = "lite, hub, or the directory of a SavedModel (default: lite, which is included)"
    flag("--instant-network NAME", text, networks, type=arguments.one_of(*networks.words))
    settings("--content-weight", "--content-layers", "--content-detail", "--content-palette", "--content-transport")
    settings("--content-weight-blend")
    settings("--strength", "--style-weight", "--style-loss", "--style-layers", "--nearest-layers")
    settings("--style-layer-weight-exp")
    settings("--normalization", "--style-blend-weights", "--tv-weight", "--tv-norm", "--pooling", "--padding")
    settings("--initial-noiseblend", "--box", "--colors", "--color-strength")
    text = "the same as --colors luma (default: no)"
    flag(
        "--preserve-colors",
        text,
        Flag(for_preview=True),
        action="store_const",
        dest="colors",
        const="luma",
        default=argparse.SUPPRESS,
    )


def _add_optimisation_flags(group):
    flag, settings = group.flag, group.settings
    settings("--iterations", "--scales", "--scale-factor", "--smallest-scale", "--scale-iterations")
    text = "stop after S seconds and save the picture so far (default: no limit)"
    flag("--max-seconds S", text, Flag(for_optimisation=True), type=NUMBER)
    settings("--optimizer", "--learning-rate", "--beta1", "--beta2", "--eps", "--lbfgs-memory", "--precision")
    settings("--tile-size", "--seed", "--deterministic", "--keep")


def _add_film_flags(group):
    flag, settings, anyhow = group.flag, group.settings, Flag(for_preview=True)
    text = "which frames, as 1:48 or ::2, counted from 1 (default: all)"
    flag("--frames FIRST:LAST:STEP", text, anyhow, type=typed(read_frames))
    text = "frames a second of pictures that become a film (default: 25)"
    flag("--fps RATE", text, anyhow, type=typed(read_rate))
    settings("--temporal-weight", "--temporal-reach", "--frame-iterations", "--video-quality")


def _add_output_flags(group):
    flag = group.flag
    steps, one = Flag(for_optimisation=True), Flag(for_optimisation=True, for_one_picture=True)
    path_of_one, anyhow = one._replace(is_path=True, is_output=True), Flag(for_preview=True)
    flag("--print-iterations N", "print the losses every N iterations (default: never)", steps, type=WHOLE)
    text = "checkpoints, as out_{:05}.jpg or out_%%05d.jpg (default: none)"
    flag("--checkpoint-output TEMPLATE", text, path_of_one._replace(for_one_picture=False))
    text = "write a checkpoint every N iterations (default: never)"
    flag("--checkpoint-iterations N", text, steps, type=WHOLE)
    flag("--progress-write", "losses to progress.txt beside the output (default: no)", one, action="store_true")
    flag("--progress-plot", "plot of the losses to progress.png there (default: no)", one, action="store_true")
    text = "bits of a channel: 8, or 16 in PNG and TIFF (default: 8)"
    flag("--depth BITS", text, anyhow, type=WHOLE, choices=(8, 16), default=8)
    text = "keep the content's transparency (default: paint over white)"
    flag("--keep-alpha", text, anyhow, action="store_true")
    text = "keep date, place and copyright of the content's EXIF and XMP (default: drop)"
    flag("--keep-metadata", text, anyhow, action="store_true")
    text = "content, styles, stages and the result in one picture (default: none)"
    flag("--contact-sheet PICTURE", text, Flag(is_path=True, is_output=True, for_one_picture=True, for_preview=True))
    flag("--tensorboard DIRECTORY", "losses, picture and graph for TensorBoard (default: none)", path_of_one)
    flag("--quiet", "show nothing but errors (default: progress)", anyhow, action="store_true")
    flag("--verbose", "show all losses after every iteration (default: the total)", action="store_true")
    flag("--state FILE", "write the run's state at the end (default: if interrupted, to out.state)", path_of_one)
    text = "write the state every N iterations too (default: only at the end)"
    flag("--state-iterations N", text, one, type=WHOLE)
    text = "go on from a state, with its flags; given flags override them (default: begin)"
    flag("--resume FILE", text, Flag(is_path=True, for_optimisation=True))
    text = "show sizes, tiles, memory and time of the run, and exit (default: run)"
    flag("--dry-run", text, anyhow, action="store_true")
    flag("--overwrite", "replace files that exist (default: refuse)", anyhow, action="store_true")
    text = "show the version, and those of Python and TensorFlow"
    flag("--version", text, action=arguments.Version, nargs=0)
    flag("--help", "show this text", short="-h", action="help")


def _add_cluster_flags(group):
    flag, steps = group.flag, Flag(for_optimisation=True)
    text = "a Dask scheduler or its file, local[:N], listen:HOST:PORT (default: none)"
    flag("--cluster ADDRESS", text, steps)
    text = "its certificates: cert.pem, key.pem, ca.pem (default: Dask's configuration)"
    flag("--cluster-tls DIRECTORY", text, Flag(for_optimisation=True))
    text = "wait when there is no worker (default: go on with this machine alone)"
    flag("--cluster-wait", text, steps, action="store_true")
    text = "use a cluster without TLS beyond this machine (default: refuse)"
    flag("--trust-network", text, steps, action="store_true")


if __name__ == "__main__":
    sys.exit(main())
