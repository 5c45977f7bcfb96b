"""`python -m rosearch_engine`."""

from rosearch_engine.cli import main

if __name__ == "__main__":
    main()
