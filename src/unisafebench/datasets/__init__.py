"""Where samples and foreign responses come from: our format, the authors', the starter set."""
