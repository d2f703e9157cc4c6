"""The command `neural-style studio`, which serves the page until Ctrl-C."""

import argparse
import os
import shlex
import webbrowser
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from brushwork.errors import DONE, Mistakes, UserError
from brushwork.messages import logger
from brushwork.run import arguments
from brushwork.studio import addresses

FOLDER = "~/neural-style"
LEAST_TOKEN = 12  # characters


def main(argv: Sequence[str]) -> int:
    """Serve the studio until Ctrl-C, and return the exit status. Raises UserError."""
    options = parse(argv)
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ModuleNotFoundError as error:
        packages = shlex.quote(arguments.distribution("studio"))
        raise UserError(f"the studio needs {error.name}: python -m pip install {packages}") from error
    from brushwork.engine import limits
    from brushwork.studio.connections import Server
    from brushwork.studio.queue import PictureQueue
    from brushwork.studio.server import Changes, Studio

    limits.check_address_space()  # before processes are started that need it
    listening, changes = addresses.listen(options.host, options.port), Changes()
    try:
        storage = _storage(options.folder, changes.notify_uploads)
    except UserError:
        listening.close()
        raise
    network = options.network and str(Path(options.network).resolve())
    network = options.network if options.network in (None, "pocket", "vgg19") else network
    queue = PictureQueue(storage, network=network, changed=changes.notify)
    studio = Studio(storage, queue, changes, network=network)
    names = addresses.names(options.host)
    address = _tell(options, names[0], listening.getsockname()[1], storage.folder)
    hosts = None if options.token else set(names)  # a page whose name was made to point here has no token

    def ended(path):
        saved = f"wrote {path}; start the studio again to continue it"
        logger.info(saved if path else "the studio has ended")

    app = studio.app(hosts=hosts, token=options.token, ended=ended)
    if options.open:
        webbrowser.open(address)
    with suppress(KeyboardInterrupt):  # uvicorn raises it again after its end
        Server(app, ending=studio.end).run(sockets=[listening])
    return DONE


def _tell(options, name, port, folder):
    """Log where the page is, and return its address."""
    address = f"http://{name}:{port}/" + (f"?token={options.token}" if options.token else "")
    busy = f"port {options.port} is in use, so " if port != options.port and options.port else ""
    logger.info(f"{busy}the studio is at {address}; pictures are saved in {folder}; Ctrl-C ends it")
    return address


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The options of the command. Raises Mistakes."""
    parser = arguments.Parser(
        prog="neural-style studio",
        description="Serves a page that paints pictures, to the browser on this machine, until Ctrl-C.",
        epilog="exit status: 0 ended by Ctrl-C, 1 could not, 2 bad usage",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--port", type=int, default=8000, metavar="N", help="port, or the next free one; 0 chooses one (default: 8000)"
    )
    parser.add_argument("--open", action="store_true", help="open the page in the browser")
    text = f"where pictures and uploads are kept (default: {FOLDER})"
    parser.add_argument("--folder", default=FOLDER, metavar="DIRECTORY", help=text)
    parser.add_argument("--network", metavar="NAME", help="pocket, vgg19 or a file, as for a picture")
    text = "also serve other machines, at this address of this machine; needs --token (default: only this one)"
    parser.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help=text)
    parser.add_argument("--token", metavar="TEXT", help="a secret that the page's address has to contain")
    options = parser.parse_args(argv)
    mistakes = Mistakes()
    if not 0 <= options.port < 65536:
        mistakes.add_usage(f"--port must be between 0 and 65535, not {options.port}")
    if not addresses.is_loopback(options.host) and options.token is None:
        mistakes.add_usage("--host lets other machines in; give --token with a secret of your own too")
    if options.token is not None and (len(options.token) < LEAST_TOKEN or not options.token.isalnum()):
        mistakes.add_usage(f"--token must be at least {LEAST_TOKEN} letters and digits")
    if options.network not in (None, "pocket", "vgg19") and not os.path.isfile(options.network):
        mistakes.add_file(f"cannot read {options.network}: there is no such file")
    mistakes.check()
    return options


def _storage(folder, changed):
    """The storage in a folder, with the pictures of the examples. Raises UserError."""
    from brushwork.studio.examples import examples
    from brushwork.studio.storage import Storage

    try:
        storage = Storage(folder, changed)
        storage.lock()
        for example in examples():
            storage.uploads.add_example(example)
        return storage
    except BlockingIOError as error:
        raise UserError(f"another studio uses {folder}; give --folder another directory") from error
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror}") from error
