"""Importing this imports TensorFlow: for the process from which workers are forked."""

from brushwork.engine.session import import_tensorflow

import_tensorflow()
