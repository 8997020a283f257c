"""``python -m avsynth``."""

from avsynth.cli.main import main

if __name__ == "__main__":
    main()
