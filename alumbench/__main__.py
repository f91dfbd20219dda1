"""`python -m alumbench`, which `torchrun -m alumbench` starts several times."""

from alumbench.cli import main

if __name__ == "__main__":
    main()
