"""The packages of the `grid` extra, imported when they are needed."""

import importlib
from types import ModuleType

from mfgamm.core import MfgammError


class MissingGridExtra(MfgammError, ImportError):
    """A package for networks is not installed; the message says how to get it."""


def grid_package(name: str) -> ModuleType:
    """A module of the `grid` extra.

    Raises:
        MissingGridExtra: if it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise MissingGridExtra(
            f"electrical networks need {name}; install it with: pip install 'mfgamm[grid]'"
        ) from error
