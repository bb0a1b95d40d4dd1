"""A million articles call by call: the real engine in virtual time, with what articles ask for taken from a sample."""

from .playing import play
from .recording import shapes_of
from .shapes import ArticleShape, Ask, CellShape, Shapes

__all__ = ["ArticleShape", "Ask", "CellShape", "Shapes", "play", "shapes_of"]
