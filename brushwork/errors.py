"""Errors that a user can fix, each with a sentence that says how, and the exit statuses of the command."""

from collections.abc import Callable
from typing import Any

DONE = 0
COULD_NOT = 1  # because of a file, the network, the disk or a loss that is not finite; in a batch, for any picture
BAD_USAGE = 2  # nothing was written
INTERRUPTED = 130  # by Ctrl-C; 143 by SIGTERM, 129 by SIGHUP. The picture so far is saved.


class UserError(Exception):
    """An error that the user can fix. Its text is one sentence that names the thing and the remedy."""

    status = COULD_NOT

    @property
    def sentences(self) -> list[str]:
        """The messages for the user, one sentence each."""
        return [str(self)]


class PictureError(UserError):
    """A picture that cannot be read or written."""


class MetadataError(UserError):
    """A picture file that does not have the settings it was made with."""


class NetworkError(UserError):
    """A network file that cannot be read or used, or a network that cannot be downloaded."""


class StateError(UserError):
    """A state file that cannot be read, or that belongs to another run."""


class DoesNotFit(UserError):
    """A run that needs more memory than is available."""


class Diverged(UserError):
    """A run whose loss is no longer finite."""


class Interrupted(Exception):
    """An evaluation that another thread cancelled. The last step is still valid."""


class ClusterLost(Interrupted):
    """An evaluation that a cluster can no longer carry out, with a sentence. The last step is still valid."""


class Mistakes(UserError):
    """All errors in a command line, one sentence each.

    The status is BAD_USAGE if any is an error in the usage, else COULD_NOT.
    """

    sentences = ()

    def __init__(self, *usage: str):
        super().__init__()
        self.sentences, self.status = [*usage], BAD_USAGE if usage else COULD_NOT

    def add_usage(self, sentence: str) -> None:
        """Add an error in the usage: flags or values."""
        self.sentences.append(sentence)
        self.status = BAD_USAGE

    def add_file(self, sentence: str) -> None:
        """Add an error of a file."""
        self.sentences.append(sentence)

    def catch(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Call function(*arguments, **options). If it raises a UserError, add its sentence and return None."""
        try:
            return function(*arguments, **options)
        except UserError as error:
            self.add_file(str(error))
        except MemoryError:
            self.add_file(f"not enough memory for {arguments[0]}")
        return None

    def check(self) -> None:
        """Raise this exception if it has any sentences."""
        if self.sentences:
            raise self
