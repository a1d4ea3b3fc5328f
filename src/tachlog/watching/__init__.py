"""Follow logs as they grow: what is written is in the archive within a second.

`follow` runs until it is told to stop, in whatever thread it was called. Files are watched by the
system where it can (`eyes`), looked at again and again where it cannot; only what is new is read.
"""

from tachlog.watching.follower import follow
from tachlog.watching.places import Places, discovered, named
from tachlog.watching.steps import Happened, Step

__all__ = ["Happened", "Places", "Step", "discovered", "follow", "named"]
