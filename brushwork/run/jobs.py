"""Jobs: the pictures that a command line asks for, checked as far as possible without reading any file.

Each content is painted in all styles together, or with --pairs in one style at a time.
"""

import itertools
import os
from dataclasses import fields
from typing import NamedTuple

from brushwork.errors import Mistakes
from brushwork.pictures import write
from brushwork.settings import MOST_SCALES, PRESETS, Settings, option

PROGRESS_TABLE, PROGRESS_PLOT = "progress.txt", "progress.png"
SINGLE = ("state", "resume", "progress_write", "progress_plot", "tensorboard", "contact_sheet")  # not for batches


class Job(NamedTuple):
    """The paths of one picture to be made. None: not asked for."""

    content: str
    styles: list[str]
    output: str
    checkpoints: str | None  # template, for `checkpoint`
    table: str | None  # of the losses
    plot: str | None
    state: str | None

    @property
    def names(self):
        """What stands for {content} and {style} in the names of outputs."""
        return {"content": _stem(self.content), "style": "-".join(map(_stem, self.styles))}

    def checkpoint(self, iteration):
        """The path of a checkpoint: the template filled by str.format, or else by the % operator."""
        if "{" in _filled(self.checkpoints, dict.fromkeys(self.names, "")):
            return self.checkpoints.format(iteration, **self.names)
        return _filled(self.checkpoints % iteration, self.names)


def make_jobs(options, say):
    """The Jobs of parsed options. Raises Mistakes."""
    mistakes = Mistakes()
    contents = [path for name in options.content for path in _pictures(name, "contents", mistakes, say)]
    styles = [path for name in options.styles for path in _pictures(name, "styles", mistakes, say)]
    pairs = _pairs(contents, styles, options.pairs, mistakes)
    jobs = [_job(options, content, chosen) for content, chosen in pairs]
    if len(jobs) > 1:
        _check(options, jobs, mistakes)
    mistakes.check()
    return jobs


def is_skipped(job, options, say):
    """Whether the picture of a job exists and is to be left alone."""
    if not (options.skip_existing and os.path.exists(job.output)):
        return False
    say(f"{job.output} exists: skipped")
    return True


def make_settings(options, job, mistakes):
    """The Settings of the flags that were given, or None with mistakes added."""
    names = {field.name for field in fields(Settings)}
    given = {name: value for name, value in vars(options).items() if name in names}
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    for name in ("style_scales", "style_blend_weights"):
        numbers = given.get(name)
        if numbers is not None and len(numbers) != len(job.styles):
            mistakes.add_usage(f"{option(name)} takes one number for each style: {len(job.styles)}, not {len(numbers)}")
    try:
        return Settings(**_preset(options.preset or "classic", given) | given)
    except ValueError as error:
        for sentence in str(error).splitlines():
            mistakes.add_usage(sentence)
        return None


def _preset(name, given):
    """The settings of a preset; of those that belong together, only what the given ones leave."""
    values = dict(PRESETS[name])
    if "iterations" in given:
        values.pop("scale_iterations", None)
    if scales := given.get("scales"):
        values.pop("smallest_scale", None)
        count = scales[0] if len(scales) == 1 and scales[0] <= MOST_SCALES else len(scales) + 1
        values |= {key: values[key][-count:] for key in ("scale_iterations",) if key in values}
    return values


def _pictures(name, kind, mistakes, say):
    """The pictures in a directory, sorted by name; any other path stands for itself."""
    if not os.path.isdir(name):
        return [name]
    try:
        names = sorted(entry for entry in os.listdir(name) if write.has_format(entry))
    except OSError as error:
        mistakes.add_file(f"cannot read {name}: {error.strerror}")
        return []
    if not names:
        mistakes.add_file(f"cannot read {name}: there is no picture in this directory")
        return []
    say(f"the {kind} in {name} are {', '.join(names)}")
    return [os.path.join(name, entry) for entry in names]


def _pairs(contents, styles, how, mistakes):
    """(content, its styles) of each picture."""
    if how == "all":
        return [(content, [style]) for content, style in itertools.product(contents, styles)]
    if how == "zip":
        if len(contents) != len(styles):
            mistakes.add_usage(f"--pairs zip takes one style for each content: {len(contents)}, not {len(styles)}")
        return [(content, [style]) for content, style in zip(contents, styles, strict=False)]
    return [(content, styles) for content in contents]


def _job(options, content, styles):
    job = Job(content, styles, options.output, options.checkpoint_output, None, None, options.state or options.resume)
    output = _filled(options.output, job.names)
    table = os.path.join(os.path.dirname(output), PROGRESS_TABLE) if options.progress_write else None
    plot = os.path.join(os.path.dirname(output), PROGRESS_PLOT) if options.progress_plot else None
    return job._replace(output=output, table=table, plot=plot)


def _stem(path):
    return os.path.splitext(os.path.basename(path))[0]


def _filled(template, names):
    for field, name in names.items():
        template = template.replace(f"{{{field}}}", name)
    return template


def _check(options, jobs, mistakes):
    """What can be known to be wrong with a batch before its first picture."""
    for name in SINGLE:
        if getattr(options, name):
            mistakes.add_usage(f"{option(name)} is for a run that makes one picture, not {len(jobs)}")
    make_settings(options, jobs[0], mistakes)
    outputs = [job.output for job in jobs]
    twice = next((output for output in outputs if outputs.count(output) > 1), None)
    if twice:
        mistakes.add_usage(f"{twice} would be written twice; write --output as in out/{{content}}-{{style}}.jpg")
    if options.checkpoint_output is not None and len({_filled(job.checkpoints, job.names) for job in jobs}) < len(jobs):
        mistakes.add_usage("--checkpoint-output would be written twice; write it as in out/{content}-{style}-{:05}.jpg")
    existing = [output for output in outputs if os.path.exists(output)]
    if existing and not options.overwrite and not options.skip_existing:
        mistakes.add_file(f"{those_exist(existing)}; choose another name, or give --overwrite or --skip-existing")


def those_exist(paths):
    """The beginning of a sentence about files that exist."""
    return f"{paths[0]} and {len(paths) - 1} more exist" if len(paths) > 1 else f"{paths[0]} exists"
