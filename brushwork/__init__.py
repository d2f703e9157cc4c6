"""The package behind neural_style.py, stylize.py and vgg.py.

Importing it sets environment variables that NumPy and TensorFlow read on import, unless they are set already.
"""

import os
import platform
import sys

VERSION = "2.0.0"
if sys.version_info < (3, 10):  # noqa: UP036, the code may be run before it is installed
    sys.exit(f"neural_style: error: this needs Python 3.10 or newer; {sys.executable} is {platform.python_version()}")

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow logs nothing but fatal errors
# NumPy's waiting threads would take a tenth of an iteration from TensorFlow's.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
if platform.machine().lower() in ("x86_64", "amd64"):
    # TensorFlow chooses the kernels of oneDNN by itself only where the processor has instructions for 8 or 16 bits.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
# TensorFlow's default allocator for CPUs gives large arrays back to the system, which hands out new pages for the next
# ones: hundreds of thousands of page faults, a quarter of the time of an evaluation. This one keeps memory for its next
# arrays, in pieces that do not always fit, so that the peak is higher.
os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "true")
