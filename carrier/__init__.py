"""The phone company: Twilio's REST API, TwiML, and the signatures on what it sends us."""
