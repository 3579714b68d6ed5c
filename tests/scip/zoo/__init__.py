"""A package to be indexed: names of every use, and text beyond ASCII in front of names."""

from zoo.animals import Animal, Cat

__all__ = ["Animal", "Cat"]
