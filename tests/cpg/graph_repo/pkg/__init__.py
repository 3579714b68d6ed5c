from .base import Base, helper as assist

__all__ = ["Base", "assist"]
