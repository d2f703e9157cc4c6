"""The jobs: options for many pictures -> the options of each, checked as far as this is possible without reading any.

Each content is painted in the manner of all styles together; with --pairs in that of one style each.
"""

import copy
import itertools
import os

import images
from plan import Mistakes, make_settings
from settings import option

# Flags for a run that makes one picture.
SINGLE = ("state", "resume", "progress_write", "progress_plot", "tensorboard", "contact_sheet")


def make_jobs(options, say):
    """The options of each picture, `content` one path and `styles` a list of them. Raises Mistakes."""
    mistakes = Mistakes()
    contents = [path for name in options.content for path in _pictures(name, "contents", mistakes, say)]
    styles = [path for name in options.styles for path in _pictures(name, "styles", mistakes, say)]
    pairs = _pairs(contents, styles, options.pairs, mistakes)
    jobs = [_job(options, content, chosen) for content, chosen in pairs]
    if len(jobs) > 1:
        _check(options, jobs, mistakes)
    if mistakes.sentences:
        raise mistakes
    return jobs


def _pictures(name, kind, mistakes, say):
    """The pictures of a directory in the order of their names; of any other name, itself."""
    if not os.path.isdir(name):
        return [name]
    try:
        names = sorted(entry for entry in os.listdir(name) if images.has_format(entry))
    except OSError as error:
        mistakes.add_file(f"cannot read {name}: {error.strerror}")
        return []
    if not names:
        mistakes.add_file(f"cannot read {name}: there is no picture in this directory")
        return []
    say(f"the {kind} of {name} are {', '.join(names)}")
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
    job = copy.copy(options)
    job.content, job.styles = content, styles
    names = {"content": _stem(content), "style": "-".join(map(_stem, styles))}
    job.output = _filled(options.output, names)
    template = options.checkpoint_output
    if template is not None:  # the names in it go through str.format, or else through the % operator
        braces = "{" in _filled(template, dict.fromkeys(names, ""))
        escape = str.maketrans({"{": "{{", "}": "}}"} if braces else {"%": "%%"})
        job.checkpoint_output = _filled(template, {field: name.translate(escape) for field, name in names.items()})
    return job


def _stem(path):
    return os.path.splitext(os.path.basename(path))[0]


def _filled(template, names):
    for field, name in names.items():
        template = template.replace(f"{{{field}}}", name)
    return template


def _check(options, jobs, mistakes):
    """What can be known to be wrong with many pictures before the first is made."""
    for name in SINGLE:
        if getattr(options, name):
            mistakes.add_usage(f"{option(name)} is for a run that makes one picture, not {len(jobs)}")
    make_settings(jobs[0], mistakes)
    outputs = [job.output for job in jobs]
    twice = next((output for output in outputs if outputs.count(output) > 1), None)
    if twice:
        mistakes.add_usage(f"{twice} is to be written twice; write --output as in out/{{content}}-{{style}}.jpg")
    templates = {job.checkpoint_output for job in jobs}
    if options.checkpoint_output is not None and len(templates) < len(jobs):
        mistakes.add_usage("--checkpoint-output is to be written twice; write it as in out/{content}-{style}-{:05}.jpg")
    existing = [output for output in outputs if os.path.exists(output)]
    if existing and not options.overwrite and not options.skip_existing:
        more = f" and {len(existing) - 1} more" if len(existing) > 1 else ""
        mistakes.add_file(f"{existing[0]}{more} exists; choose another name or give --overwrite or --skip-existing")
