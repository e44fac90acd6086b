"""What ends a comparison."""


class Failure(Exception):
    """One line for the reader: what, where, what was expected."""
