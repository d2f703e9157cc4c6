"""The plan: the options of a command line -> everything a run needs, every input decoded and every output checked.

Nothing is written and TensorFlow is not imported. All mistakes are found before any is reported.
"""

import functools
import importlib.util
import itertools
import os
import shutil
import time
from dataclasses import dataclass, fields

import numpy as np

import images
import masks
import metadata
import state
import store
import weights
from masks import Masks
from settings import PRESETS, STARTS, Settings, option
from state import State

PROGRESS_TABLE, PROGRESS_PLOT = "progress.txt", "progress.png"


@dataclass(frozen=True)
class Plan:
    """A checked run. Pictures are float32 [H, W, 3], RGB, 0..255, at the sizes they are used in."""

    settings: Settings
    network: weights.Network
    content: np.ndarray
    styles: list[np.ndarray]
    initial: np.ndarray | None
    masks: Masks
    content_name: str
    style_names: list[str]
    opacity: np.ndarray | None  # [H, W], 0..1: the content's, to be put back
    depth: int  # bits of a channel
    output: str
    contact_sheet: str | None
    tensorboard: str | None  # directory
    quiet: bool
    verbose: bool
    state: str | None  # file
    state_iterations: int | None
    resume: State | None
    command: list[str]
    checkpoint_output: str | None
    checkpoint_iterations: int
    print_iterations: int
    deadline: float  # by time.monotonic
    progress_table: str | None
    progress_plot: str | None
    dry_run: bool

    @functools.cached_property
    def digests(self):
        """Of everything that the picture is made from but the settings, as state.INPUTS names them."""
        masks = [*self.masks.styles, *self.masks.sources]
        masks += [self.masks.content] if self.masks.content is not None else []
        kernels = itertools.chain(*self.network.convolutions.values())
        return {
            "network": state.digest(*kernels, self.network.mean_pixel),
            "content": state.digest(self.content),
            "styles": state.digest(*self.styles),
            "initial": state.digest(*(() if self.initial is None else (self.initial,))),
            "masks": state.digest(*masks),
        }

    def saved(self, at):
        """The state.Saved of a run of this plan, where it is at the State `at`."""
        return state.Saved(at, state.plain(self.settings), self.digests, self.command)

    def save(self, path, step):
        """Write the picture of a stylize.Step. images.PictureError."""
        told = metadata.about(self.settings, self.digests["network"], step)
        images.save(path, self.finished(step.kept), told=told, depth=self.depth, opacity=self.opacity)

    def finished(self, image):
        """`image` at the output's size and with the colours that the settings ask for."""
        if image.shape != self.content.shape:  # of a scale before the last
            image = images.resample(image, *self.content.shape[:2])
        strength = self.settings.color_strength
        if self.settings.colors == "luma" and strength:
            image = np.clip(image, 0, 255)
            image = image + strength * (images.transfer_luma(self.content, image) - image)
        return image


class Mistakes(Exception):
    """What is wrong with a command line: `sentences`, and whether any is one of `usage` rather than of a file."""

    def __init__(self):
        super().__init__()
        self.sentences = []
        self.usage = False

    def add_usage(self, sentence):
        self.sentences.append(sentence)
        self.usage = True

    def add_file(self, sentence):
        self.sentences.append(sentence)

    def catch(self, function, *arguments):
        """function(*arguments), or None and a mistake where a file is at fault."""
        try:
            return function(*arguments)
        except (images.PictureError, weights.NetworkError) as error:
            self.add_file(str(error))
        except MemoryError:
            self.add_file(f"not enough memory for {arguments[0]}")
        return None


