"""Watchers: iterators that pass the steps of a run on and report them."""
