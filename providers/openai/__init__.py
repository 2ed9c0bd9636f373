"""OpenAI Realtime (GA) as a speech provider."""
