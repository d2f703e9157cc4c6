"""The networks of a command line: each is found, downloaded if necessary, and read once for all pictures."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from brushwork.errors import Mistakes
from brushwork.messages import logger
from brushwork.network import store
from brushwork.preview import store as preview_store
from brushwork.preview_settings import PreviewSettings
from brushwork.settings import Settings

if TYPE_CHECKING:
    import vgg
    from brushwork.preview.store import SavedModel
    from brushwork.preview.weights import PreviewWeights

# (settings or None, mistakes) -> the network of a picture, or None with a mistake added
NetworkReader = Callable[
    [Settings | PreviewSettings | None, Mistakes], "vgg.Network | PreviewWeights | SavedModel | None"
]


def network_reader(options: argparse.Namespace) -> NetworkReader:
    """The reader of the network that parsed options ask for."""
    return PreviewReader(options.instant_network) if options.instant else VGGReader(options.network)


class PreviewReader:
    """Reads the network of previews."""

    def __init__(self, name: str | None):
        """name: of the network, or its directory, as for preview.store.resolve."""
        self._name, self._network, self._is_read = name, None, False

    def __call__(self, settings: PreviewSettings | None, mistakes: Mistakes) -> PreviewWeights | SavedModel | None:
        """The network, or None with a mistake added. Nothing is downloaded if there are mistakes already."""
        if not self._is_read and not (mistakes.sentences and preview_store.would_download(self._name)):
            self._network, self._is_read = mistakes.catch(preview_store.resolve, self._name), True
        return self._network


class VGGReader:
    """Reads the VGG-19 of optimisations."""

    def __init__(self, name: str | None):
        """name: of the network, or its path; None: the default of network.store."""
        self._name, self._path, self._network, self._note = name, None, None, None

    def __call__(self, settings: Settings | None, mistakes: Mistakes) -> vgg.Network | None:
        """The network, or None with a mistake added; a mistake is added too if it lacks a layer of the settings.

        A network that was not named is logged, once there are no mistakes.
        """
        if self._network is None and not self._read(mistakes):
            return None
        for layer in settings.layers if settings else ():
            if layer.replace("relu", "conv") not in self._network.convolutions:
                last = list(self._network.convolutions)[-1]
                mistakes.add_file(f"cannot use network {self._path}: it ends at {last}, before {layer}")
        if self._note and not mistakes.sentences:
            logger.info(self._note)
            self._note = None
        return self._network

    def _read(self, mistakes):
        """Read the network and return whether that succeeded; if it did not, a mistake is added."""
        name, self._note = store.default() if self._name is None else (self._name, None)
        if mistakes.sentences and store.would_download(name):
            return False  # nothing is downloaded for a run that would fail anyway
        import vgg

        self._path = mistakes.catch(store.resolve, name)
        self._network = mistakes.catch(vgg.load, self._path) if self._path else None
        if self._network is None and self._name is None and os.environ.get("NEURAL_STYLE_NETWORK"):
            mistakes.sentences[-1] += "; the variable NEURAL_STYLE_NETWORK names it"
        return self._network is not None
