"""What programs use in place of a server: ``SmartRouter``."""

import logging

# A program that has not said where logs go does not want them between its own lines.
logging.getLogger("arriero").addHandler(logging.NullHandler())
