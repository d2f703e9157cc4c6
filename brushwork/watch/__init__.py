"""Watchers: generators that pass the steps of a run on unchanged and report, save or end on the way."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # TensorFlow is imported with it
    from stylize import Step

Steps = Iterator["Step"]  # a watcher closes those that it is given when it is closed itself
