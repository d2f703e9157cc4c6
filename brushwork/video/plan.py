"""The plan of a film: its clip, which frames are painted and where they go, and the plan of the first one."""

from __future__ import annotations

import argparse
import math
import os
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from typing import Any

from brushwork import state
from brushwork.errors import Mistakes
from brushwork.messages import logger
from brushwork.pictures import metadata, sizes, unsupported, write
from brushwork.pictures.read import Picture
from brushwork.run import jobs, outputs
from brushwork.run.claims import Claims
from brushwork.run.jobs import Job
from brushwork.run.networks import NetworkReader
from brushwork.run.own_files import OwnFiles
from brushwork.run.plan import Plan, PreviewPlan, make_plan
from brushwork.run.resuming import default_state
from brushwork.video import extra, names
from brushwork.video.clips import Clip, open_clip
from brushwork.video.frame_files import FrameFiles, done_of
from brushwork.video_settings import VIDEO_SETTINGS, VideoSettings

RATE = Fraction(25)  # frames a second of pictures that are files of their own
KEPT = "temporal_weight", "temporal_reach", "frame_iterations"  # settings that a resumed run keeps
REFUSED = {  # flags that a film does not have
    "checkpoint_output": "--checkpoint-output",
    "progress_write": "--progress-write",
    "progress_plot": "--progress-plot",
    "tensorboard": "--tensorboard",
    "state_iterations": "--state-iterations",
    "keep_alpha": "--keep-alpha",
    "keep_metadata": "--keep-metadata",
    "pairs": "--pairs",
    "skip_existing": "--skip-existing",
}


@dataclass(frozen=True)
class FilmPlan:
    """A checked film."""

    options: argparse.Namespace  # the parsed command line
    settings: VideoSettings
    clip: Clip
    numbers: range  # of the frames of the clip that the film consists of
    files: FrameFiles
    first: Plan | PreviewPlan  # of the first frame that is left to paint
    state: str | None  # the path of the film's state; None for an instant film, which has none
    done: int = 0  # frames that an earlier run has finished

    @property
    def output(self) -> str:
        return self.options.output

    @property
    def deadline(self) -> float:
        """When the run has to end, by time.monotonic."""
        return self.first.deadline if isinstance(self.first, Plan) else math.inf

    @property
    def has_sound(self) -> bool:
        """Whether the clip may have a sound that the film can have too."""
        return self.clip.may_have_sound and names.extension_of(self.output) in names.CONTAINERS

    def size(self, height: int, width: int) -> tuple[int, int]:
        """The size of the film's frames, (height, width), for a clip of this size, px."""
        return sizes.output_size(self.first.settings, height, width)

    def about(self) -> dict[str, Any]:
        """The metadata of the film."""
        plan = self.first
        return metadata.about_film(plan.settings, self.settings, plan.network.digest)

    def saved(self, decided: Mapping[str, Any]) -> state.Saved:
        """What the state file of the film holds. decided: what is known only when the film begins."""
        plan = self.first
        return state.Saved(
            None,
            state.settings_as_json(plan.settings),
            plan.digests | {"content": self.clip.digest()},
            self.options.command,
            picture_paths=(self.clip.path, *plan.job.styles),
            directory=os.getcwd(),
            film=self.facts() | decided,
        )

    def facts(self) -> dict[str, Any]:
        """What resumed runs must have in common, besides what pictures have, as it is after JSON."""
        numbers = [self.numbers.start, self.numbers.stop, self.numbers.step]
        values = {name: list(each) if isinstance(each, tuple) else each for name, each in asdict(self.settings).items()}
        return values | {"numbers": numbers}


def make_film_plan(options: argparse.Namespace, network_for: NetworkReader) -> FilmPlan:
    """Make the plan of the film that parsed options ask for. Raises Mistakes, with everything that is wrong."""
    mistakes = Mistakes()
    settings = _settings(options, mistakes)
    _check_flags(options, mistakes)
    clip = _clip(options, mistakes)
    mistakes.check()
    numbers = _numbers(options, clip, mistakes)
    files = FrameFiles(options.output, is_raw=not options.instant and getattr(options, "colors", "") == "luma")
    done = _done(options, files, numbers, mistakes)
    mistakes.check()
    for remark in clip.remarks:
        logger.warning(f"{clip.path} {remark}")
    first = numbers[min(done, len(numbers) - 1)]
    image = mistakes.catch(lambda path: next(clip.frames(_own_size, range(first, first + 1)), None), clip.path)
    if image is None and not mistakes.sentences:
        mistakes.add_file(f"cannot read frame {first + 1} of {clip.path}: the file ends before")
    mistakes.check()
    following = numbers[done] if done < len(numbers) else numbers[-1] + 1  # where no file is
    job = _job(options, files.kept(following + 1), image)
    batch = [job._replace(content=path) for path in getattr(clip, "paths", (clip.path,))]
    claims = Claims([job._replace(output=options.output), *batch], options)
    state_path = None if options.instant else options.state or options.resume or default_state(options.output)
    own = OwnFiles(overwrite=options.overwrite, state=options.resume)
    _check_places(options, job._replace(state=state_path), claims, own)
    plan = make_plan(job, options, network_for, claims)
    if isinstance(plan, Plan) and plan.settings.optimizer == "adam":
        logger.warning("films made with --optimizer adam flicker; --preset painterly has the optimizer lbfgs")
    if isinstance(plan, Plan):  # frames must come out as they would without an interrupt
        plan = replace(plan, settings=replace(plan.settings, deterministic=True))
    film = FilmPlan(options, settings, clip, numbers, files, plan, state_path, done)
    return _resumed(film) if options.saved else film


