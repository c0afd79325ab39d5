"""A model as a page and a REST service."""

from aprende.app.server.serve import create_app, serve

__all__ = ["create_app", "serve"]
