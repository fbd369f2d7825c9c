"""Run the command line as `python -m encswap`."""

from encswap.cli.app import main

if __name__ == "__main__":
    main()
