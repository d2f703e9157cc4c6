"""What a user can get wrong, in one sentence each, and the exit statuses of the command."""

# Exit statuses.
DONE = 0
COULD_NOT = 1  # a file, the network, the disk, or a loss that is not finite; in a batch, at least one picture
BAD_USAGE = 2  # nothing was written
INTERRUPTED = 130  # Ctrl-C; SIGTERM gives 143. The picture so far is saved.


class UserError(Exception):
    """Something that the user can put right. Its text is one sentence that names the thing and the remedy."""

    status = COULD_NOT

    @property
    def sentences(self):
        return [str(self)]


class PictureError(UserError):
    """A picture that cannot be read or written."""


class MetadataError(UserError):
    """A picture whose file does not hold the settings it was made with."""


class NetworkError(UserError):
    """A file that holds no VGG-19 this program can use, or a network that cannot be downloaded."""


class StateError(UserError):
    """A state file that cannot be read, or that belongs to another run."""


class DoesNotFit(UserError):
    """A run that takes more memory than there is."""


class Diverged(UserError):
    """A run whose loss is no longer a finite number."""


class Interrupted(Exception):
    """An evaluation that was cancelled, from another thread; the last step is as it was."""


class Mistakes(UserError):
    """Everything that is wrong with a command line, one sentence each; the status is of the worst."""

    sentences = ()

    def __init__(self, *usage):
        super().__init__()
        self.sentences, self.status = [*usage], BAD_USAGE if usage else COULD_NOT

    def add_usage(self, sentence):
        self.sentences.append(sentence)
        self.status = BAD_USAGE

    def add_file(self, sentence):
        self.sentences.append(sentence)

    def catch(self, function, *arguments, **options):
        """function(*arguments, **options); where a file is at fault, None, and the sentence is added."""
        try:
            return function(*arguments, **options)
        except UserError as error:
            self.add_file(str(error))
        except MemoryError:
            self.add_file(f"not enough memory for {arguments[0]}")
        return None

    def check(self):
        """Raise these mistakes if there are any."""
        if self.sentences:
            raise self
