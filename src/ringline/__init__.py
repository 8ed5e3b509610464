"""ringline: programmable voice and AI inference on your own machine."""

__version__ = "0.1.0"
