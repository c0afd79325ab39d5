"""A third-party package for aprende: it registers one system, `dots`, through an entry point."""
