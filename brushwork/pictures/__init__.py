"""Pictures: float32 arrays [H, W, 3], RGB, 0..255, and the files they come from and go to."""
