"""The packages of films, an extra: PyAV reads and writes videos, OpenCV finds what moves."""

import importlib.util

from brushwork.errors import PictureError
from brushwork.run.arguments import distribution

PACKAGES = {"av": "av", "cv2": "opencv-python-headless"}  # name of the module -> what pip installs


def check(*modules: str) -> None:
    """Raise PictureError, with the remedy, if one of these modules is not installed."""
    missing = [PACKAGES[name] for name in modules if not importlib.util.find_spec(name)]
    if missing:
        raise PictureError(f"this film needs {' and '.join(missing)}: python -m pip install '{distribution('video')}'")
