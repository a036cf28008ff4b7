"""Packages of the optional extras, imported when they are needed."""

import importlib
from types import ModuleType

from mfgamm.core.errors import MfgammError


class MissingDependency(MfgammError, ImportError):
    """An optional package is needed and not installed; the message says how to install it."""


def optional_package(name: str, extra: str, purpose: str) -> ModuleType:
    """A module that comes with one of the project's extras.

    Args:
        name: of the module.
        extra: that brings it.
        purpose: what needs it, to begin the message with.

    Raises:
        MissingDependency: if it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise MissingDependency(
            f"{purpose} needs {name.partition('.')[0]}; "
            f"install it with: pip install 'mfgamm[{extra}]'"
        ) from error
