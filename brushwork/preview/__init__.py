"""Previews, which take one pass through a trained network instead of an optimisation (Ghiasi et al. 2017)."""
