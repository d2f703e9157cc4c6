"""The plan of a run: every input read, every output checked, and everything decided that can be decided before it.

Nothing is written, and TensorFlow is not imported. All mistakes are found before any of them is reported.
"""

from __future__ import annotations

import argparse
import functools
import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

import vgg
from brushwork import state
from brushwork.digest import digest_of
from brushwork.engine import memory
from brushwork.errors import Mistakes
from brushwork.messages import logger
from brushwork.pictures.exif import Photograph
from brushwork.pictures.masks import Masks
from brushwork.preview_settings import PreviewSettings
from brushwork.run import jobs
from brushwork.run.claims import Claims
from brushwork.run.inputs import Inputs, read_inputs
from brushwork.run.networks import NetworkReader
from brushwork.run.outputs import check_outputs
from brushwork.run.own_files import OwnFiles
from brushwork.run.resuming import own_files
from brushwork.run.unused_flags import refused, without_effect
from brushwork.schedule import Schedule, make_schedule
from brushwork.settings import SETTINGS, Settings

if TYPE_CHECKING:
    from brushwork.preview.store import SavedModel
    from brushwork.preview.weights import PreviewWeights


@dataclass(frozen=True)
class PreviewPlan:
    """A checked preview. Pictures are float32 [H, W, 3], RGB, 0..255, in the sizes in which they are used."""

    job: jobs.Job
    options: argparse.Namespace  # the parsed command line
    settings: PreviewSettings
    network: PreviewWeights | SavedModel
    content: np.ndarray
    styles: list[np.ndarray]
    masks: Masks
    opacity: np.ndarray | None  # [H, W], 0..1: the alpha channel of the output
    own: OwnFiles
    photograph: Photograph | None = None  # metadata of the content to keep


@dataclass(frozen=True)
class Plan:
    """A checked optimisation. Pictures are float32 [H, W, 3], RGB, 0..255, in the sizes in which they are used."""

    job: jobs.Job
    options: argparse.Namespace  # the parsed command line
    settings: Settings
    network: vgg.Network
    content: np.ndarray
    styles: list[np.ndarray]
    initial: np.ndarray | None
    masks: Masks
    opacity: np.ndarray | None  # [H, W], 0..1: the alpha channel of the output
    deadline: float  # by time.monotonic
    own: OwnFiles
    photograph: Photograph | None = None  # metadata of the content to keep
    resume: state.State | None = None  # what the run continues from
    precision: str | None = None  # "float32" or "bfloat16"; `with_precision` sets it
    tile_sizes: tuple[int | None, ...] = ()  # px, or None for untiled, at each scale; `with_precision` sets them
    pace: float | None = None  # seconds of an evaluation divided by its cost, which a dry run measures

    @functools.cached_property
    def digests(self) -> dict[str, str]:
        """Digests of everything that the picture is made from besides the settings, by the names in state.INPUTS."""
        masks = [*self.masks.styles, *self.masks.sources]
        masks += [self.masks.content] if self.masks.content is not None else []
        counts = np.array([len(self.masks.styles), len(self.masks.sources), self.masks.content is not None])
        return {
            "network": self.network.digest,
            "content": digest_of(self.content),
            "styles": digest_of(*self.styles),
            "initial": digest_of(*(() if self.initial is None else (self.initial,))),
            "masks": digest_of(counts, *masks),
        }

    @functools.cached_property
    def schedule(self) -> Schedule:
        """The Schedule of the optimisation."""
        return make_schedule(self.settings, *self.content.shape[:2], self.tile_sizes)

    @property
    def settings_for_stylize(self) -> Settings:
        """The settings without sizes, as the pictures are resized already, and `stylize` would refuse them."""
        defaults = {name: each.default for name, each in SETTINGS.items() if each.affects == "size"}
        return replace(self.settings, **defaults)

    def with_precision(self, precision: str) -> Plan:
        """This plan with a precision, and with tile sizes for the memory that is free now. Raises DoesNotFit."""
        plan = replace(self, precision=precision)
        return replace(plan, tile_sizes=tuple(memory.tile_sizes(plan.workload)))

    @property
    def workload(self) -> memory.Workload:
        """What the memory of the run depends on."""
        size, *style_sizes = (picture.shape[:2] for picture in (self.content, *self.styles))
        masks = len(self.masks.styles)
        return memory.Workload(self.network, self.settings, self.precision, size, style_sizes, masks)


def make_plan(
    job: jobs.Job, options: argparse.Namespace, network_for: NetworkReader, claims: Claims
) -> Plan | PreviewPlan:
    """Make the plan of a Job under parsed options. Raises Mistakes, with everything that is wrong.

    claims: of all Jobs of the command line.
    """
    mistakes, warnings, own = Mistakes(), [], own_files(job, overwrite=options.overwrite)
    settings = jobs.make_settings(options, job, mistakes)
    jobs.check_flags(options, job, mistakes)
    inputs = read_inputs(job, options, settings, mistakes, warnings)
    check_outputs(
        job,
        options,
        size=inputs.size,
        transparent=inputs.opacity is not None,
        last=_last_iteration(settings, inputs.size),
        claims=claims,
        own=own,
        mistakes=mistakes,
    )
    for sentence in refused(options):
        mistakes.add_usage(sentence)
    network = network_for(settings, mistakes)
    mistakes.check()
    warnings += without_effect(options, settings, job, inputs.size)
    plan = _planned(job, options, settings, network, inputs, own)
    for sentence in warnings:
        logger.warning(sentence)
    return plan


def _planned(job, options, settings, network, inputs: Inputs, own):
    """The plan of inputs without mistakes. Raises Mistakes if its job continues from a state of another run."""
    content, opacity, styles, initial, masks, photograph = inputs
    if isinstance(settings, PreviewSettings):
        return PreviewPlan(job, options, settings, network, content, styles, masks, opacity, own, photograph)
    deadline = time.monotonic() + (math.inf if options.max_seconds is None else options.max_seconds)
    plan = Plan(job, options, settings, network, content, styles, initial, masks, opacity, deadline, own, photograph)
    return _resumed(plan) if job.resume else plan


def _last_iteration(settings, size):
    """The number of the last iteration for an output of `size` (height, width); None if it is unknown."""
    if isinstance(settings, PreviewSettings):
        return 0
    return make_schedule(settings, *size).iterations if settings and size else None


def _resumed(plan):
    """The plan with the State that its job continues from. Raises Mistakes if that is of another run."""
    path, options, mistakes = plan.job.resume, plan.options, Mistakes()
    named, saved = path == options.resume, plan.job.saved  # by the user, or found beside the picture
    again = f"give the flags of its run, or remove {path} and {plan.job.output}"
    flags, inputs = state.differences(saved, plan.settings, plan.digests)
    for sentence in flags:
        mistakes.add_usage(f"cannot resume {path}: {sentence}; {'a resumed run keeps its own' if named else again}")
    for sentence in inputs:
        mistakes.add_file(f"cannot resume {path}: {sentence}; {'a resumed run needs the same' if named else again}")
    if not mistakes.sentences and not state.fits(saved.state, plan.settings, *plan.content.shape[:2]):
        mistakes.add_file(f"cannot resume {path}: damaged")
    mistakes.check()
    return replace(plan, resume=saved.state)
