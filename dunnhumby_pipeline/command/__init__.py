"""What commands of the terminal share, and those that are many."""
