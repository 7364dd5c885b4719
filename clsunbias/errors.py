"""The one error type for input that its sender can mend."""


class InputError(ValueError):
    """A wrong value, file or folder: what is wrong, where, and how to mend it.

    The command line shows its message alone and exits with status 2; every other exception keeps its traceback,
    because it is a defect of the suite or of a user's own class.
    """
