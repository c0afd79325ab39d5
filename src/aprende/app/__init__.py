"""What people touch: command line, report, server, export, demo, checks."""