def make_plan(options, say, network=None):
    """The Plan for the parsed `options` of one picture, news of it going to `say`; raises Mistakes: all that is wrong.

    network: a weights.Network that has been read for other pictures of these options.
    """
    mistakes, news = Mistakes(), []
    settings = make_settings(options, mistakes)
    picture = mistakes.catch(images.read_all, options.content)
    content, opacity, profile = picture or (None, None, None)
    if profile:
        news.append(f"{options.content} is in {profile}; it is converted to sRGB, as the output is")
    styles = [mistakes.catch(images.read, path) for path in options.styles]
    initial = settings.initial if settings and settings.initial not in STARTS else None
    options.initial = initial  # a path, or None
    initial = mistakes.catch(images.read, initial) if initial is not None else None
    if settings and content is not None:
        content = _fitted(content, _width(settings, *content.shape[:2]), "--width", mistakes)
    if settings and content is not None:
        if any(width >= content.shape[1] for _, width in settings.sizes(*content.shape[:2])[:-1]):
            mistakes.add_usage(f"--scales takes widths below the output's, which is {content.shape[1]}")
        styles = list(_sized(styles, content, settings, options, mistakes, news))
        if initial is not None:
            initial = images.cover(initial, *content.shape[:2])
    regions = _masks(options, content, styles, mistakes)
    opacity = _opacity(opacity, content) if options.keep_alpha else None
    outputs = _outputs(options, mistakes) | {"opacity": opacity}
    _check_outputs(outputs, options, settings, content, mistakes)
    network = network or _network(options.network, settings, mistakes, say)
    if mistakes.sentences:
        raise mistakes
    plan = Plan(settings, network, content, styles, initial, regions, **outputs)
    if options.saved:
        _check_resume(options.saved, options.resume, plan)
    for sentence in news:
        say(sentence)
    return plan


def _opacity(opacity, content):
    """How opaque the content is, in its size."""
    if opacity is None or content is None:
        return None
    return np.clip(masks.resized(opacity, *content.shape[:2]), 0, 1)


def _check_resume(saved, path, plan):
    """Mistakes if a run of this plan cannot go on from what is saved in the file `path`."""
    mistakes = Mistakes()
    flags, inputs = state.differences(saved, plan.settings, plan.digests)
    for sentence in flags:
        mistakes.add_usage(f"cannot resume {path}: {sentence}")
    for sentence in inputs:
        mistakes.add_file(f"cannot resume {path}: {sentence}")
    if not mistakes.sentences and not state.fits(saved.state, plan.settings, *plan.content.shape[:2]):
        mistakes.add_file(f"cannot resume {path}: damaged")
    if mistakes.sentences:
        raise mistakes


def make_settings(options, mistakes):
    """The Settings of the flags that were given, or None."""
    names = {field.name for field in fields(Settings)}
    given = {name: value for name, value in vars(options).items() if name in names}
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    for name in ("style_scales", "style_blend_weights"):
        numbers = given.get(name)
        if numbers is not None and len(numbers) != len(options.styles):
            mistakes.add_usage(
                f"{option(name)} takes one number for each style: {len(options.styles)}, not {len(numbers)}"
            )
    try:
        return Settings(**PRESETS[options.preset or "classic"] | given)
    except ValueError as error:
        for sentence in str(error).splitlines():
            mistakes.add_usage(sentence)
        return None


def _network(name, settings, mistakes, say):
    """The weights.Network of that name, if it has the layers of the settings; nothing is fetched for a run in vain."""
    if mistakes.sentences and store.would_fetch(name):
        return None
    path = mistakes.catch(lambda name: store.resolve(name, say=say), name)
    network = mistakes.catch(store.load, path) if path else None
    for layer in (*settings.content_terms, *settings.style_terms) if network and settings else ():
        if layer.replace("relu", "conv") not in network.convolutions:
            mistakes.add_file(f"cannot use network {path}: it ends at {list(network.convolutions)[-1]}, before {layer}")
    return network


def _masks(options, content, styles, mistakes):
    """The Masks of the flags, each in the size of its picture."""
    for name in ("style_masks", "style_source_masks"):
        if (paths := getattr(options, name)) and len(paths) != len(styles):
            mistakes.add_usage(
                f"{option(name)} takes one picture for each style: {len(styles)}, not {len(paths)}; white counts"
            )
    pairs = zip(options.style_source_masks or (), styles, strict=False)
    return Masks(
        tuple(_mask(path, content, mistakes) for path in options.style_masks or ()),
        _mask(options.content_mask, content, mistakes) if options.content_mask else None,
        tuple(_mask(path, style, mistakes) for path, style in pairs),
    )


