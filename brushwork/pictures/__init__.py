"""Pictures: float32 arrays [H, W, 3], RGB, 0..255, and the files that they are read from and written to."""
