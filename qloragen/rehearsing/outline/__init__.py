"""A million articles call by call: the real engine in virtual time, with what articles ask for taken from a sample."""

from .playing import play
from .shapes import ArticleShape, Ask, CellShape, Shapes, shapes_of

__all__ = ["ArticleShape", "Ask", "CellShape", "Shapes", "play", "shapes_of"]
