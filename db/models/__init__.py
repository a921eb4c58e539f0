"""All tables. Importing the package maps every room, so that `Base.metadata` is complete."""

from importlib import import_module
from pkgutil import iter_modules

for _room in iter_modules(__path__):
    import_module(f"{__name__}.{_room.name}")
