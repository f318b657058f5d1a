"""Errors are one line, keep their data and survive a process boundary."""

import pickle

import pytest

from flows import errors

CLASSES = [
    cls
    for cls in vars(errors).values()
    if isinstance(cls, type) and issubclass(cls, errors.GridletterError)
]


@pytest.mark.parametrize("cls", CLASSES)
def test_an_error_survives_pickling(cls):
    """Prefect hands errors between processes: class, text and data come back equal."""
    error = cls("the file is gone", remedy="Bring it back.", path="a/b")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(again) is cls
    assert str(again) == "the file is gone. Bring it back."
    assert again.data == {"path": "a/b"}


def test_an_error_is_one_line_whatever_it_quotes():
    """Control characters, line breaks and bidirectional overrides can't forge a second line."""
    error = errors.MessageError("bad\r\n\x00value \u202etxt\u2028end.", remedy="Mend\nit.")
    assert str(error) == "bad value txt end. Mend it."


def test_a_long_value_is_cut():
    """A quoted megabyte does not reach the operator's terminal."""
    assert len(errors.one_line("x" * 10_000)) == 600
    assert errors.one_line("x" * 10_000).endswith("…")


def test_every_error_is_permanent_or_retryable():
    """Retries ask the type: each class but the root is on exactly one side."""
    for cls in CLASSES:
        if cls is not errors.GridletterError:
            sides = (issubclass(cls, errors.PermanentError), issubclass(cls, errors.RetryableError))
            assert sum(sides) == 1, cls
            assert cls.retryable is sides[1]


def test_the_drawn_tree_names_every_class():
    """The module's picture is complete: no error class is missing from it."""
    for cls in CLASSES:
        assert cls.__name__ in errors.__doc__
