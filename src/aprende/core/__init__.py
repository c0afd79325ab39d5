"""The flow, the contract and what every system shares. Knows no modality's files and no system by name."""
