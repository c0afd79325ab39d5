"""One file a system; found by file name, imported only when asked for."""
