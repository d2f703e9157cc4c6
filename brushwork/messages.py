"""Messages to the user: the logger that every module writes to."""

import logging

logger = logging.getLogger("brushwork")
