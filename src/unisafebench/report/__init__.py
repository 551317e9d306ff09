"""What people look at: the terminal table and the single-file HTML report."""
