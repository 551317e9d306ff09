"""`python -m unisafebench`."""

from unisafebench.cli.main import main

if __name__ == "__main__":
    main()
