"""Sweeps in the first tier of tests, `make test`, by a few of their cases; the second one, `make test-all`, has all."""

import pytest


def spot_checks(cases, *, keep):
    """The cases as parameters of a test: those at the indices `keep` are of both tiers."""
    return [
        case if index in keep else pytest.param(case, marks=pytest.mark.exhaustive) for index, case in enumerate(cases)
    ]