def _mask(path, picture, mistakes):
    """The mask in a file, in the size of `picture`, or None and a mistake."""
    mask = mistakes.catch(images.read, path)
    if mask is None or picture is None:
        return None
    (height, width), (across, along) = picture.shape[:2], mask.shape[:2]
    if abs(height * along - width * across) > max(height, across, width, along):  # by more than a rounded side
        mistakes.add_file(f"cannot use {path}: a mask of {along}x{across} for a picture of {width}x{height} pixels")
        return None
    mask = masks.resized(masks.from_picture(mask), height, width)
    if not mask.any():
        mistakes.add_file(f"cannot use {path}: the mask is black everywhere; white is where it counts")
    return mask


def _sized(styles, content, settings, options, mistakes, news):
    """Yields the style pictures in the size and the colours that they are used in."""
    scales = settings.style_scales or (1.0,) * len(styles)
    for style, scale, path in zip(styles, scales, options.styles, strict=False):
        if style is not None:
            own, width = style.shape[1], _style_width(style, content, scale, settings)
            if width > own:
                news.append(f"{path} is enlarged from a width of {own} to {width} pixels")
            style = _fitted(style, width, "--style-scales", mistakes)
        yield style if style is None else _recolored(style, content, settings)


def _style_width(style, content, scale, settings):
    """The width that a style picture is to have."""
    if settings.style_size == "content":
        return max(1, round(scale * content.shape[1]))
    share = 1 if settings.style_size == "original" else settings.style_size / max(style.shape[:2])
    return max(1, round(scale * share * style.shape[1]))


def _recolored(style, content, settings):
    """The style picture in the colours of the content, as far as the settings ask for it before the run."""
    if settings.colors not in images.RECOLORINGS or not settings.color_strength:
        return style
    return style + settings.color_strength * (images.RECOLORINGS[settings.colors](style, content) - style)


def _width(settings, height, width):
    """The width of the output for a content of that size."""
    if settings.width is None and settings.long_side is not None:
        return max(1, round(width * min(1, settings.long_side / max(height, width))))
    return settings.width or width


def _fitted(image, width, flag, mistakes):
    """`image` at `width`, its proportions kept, or None and a mistake where that is too large a picture."""
    height = max(1, round(image.shape[0] * width / image.shape[1]))
    if height * width > images.MAX_PIXELS:
        mistakes.add_usage(f"{flag}: a picture of {width}x{height} pixels is too large; use a smaller number")
        return None
    return mistakes.catch(images.resize, image, height, width)


def _outputs(options, mistakes):
    """The fields of a Plan that say what is written and how often."""
    _check_numbers(options, mistakes)
    states = options.state or options.resume
    if options.state_iterations is not None and states is None:
        mistakes.add_usage("--state-iterations says how often; --state says where")
    if options.checkpoint_output is not None:
        try:
            if checkpoint_path(options.checkpoint_output, 1) == checkpoint_path(options.checkpoint_output, 2):
                raise ValueError
        except (ValueError, TypeError, KeyError, IndexError, AttributeError):
            mistakes.add_usage(
                f"--checkpoint-output {options.checkpoint_output} has no place for the iteration;"
                " write it as in out_{:05}.jpg or out_%05d.jpg"
            )
            options.checkpoint_output = None
    if options.progress_plot and not importlib.util.find_spec("matplotlib"):
        mistakes.add_file("--progress-plot needs matplotlib: python -m pip install matplotlib")
    board = options.tensorboard
    if board is not None and os.path.exists(board) and not os.path.isdir(board):
        mistakes.add_file(f"cannot write to {board}: it is not a directory")
    directory = os.path.dirname(options.output)
    return {
        "content_name": options.content,
        "style_names": options.styles,
        "depth": options.depth,
        "output": options.output,
        "contact_sheet": options.contact_sheet,
        "tensorboard": options.tensorboard,
        "quiet": options.quiet,
        "verbose": options.verbose,
        "state": states,
        "state_iterations": options.state_iterations,
        "resume": options.saved.state if options.saved else None,
        "command": options.command,
        "checkpoint_output": options.checkpoint_output,
        "checkpoint_iterations": options.checkpoint_iterations,
        "print_iterations": options.print_iterations,
        "deadline": time.monotonic() + (np.inf if options.max_seconds is None else options.max_seconds),
        "progress_table": os.path.join(directory, PROGRESS_TABLE) if options.progress_write else None,
        "progress_plot": os.path.join(directory, PROGRESS_PLOT) if options.progress_plot else None,
        "dry_run": options.dry_run,
    }


