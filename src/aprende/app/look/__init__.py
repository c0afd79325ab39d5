"""What a network of pictures has learnt, as a page and as files."""

from aprende.app.look.making import make

__all__ = ["make"]
