"""The cluster: evaluations in tiles, and pictures of a batch, spread over the workers of a Dask cluster."""