def _check_numbers(options, mistakes):
    """How often and how long."""
    for name in ("print_iterations", "checkpoint_iterations", "state_iterations"):
        every = getattr(options, name)
        if every is not None and every < 1:
            mistakes.add_usage(f"{option(name)} must be a number of iterations, at least 1, not {every}")
    if options.max_seconds is not None and not options.max_seconds > 0:
        mistakes.add_usage(f"--max-seconds must be a number above 0, not {options.max_seconds:g}")
    if (options.checkpoint_output is None) != (options.checkpoint_iterations is None):
        mistakes.add_usage("--checkpoint-output and --checkpoint-iterations go together: give both or neither")


def checkpoint_path(template, iteration):
    """The path of a checkpoint: the template in the manner of str.format, or else of the % operator."""
    return template.format(iteration) if "{" in template else template % iteration


def _check_outputs(outputs, options, settings, content, mistakes):
    """Whatever can be known now to stand in the way of writing the outputs."""
    size = () if content is None else content.shape[:2]
    pictures = [options.output]
    if options.checkpoint_output is not None:
        pictures.append(checkpoint_path(options.checkpoint_output, 1))
    transparent = outputs["opacity"] is not None
    for path in pictures:
        check = functools.partial(images.check_format, depth=options.depth, transparent=transparent)
        mistakes.catch(check, path, *size)
    if options.contact_sheet is not None:
        mistakes.catch(images.check_format, options.contact_sheet)
    paths = [options.output, *_checkpoint_paths(options, settings), outputs["progress_table"], outputs["progress_plot"]]
    paths.append(options.contact_sheet)
    if options.state is not None and not _same(options.state, options.resume):
        paths.append(options.state)
    paths = [path for path in paths if path is not None]
    inputs = [options.content, *options.styles, options.initial, options.network, options.content_mask]
    inputs += [*(options.style_masks or ()), *(options.style_source_masks or ())]
    inputs = {os.path.realpath(path) for path in inputs if path is not None}
    for path in paths:
        if os.path.realpath(path) in inputs:
            mistakes.add_usage(f"{path} is an input of this run; choose another name for the output")
    for path in {path for path in paths if paths.count(path) > 1}:
        mistakes.add_usage(f"{path} is to be written twice; choose different names")
    for directory in dict.fromkeys(os.path.dirname(path) or "." for path in paths):
        _check_directory(directory, np.prod(size) * 3, mistakes)
    existing = [path for path in dict.fromkeys(paths) if _exists(path, mistakes)]
    for path in existing:
        if os.path.isdir(path):
            mistakes.add_file(f"cannot write {path}: it is a directory")
    if existing and not options.overwrite:
        more = f" and {len(existing) - 1} more" if len(existing) > 1 else ""
        mistakes.add_file(f"{existing[0]}{more} exists; choose another name or give --overwrite")


def _checkpoint_paths(options, settings):
    """The paths of the checkpoints, or of the first ten thousand."""
    if not settings or options.checkpoint_output is None or (options.checkpoint_iterations or 0) < 1:
        return []
    iterations, every = settings.total_iterations, options.checkpoint_iterations
    numbers = dict.fromkeys([*range(every, min(iterations, 10_000 * every) + 1, every), iterations])
    return [checkpoint_path(options.checkpoint_output, number) for number in numbers]


def _same(path, other):
    return other is not None and os.path.realpath(path) == os.path.realpath(other)


def _check_directory(directory, needed, mistakes):
    """needed: bytes of a picture that nothing compresses."""
    if not os.path.isdir(directory):
        mistakes.add_file(f"cannot write to {directory}: there is no such directory; create it first")
    elif not os.access(directory, os.W_OK | os.X_OK):
        mistakes.add_file(f"cannot write to {directory}: permission denied")
    elif (free := shutil.disk_usage(directory).free) < needed:
        sentence = f"{free / 1e6:.1f} MB are free, and {needed / 1e6:.1f} may be needed"
        mistakes.add_file(f"cannot write to {directory}: {sentence}")


def _exists(path, mistakes):
    try:
        os.stat(path)
        return True
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError) as error:  # a name too long, a null character
        mistakes.add_file(f"cannot write {path}: {getattr(error, 'strerror', None) or error}")
        return False
