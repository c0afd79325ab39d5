"""What is trained: torch modules. Imported only while training."""
