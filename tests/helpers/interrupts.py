"""Interrupts at a chosen moment."""

import os
import signal
import time

from brushwork.preview.transformer import Transformer
from brushwork.run.interrupts import Interrupts


def interrupt_previews(monkeypatch):
    """Have the first convolution of the preview network interrupted, and wait until that has been noticed."""
    enter, convolve, entered = Interrupts.__enter__, Transformer._convolve, []

    def remembered(self):
        entered.append(self)
        return enter(self)

    def interrupted(self, *arguments):
        monkeypatch.setattr(Transformer, "_convolve", convolve)
        os.kill(os.getpid(), signal.SIGINT)
        while not entered[-1].status:
            time.sleep(0.001)
        return convolve(self, *arguments)

    monkeypatch.setattr(Interrupts, "__enter__", remembered)
    monkeypatch.setattr(Transformer, "_convolve", interrupted)
