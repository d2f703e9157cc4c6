"""The exit statuses of the command."""

DONE = 0
COULD_NOT = 1  # a file, the network, the disk, a loss that is not finite; of many pictures, at least one
BAD_USAGE = 2  # nothing was written
INTERRUPTED = 130  # by Ctrl-C, or 143 by SIGTERM, with the picture saved if there was one
