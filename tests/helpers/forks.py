"""A server that has imported TensorFlow and forks a process for each run of the command, so that runs start at once.

It reads lines of JSON: [directory, arguments, file for standard output, file for standard error]. It answers each with
the number of the new process and, when that has ended, with its status as subprocess gives it.
"""

import json
import os
import signal
import subprocess
import sys


class Server:
    """The process, as seen from a test."""

    def __init__(self):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self._process = subprocess.Popen([sys.executable, __file__], **pipes)

    def start(self, *arguments, out=os.devnull, err=os.devnull):
        """A `Run` of the command in the current directory; one at a time."""
        request = [os.getcwd(), list(map(str, arguments)), str(out), str(err)]
        print(json.dumps(request), file=self._process.stdin, flush=True)
        return Run(self._process.stdout)

    def close(self):
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


class Run:
    def __init__(self, answers):
        self._answers = answers
        self.pid = int(answers.readline())

    def wait(self):
        """The exit status; of a process that was killed, minus the signal's number."""
        return int(self._answers.readline())


def main():
    import neural_style
    from brushwork.engine.session import import_tensorflow

    import_tensorflow()
    import stylize  # noqa: F401
    from brushwork.network import operations

    operations.is_faster = lambda *_: False  # not found out by each process: either way gives the same
    for line in sys.stdin:
        directory, arguments, out, err = json.loads(line)
        pid = os.fork()
        if not pid:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # as before Python has started
            os.chdir(directory)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            for handle, name in ((1, out), (2, err)):
                os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), handle)
            sys.argv[1:] = arguments
            try:
                status = neural_style.main()  # as in a process of its own
            except SystemExit as stop:
                status = stop.code
            sys.stdout.flush()
            os._exit(status)
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
    os._exit(0)  # TensorFlow takes seconds to tidy up


if __name__ == "__main__":
    main()
