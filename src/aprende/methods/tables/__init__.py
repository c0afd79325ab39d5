"""Learning from tables: encoding columns (views … features), members (trees, nets), and the ensemble of them."""
