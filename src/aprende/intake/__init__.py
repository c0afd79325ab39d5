"""What people have, read into a Table. Knows no system and no training."""
