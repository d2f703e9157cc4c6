"""The network: the names of its layers, its files of weights, and fast convolutions."""
