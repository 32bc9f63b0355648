"""`python -m provcheck` is `provcheck`."""

from provcheck.cli import main

if __name__ == "__main__":
    main()
