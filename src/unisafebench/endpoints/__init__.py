"""HTTP to model endpoints: connections, rate limits, retries, and what an answer looks like."""
