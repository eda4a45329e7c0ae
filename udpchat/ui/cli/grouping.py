"""Groups of options: a command takes one dataclass, typer sees its fields."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import fields
from typing import Any, get_type_hints


def grouped(group: type[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the fields of a dataclass as options, in place of its parameter `options`.

    Every field has a default and an annotation that typer understands.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def wrapper(**given: Any) -> None:
            chosen = {field.name: given.pop(field.name) for field in fields(group)}
            command(options=group(**chosen), **given)

        hints = get_type_hints(group, include_extras=True)  # those of its bases too
        signature = inspect.signature(command, eval_str=True)
        own = [parameter for name, parameter in signature.parameters.items() if name != "options"]
        shared = [
            inspect.Parameter(
                field.name, inspect.Parameter.KEYWORD_ONLY, annotation=hints[field.name], default=field.default
            )
            for field in fields(group)
        ]
        vars(wrapper)["__signature__"] = signature.replace(parameters=[*own, *shared])
        wrapper.__annotations__ = {parameter.name: parameter.annotation for parameter in [*own, *shared]}
        return wrapper

    return decorate
