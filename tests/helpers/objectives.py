"""Objectives and instant painters that tests share: a graph takes a second to build, a hundredth of that to run."""

import math
from contextlib import nullcontext

from brushwork.digest import digest_of
from brushwork.engine import session
from brushwork.engine.objective import Objective
from brushwork.engine.session import chosen_precision
from brushwork.network import operations
from brushwork.pictures.masks import NO_MASKS
from brushwork.preview.network import open_network
from brushwork.settings import SETTINGS
from stylize import make_terms

MOST = 12
_kept = {}
_painters = {}


class Kept(Objective):
    """An Objective whose session stays open for the next test."""

    def __exit__(self, *exception):
        pass

    def close(self):
        super().__exit__()

    def cancel(self):
        for key in [key for key, objective in _kept.items() if objective is self]:
            del _kept[key]
        super().cancel()


def shared(network, settings, masks=NO_MASKS, *, precision=None, terms=None):
    """An Objective as a new one would be: of an earlier test with the same network, losses, kinds of masks, precision.

    With terms of its own, it is new. Not for tests that change how a graph is built. It is shared by what runs at the
    same time, too.
    """
    if terms:
        return Objective(network, settings, terms, masks, precision=precision)
    arrays = [network.mean_pixel, *(array for pair in network.convolutions.values() for array in pair)]
    losses = tuple(getattr(settings, name) for name, each in SETTINGS.items() if each.affects == "loss")
    kinds = len(masks.styles), masks.content is None, len(masks.sources)
    precision = precision or chosen_precision(settings.precision)
    ways = operations.turning_pays(), operations.comparing_pays(), session.options().SerializeToString()
    key = digest_of(*arrays), losses, kinds, precision, ways
    objective = _kept.pop(key, None) or Kept(network, settings, make_terms(settings, masks), masks, precision=precision)
    _kept[key] = objective  # the latest comes last
    if len(_kept) > MOST:
        _kept.pop(next(iter(_kept))).close()
    objective.settings = settings
    objective._style_sums.clear()
    objective._evaluator._largest = math.inf
    return objective


def shared_preview_network(network):
    """A context manager of what preview.network.open_network returns: of an earlier test with the same weights."""
    if not hasattr(network, "layers"):
        return open_network(network)
    if network.digest not in _painters:
        _painters[network.digest] = open_network(network)
    return nullcontext(_painters[network.digest])
