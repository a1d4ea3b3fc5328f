"""Accept what programs push: OTLP over HTTP, and AgentLog records."""
