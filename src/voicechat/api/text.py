"""Text of strangers: JSON can carry halves of characters, which no other encoding can."""

from __future__ import annotations

import json
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator

T = TypeVar("T")


def encodable(value: T) -> T:
    """The same value. Raises `ValueError` when its text cannot be written as UTF-8."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ValueError("the text holds half of a surrogate pair; send whole characters") from error
    return value


Text = Annotated[str, AfterValidator(encodable)]
JsonObject = Annotated[dict[str, Any], AfterValidator(encodable)]
