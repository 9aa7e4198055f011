"""What a request may hold."""

from typing import Annotated

from pydantic import AfterValidator, StringConstraints

MAX_ID = 2**63 - 1


def _one_line(text: str) -> str:
    """A title is a line: it becomes the subject of a letter."""
    line = " ".join(text.split())
    if not line.isprintable():
        raise ValueError("has characters that cannot be shown")
    return line


def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("has a character that cannot be stored")
    return text


Title = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    AfterValidator(_one_line),
]
Notes = Annotated[str, StringConstraints(max_length=5000), AfterValidator(_storable)]
Message = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=1000),
    AfterValidator(_storable),
]
Email = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        to_lower=True,
        max_length=254,
        pattern=r"^[^@\s<>,;\x00-\x1f]+@[^@\s<>,;\x00-\x1f]+$",
    ),
]
Password = Annotated[str, StringConstraints(min_length=8, max_length=200)]
