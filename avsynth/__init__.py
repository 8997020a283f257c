"""avsynth makes and detects synthetic faces and voices."""

__version__ = "0.1.0"
