"""What figures mean: complexity, patterns, anomalies and trends, written once for every store."""
