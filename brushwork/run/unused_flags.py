"""Warnings for flags that have no effect because of other flags, and refusals of those that --instant excludes."""

import argparse
import os
from collections.abc import Iterator

from brushwork.presets import PRESETS
from brushwork.preview_settings import PreviewSettings
from brushwork.run.jobs import Job
from brushwork.schedule import grows_by_a_factor, is_tiled, make_schedule
from brushwork.settings import Settings, option
from brushwork.video_settings import VIDEO_SETTINGS

LEAST_SCALE = 16  # px: if the longer side is smaller, the coarsest layer has a single position
ADAM = ("learning_rate", "beta1", "beta2", "epsilon")


def refused(options: argparse.Namespace) -> Iterator[str]:
    """Yield a sentence for each flag that asks for what a preview does not have."""
    for flag, facts in options.facts.items():
        if options.instant and facts.for_optimisation and getattr(options, facts.name):
            yield f"{flag} is for an optimisation, and --instant makes none; leave out one of them"


def without_effect(
    options: argparse.Namespace, settings: Settings | PreviewSettings, job: Job, size: tuple[int, int]
) -> Iterator[str]:
    """Yield a warning for each flag that was typed and has no effect, or not the intended one.

    size: (height, width) of the output.
    """
    if options.saved:  # its flags are those of the state
        return
    typed = [word.partition("=")[0] for word in options.command if word.startswith("--")]
    typed = [flag for flag in dict.fromkeys(typed) if flag in options.facts]
    rules = list(_common_rules(options, settings, job))
    if options.instant:
        yield from _not_for_previews(options, typed)
    else:
        rules += _rules(options, settings, job, size)
    for flags, holds, reason in rules:
        if holds:
            yield from (f"{flag} has no effect {reason}" for flag in flags if flag in typed)
    if not options.instant:
        yield from _scales_not_as_typed(typed, settings, size)
        if "--style-loss" in typed and not {"--content-weight", "--style-weight", "--settings-from"} & {*typed}:
            yield from _weights_of_another_loss(options.preset or "classic", settings)
        yield from _nothing_to_paint(settings, job)


def _not_for_previews(options, typed):
    """Yield a warning for each flag that a preview does not use."""
    for flag in sorted(typed):
        if not options.facts[flag].for_preview:
            own = "; its own is --instant-network" if flag == "--network" else ""
            yield f"{flag} has no effect with --instant, which makes no optimisation{own}"


def _nothing_to_paint(settings, job):
    """Yield a warning for settings that leave out the content or the style, and for a style that is the content."""
    for kind, terms, weight in (
        ("content", settings.content_layer_weights, settings.content_weight),
        ("style", settings.style_layer_weights | settings.nearest_layer_weights, settings.style_weight),
    ):
        if weight and not terms:
            yield f"all layers of the {kind} loss have weight 0, so the {kind} plays no part"
    if not settings.content_weight and not settings.style_weight:
        yield "--content-weight and --style-weight are both 0: only the variation loss is left, which blurs the picture"
    if any(os.path.realpath(job.content) == os.path.realpath(style) for style in job.styles):
        yield f"{job.content} is both the photograph and the style, so there is little to paint"


def _scales_not_as_typed(typed, settings, size):
    """Yield a warning for each flag of the scales that asks for more scales than there are."""
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
    """Yield a warning if the style loss is not the one that the preset's weights are for."""
    is_gram, presets_is = "gram" in settings.style_losses, "style_loss" not in PRESETS[preset]
    if is_gram != presets_is:
        losses, better = " ".join(settings.style_loss), "fast" if is_gram else "painterly"
        yield (
            f"--style-loss {losses} needs other weights than those of the preset {preset}; --preset {better} sets them"
        )


def _common_rules(options, settings, job):
    """Yield (flags, whether they have no effect, why), for optimisations and previews."""
    colors = "without --colors luma, match or histogram"
    yield [option("color_strength")], settings.colors == "style", colors
    yield ["--colors", "--preserve-colors"], not settings.color_strength, "with --color-strength 0"
    yield [option("style_blend_weights")], len(job.styles) == 1, "with one style"
    yield [option("long_side")], bool(settings.width or settings.height), "beside --width or --height"
    yield [*_options(VIDEO_SETTINGS), "--fps"], job.frame is None, "on a picture; it is for a film, as out.mp4"
    yield ["--cluster-tls", "--cluster-wait", "--trust-network"], not options.cluster, "without --cluster"
    yield ["--overwrite"], options.skip_existing, "with --skip-existing: pictures that exist are left alone"


def _rules(options, settings, job, size):
    """Yield (flags, whether they have no effect, why), for optimisations."""
    noise = settings.initial == "noise" if settings.initial_noiseblend is None else settings.initial_noiseblend > 0
    for_content = "content_layers", "content_weight_blend", "content_detail", "content_transport"
    for_style = "style_layers", "style_layer_weight_exp", "style_loss", "nearest_layers", "strength"
    of_styles = "style_blend_weights", "style_scales", "style_size", "style_margin"
    yield _options(ADAM), settings.optimizer != "adam", f"with the optimizer {settings.optimizer}; it is for adam"
    yield [option("lbfgs_memory")], settings.optimizer != "lbfgs", f"with the optimizer {settings.optimizer}"
    yield [*_options(for_content), "--content-mask"], not settings.content_weight, "with --content-weight 0"
    seen = settings.content_weight or settings.initial == "content"
    yield [option("content_palette")], not seen, "with --content-weight 0, unless --initial is content"
    yield _options(for_style), not settings.style_weight, "with --style-weight 0"
    moves = (settings.content_weight and settings.content_transport) or (seen and settings.content_palette)
    unseen = not settings.style_weight and not moves  # the styles
    yield [*_options(of_styles), "--style-masks", "--style-source-masks"], unseen, "with --style-weight 0"
    yield [option("style_margin")], bool(options.style_source_masks), "with --style-source-masks, which say what counts"
    yield [option("nearest_layers")], "nearest" not in settings.style_losses, "without --style-loss nearest"
    yield [option("tv_norm")], not settings.tv_weight, "with --tv-weight 0"
    yield ["--instant-strength", "--instant-network"], True, "without --instant"
    yield [option("seed")], not noise, f"without noise; the picture starts from {settings.initial}"
    yield [option("iterations")], bool(settings.scale_iterations), "beside --scale-iterations"
    yield [option("scale_factor")], not grows_by_a_factor(settings), "with one scale, or with scales of given widths"
    whole = isinstance(settings.tile_size, int) and not is_tiled(size, settings.tile_size)
    yield [option("tile_size")], whole, f"on a picture of {size[1]}x{size[0]} pixels, which is no larger than a tile"
    yield ["--verbose"], options.quiet, "with --quiet"


def _options(names):
    return [option(name) for name in names]
