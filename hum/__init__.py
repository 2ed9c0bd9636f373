"""HUM: phone calls with realtime speech models. Start here: command line, settings, composition root."""
