"""`python -m udpchat` is the command `udpchat`."""

from udpchat.ui.cli.main import main

if __name__ == "__main__":
    main()