def _own_size(height, width):
    return height, width


def _settings(options, mistakes):
    """The VideoSettings of the options, or None with mistakes added."""
    given = {name: value for name, value in vars(options).items() if name in VIDEO_SETTINGS}
    try:
        return VideoSettings(**given)
    except ValueError as error:
        for sentence in str(error).splitlines():
            mistakes.add_usage(sentence)
        return None


def _check_flags(options, mistakes):
    """Add flags that a film does not have, and an output that no film can be."""
    for name, flag in REFUSED.items():
        if getattr(options, name):
            mistakes.add_usage(f"{flag} is for pictures, and {options.output} is a film; leave it out")
    extension, output = names.extension_of(options.output), options.output
    is_pattern = names.is_pattern(output)
    if not is_pattern and extension not in names.CONTAINERS | names.ANIMATIONS:
        what = "videos are written as .mp4, .mov or .mkv, animations as .gif, .webp or .apng"
        mistakes.add_usage(f"cannot write {output}: {what}, frames by a pattern as out/f%04d.png")
    if is_pattern:
        mistakes.catch(write.check_format, output, depth=options.depth)
    elif options.depth > 8:
        mistakes.add_usage(f"--depth {options.depth} is for pictures, and {output} is a film of 8 bits a channel")
    if "{" in output and any(f"{{{name}}}" in output for name in jobs.PLACEHOLDERS):
        mistakes.add_usage(f"--output {output}: a film is one file; write its name without braces")
    needed = ["av"] if extension in names.CONTAINERS else []
    needed += ["av"] if any(names.extension_of(path) in unsupported.VIDEOS for path in options.content) else []
    needed += [] if options.instant else ["cv2"]
    mistakes.catch(extra.check, *dict.fromkeys(needed))


def _clip(options, mistakes):
    """The clip of the options, or None with a mistake added."""
    if mistakes.sentences:
        return None
    paths = [path for name in options.content for path in jobs.pictures_in(name, "frames", mistakes)]
    mistakes.check()
    if len(paths) > 1:
        paths = sorted(paths, key=jobs.by_number) if paths == sorted(paths) else paths
    return mistakes.catch(open_clip, paths, options.fps or RATE)


def _numbers(options, clip, mistakes):
    """The numbers of the frames that are painted, counted from 0."""
    count, wanted = len(clip.timing.starts), options.frames or slice(None)
    declared = getattr(clip, "declared", count)
    if declared > count and not (wanted.stop and wanted.stop <= count):
        remedy = f"--frames :{count} paints those"
        mistakes.add_file(f"{clip.path} is truncated: it holds {count} of its {declared} frames; {remedy}")
    numbers = range(count)[wanted]
    if not numbers:
        mistakes.add_usage(f"--frames begins at {wanted.start + 1}, and {clip.path} has {count} frames")
        return range(1)
    return numbers


def _done(options, files, numbers, mistakes):
    """The number of frames that the run which is resumed has finished."""
    if options.resume:
        return done_of(files.finished(numbers))
    existing = [path for path in (options.output, files.directory) if os.path.lexists(path)]
    existing += [path for path in (files.kept(number + 1) for number in numbers) if os.path.lexists(path)][:2]
    if existing and not options.overwrite:
        state_path = options.state or default_state(options.output)
        resume = f", or continue it with --resume {shlex.quote(state_path)}" if os.path.isfile(state_path) else ""
        verb = f"{jobs.those_exist(existing)}; choose another name{',' if resume else ' or'} give --overwrite{resume}"
        mistakes.add_file(verb)
    return 0


def _job(options, output, image):
    """The Job of a frame."""
    picture = Picture(image, None, None, full_size=image.shape[:2])
    path = options.content[0]
    return Job(path, options.styles, output, None, None, None, None, frame=picture)


def _check_places(options, job, claims, own):
    """Raise Mistakes if the film or its state cannot be written."""
    mistakes = Mistakes()
    paths = [None if names.is_pattern(options.output) else options.output, job.state]
    outputs.check_paths(job._replace(output=options.output), list(filter(None, paths)), claims, own, mistakes)
    mistakes.check()


def _resumed(film):
    """The film with what the state says. Raises Mistakes if that is of another film."""
    saved, path, mistakes = film.options.saved, film.options.resume, Mistakes()
    flags, inputs = state.differences(saved, film.first.settings, film.saved({}).digests)
    known, facts = saved.film, film.facts()
    for name, was in facts.items():
        if known.get(name) != was and name in ("numbers", *KEPT):
            what = "--frames, or the number of frames," if name == "numbers" else VIDEO_SETTINGS[name].flag
            flags.append(f"{what} has changed")
    for sentence in flags:
        mistakes.add_usage(f"cannot resume {path}: {sentence}; a resumed run keeps its own")
    for sentence in inputs:
        mistakes.add_file(f"cannot resume {path}: {sentence}; a resumed run needs the same")
    mistakes.check()
    return film
