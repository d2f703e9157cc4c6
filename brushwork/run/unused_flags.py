"""Effects: the flags of a command line that change nothing, because of other flags, each in one sentence."""

import os

from brushwork.schedule import grows_by_a_factor, is_tiled, make_schedule
from brushwork.settings import PRESETS, option

LEAST_SCALE = 16  # px: of a smaller longer side, the coarsest layer has one position
ADAM = ("learning_rate", "beta1", "beta2", "epsilon")
WITH_INSTANT = (  # what counts for an instant picture
    *("--content", "--styles", "--output", "--pairs", "--skip-existing", "--overwrite", "--settings-from"),
    *("--width", "--height", "--long-side", "--style-blend-weights", "--style-masks", "--depth", "--keep-alpha"),
    *("--colors", "--color-strength", "--preserve-colors", "--contact-sheet", "--quiet", "--dry-run"),
    *("--instant", "--no-instant", "--instant-strength", "--instant-network"),
)
STEPS = (  # options that ask for what only an optimisation has
    *("checkpoint_output", "checkpoint_iterations", "progress_write", "progress_plot", "tensorboard"),
    *("state", "state_iterations", "resume", "print_iterations", "max_seconds"),
)


def refused(options, settings):
    """Yields a sentence for each flag that asks for what an instant picture does not have."""
    for name in STEPS if settings.instant else ():
        if getattr(options, name):
            yield f"{option(name)} is for an optimisation, and --instant makes none; leave out one of them"


def without_effect(options, settings, job, size):
    """Yields a sentence for each flag that was typed and has no effect on the run, or not the one that was meant.

    size: (height, width) of the output.
    """
    if options.saved:  # its flags are those of the state
        return
    typed = {word.partition("=")[0] for word in options.command if word.startswith("--")}
    if settings.instant:
        yield from _without_effect_on_instant(typed, options, settings, job, size)
        return
    for flags, holds, reason in _rules(options, settings, job, size):
        if holds:
            yield from (f"{flag} has no effect {reason}" for flag in flags if flag in typed)
    yield from _scales_not_as_typed(typed, settings, size)
    if "--style-loss" in typed and not {"--content-weight", "--style-weight", "--settings-from"} & typed:
        yield from _weights_of_another_loss(options.preset or "classic", settings)
    for kind, terms, weight in (
        ("content", settings.content_layer_weights, settings.content_weight),
        ("style", settings.style_layer_weights, settings.style_weight),
    ):
        if weight and not terms:
            yield f"all layers of the {kind} loss have weight 0, so the {kind} plays no part"
    if not settings.content_weight and not settings.style_weight:
        yield "--content-weight and --style-weight are both 0: only the variation loss is left, which blurs the picture"
    if any(os.path.realpath(job.content) == os.path.realpath(style) for style in job.styles):
        yield f"{job.content} is both the photograph and the style, so there is little to paint"


def _scales_not_as_typed(typed, settings, size):
    """Yields a sentence for each flag of the scales that asks for more scales than there are."""
    scales, side = make_schedule(settings, *size).sizes, max(size)
    count, smallest = len(scales), max(scales[0])
    if "--scales" in typed and smallest < LEAST_SCALE:
        yield f"--scales begins at {smallest} pixels, which shows nothing of a picture; fewer scales do the same"
    if "--smallest-scale" in typed and count == 1:
        yield f"--smallest-scale {settings.smallest_scale} leaves one scale, since the longer side is {side} pixels"
    if "--scale-iterations" in typed and len(settings.scale_iterations) > count:
        given = len(settings.scale_iterations)
        yield f"--scale-iterations has {given} numbers, more than there are scales: only the last {count} count"


def _weights_of_another_loss(preset, settings):
    """Yields a sentence if the style loss is not the one that the preset's weights are for."""
    if settings.style_loss != PRESETS[preset].get("style_loss", "gram"):
        better = "painterly" if settings.style_loss == "wasserstein" else "fast"
        yield (
            f"--style-loss {settings.style_loss} needs other weights than those of the preset {preset}; "
            f"--preset {better} sets them"
        )


def _without_effect_on_instant(typed, options, settings, job, size):
    for flag in sorted(typed - {*WITH_INSTANT}):
        own = "; its own is --instant-network" if flag == "--network" else ""
        yield f"{flag} has no effect with --instant, which makes no optimisation{own}"
    kept = {option(name) for name in ("color_strength", "style_blend_weights", "long_side")} | {"--overwrite"}
    for flags, holds, reason in _rules(options, settings, job, size):
        if holds:
            yield from (f"{flag} has no effect {reason}" for flag in flags if flag in typed & kept)


def _rules(options, settings, job, size):
    """Yields (flags, whether they have no effect, why)."""
    noise = settings.initial == "noise" if settings.initial_noiseblend is None else settings.initial_noiseblend > 0
    for_content = "content_layers", "content_weight_blend", "content_detail"
    for_style = "style_layers", "style_layer_weight_exp", "style_blend_weights", "style_scales", "style_size"
    for_style += "style_loss", "style_margin", "strength"
    colors = "without --colors luma, match or histogram"
    yield [option("color_strength")], settings.colors == "style", colors
    yield ["--colors", "--preserve-colors"], not settings.color_strength, "with --color-strength 0"
    yield _options(ADAM), settings.optimizer != "adam", f"with the optimizer {settings.optimizer}; it is for adam"
    yield [option("lbfgs_memory")], settings.optimizer != "lbfgs", f"with the optimizer {settings.optimizer}"
    yield [*_options(for_content), "--content-mask"], not settings.content_weight, "with --content-weight 0"
    yield [*_options(for_style), "--style-masks"], not settings.style_weight, "with --style-weight 0"
    yield ["--style-source-masks"], not settings.style_weight, "with --style-weight 0"
    yield [option("style_margin")], bool(options.style_source_masks), "with --style-source-masks, which say what counts"
    yield [option("style_blend_weights")], len(job.styles) == 1, "with one style"
    yield [option("tv_norm")], not settings.tv_weight, "with --tv-weight 0"
    yield ["--instant-strength", "--instant-network"], not settings.instant, "without --instant"
    yield [option("seed")], not noise, f"without noise; the picture starts from {settings.initial}"
    yield [option("long_side")], bool(settings.width or settings.height), "beside --width or --height"
    yield [option("iterations")], bool(settings.scale_iterations), "beside --scale-iterations"
    yield [option("scale_factor")], not grows_by_a_factor(settings), "with one scale, or with scales of given widths"
    whole = isinstance(settings.tile_size, int) and not is_tiled(size, settings.tile_size)
    yield [option("tile_size")], whole, f"on a picture of {size[1]}x{size[0]} pixels, which is no larger than a tile"
    yield ["--overwrite"], options.skip_existing, "with --skip-existing: pictures that exist are left alone"
    yield ["--verbose"], options.quiet, "with --quiet"


def _options(names):
    return [option(name) for name in names]
