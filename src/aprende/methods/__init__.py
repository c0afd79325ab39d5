"""Training methods that several systems share."""
