"""`python -m tockwork` is the command `tockwork`."""

from tockwork.app.cli import main

if __name__ == "__main__":
    main()
