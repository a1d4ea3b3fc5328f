"""What Prometheus and collectors are told: counts that only grow, as text and as OTLP.

Names, attributes and bucket edges of `gen_ai_*` are those of OpenTelemetry's semantic conventions
for generative AI, v1.41.1 (docs/gen-ai/gen-ai-metrics.md), written as OpenTelemetry's Prometheus
compatibility page says; checked 2026-11-23.
"""
