"""Effects: the flags of a command line that change nothing, because of other flags, each in one sentence."""

from brushwork.settings import option

ADAM = ("learning_rate", "beta1", "beta2", "epsilon")


def without_effect(options, settings, job):
    """Yields a sentence for each flag that was typed and has no effect on the run."""
    if options.saved:  # its flags are those of the state
        return
    typed = {word.partition("=")[0] for word in options.command}
    for flags, holds, reason in _rules(options, settings, job):
        if holds:
            yield from (f"{flag} has no effect {reason}" for flag in flags if flag in typed)
    if not settings.content_terms and not settings.style_terms:
        yield "--content-weight and --style-weight are both 0: only the variation loss is left, which blurs the picture"


def _rules(options, settings, job):
    """Yields (flags, whether they have no effect, why)."""
    noise = settings.initial == "noise" if settings.initial_noiseblend is None else settings.initial_noiseblend > 0
    for_style = "style_layers", "style_layer_weight_exp", "style_blend_weights", "style_scales", "style_size"
    colors = "without --colors luma, match or histogram"
    yield [option("color_strength")], settings.colors == "style", colors
    yield _options(ADAM), settings.optimizer != "adam", f"with the optimizer {settings.optimizer}; it is for adam"
    yield [option("lbfgs_memory")], settings.optimizer != "lbfgs", f"with the optimizer {settings.optimizer}"
    yield _options(("content_layers", "content_weight_blend")), not settings.content_weight, "with --content-weight 0"
    yield ["--content-mask"], not settings.content_terms, "with --content-weight 0"
    yield [*_options(for_style), "--style-masks"], not settings.style_terms, "with --style-weight 0"
    yield ["--style-source-masks"], not settings.style_terms, "with --style-weight 0"
    yield [option("style_blend_weights")], len(job.styles) == 1, "with one style"
    yield [option("tv_norm")], not settings.tv_weight, "with --tv-weight 0"
    yield [option("seed")], not noise, f"without noise; the picture starts from {settings.initial}"
    yield [option("long_side")], bool(settings.width or settings.height), "beside --width or --height"
    yield [option("iterations")], bool(settings.scale_iterations), "beside --scale-iterations"
    yield [option("scale_factor")], not settings.grows_by_a_factor, "with one scale, or with scales of given widths"
    yield ["--overwrite"], options.skip_existing, "with --skip-existing: pictures that exist are left alone"
    yield ["--verbose"], options.quiet, "with --quiet"


def _options(names):
    return [option(name) for name in names]
