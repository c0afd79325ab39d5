"""Methods for things in pictures: boxes, how cells are assigned to them, what is gone down, and how it is judged."""
