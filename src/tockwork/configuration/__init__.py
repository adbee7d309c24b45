"""Configuration files and versions: reading, checking, keeping, comparing and writing them."""
