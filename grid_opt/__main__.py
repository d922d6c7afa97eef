"""Run the command line by ``python -m grid_opt``."""

from grid_opt.cli import main

if __name__ == "__main__":
    main()
