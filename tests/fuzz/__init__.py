"""Inputs that nobody thought of, and faults at any moment: ``python -m tests.fuzz``, or ``make fuzz``.

Each is tried in a forked child of a warm process. What comes of it is right, is refused in one clear message, or is
wrong: a traceback, a hang, a file where none belongs, a result that is not the one asked for.
"""
