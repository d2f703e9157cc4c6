"""Interrupts: what the first signal does, what the second one does, and what is left afterwards."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from brushwork.run.interrupts import Interrupts

ROOT = Path(__file__).resolve().parents[2]
SIGNALS = pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)


def until(condition):
    """Wait until a condition holds, at most 20 s."""
    end = time.monotonic() + 20
    while not condition() and time.monotonic() < end:
        time.sleep(0.001)


@SIGNALS
def test_the_first_signal_only_sets_the_status(number, status):
    with Interrupts(pytest.fail) as interrupts:
        assert interrupts.status == 0
        signal.raise_signal(number)
        until(lambda: interrupts.status)
        assert interrupts.status == status


def test_the_first_signal_cancels_what_is_computed():
    cancelled = threading.Event()
    with Interrupts(pytest.fail) as interrupts:
        interrupts.on_signal(
            lambda: cancelled.set() or interrupts.status == 130 or pytest.fail("the status comes first")
        )
        signal.raise_signal(signal.SIGINT)
        assert cancelled.wait(20)


def test_other_signals_are_left_alone():
    seen = []
    before = signal.signal(signal.SIGUSR1, lambda *_: seen.append(True))
    try:
        with Interrupts(pytest.fail) as interrupts:
            signal.raise_signal(signal.SIGUSR1)
            signal.raise_signal(signal.SIGINT)
            until(lambda: interrupts.status)
            assert (interrupts.status, seen) == (130, [True])
    finally:
        signal.signal(signal.SIGUSR1, before)


@SIGNALS
def test_afterwards_everything_is_as_before(number, status):
    seen, wakeup, threads = [], signal.set_wakeup_fd(-1), set(threading.enumerate())
    signal.set_wakeup_fd(wakeup)
    before = signal.signal(number, lambda *_: seen.append(True))
    try:
        with Interrupts(pytest.fail) as interrupts:
            pass
        signal.raise_signal(number)
        assert (seen, interrupts.status) == ([True], 0)
        assert signal.set_wakeup_fd(wakeup) == wakeup
        until(lambda: set(threading.enumerate()) <= threads)
        assert set(threading.enumerate()) <= threads
    finally:
        signal.signal(number, before)


def test_a_hangup_is_ignored_where_nohup_ignores_it():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interrupts(pytest.fail) as interrupts:
            signal.raise_signal(signal.SIGHUP)
            signal.raise_signal(signal.SIGINT)
            until(lambda: interrupts.status)
            assert interrupts.status == 130
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_in_another_thread_signals_are_left_alone():
    before, found = signal.getsignal(signal.SIGINT), []

    def enter():
        with Interrupts(pytest.fail) as interrupts:
            found.append((interrupts.status, signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert found == [(0, before)]


def test_at_the_end_of_the_process_signals_change_nothing():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        with Interrupts(pytest.fail, restore=False):
            pass
        for number in before:
            signal.raise_signal(number)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@SIGNALS
def test_a_second_signal_ends_the_process_at_once(number, status):
    # The main thread is in C for minutes, where Python runs no handler.
    code = (
        "import hashlib\n"
        "from brushwork.run.interrupts import Interrupts\n"
        "with Interrupts(lambda: print('before the exit', flush=True)):\n"
        "    print('ready', flush=True)\n"
        "    hashlib.pbkdf2_hmac('sha256', b'', b'', 2**30)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment)
    try:
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(number)
        time.sleep(0.2)
        process.send_signal(number)  # of the same press of a key
        time.sleep(1)
        assert process.poll() is None
        process.send_signal(number)
        assert process.wait(timeout=20) == status
        assert process.stdout.read() == b"before the exit\n"
    finally:
        process.kill()
        process.communicate()
