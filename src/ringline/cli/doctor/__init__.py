"""`ringline doctor`: what stands in the way of good calls on this machine, and what to do about it."""
