"""The studio: a page in the browser at which pictures are painted, by a server on this machine."""
