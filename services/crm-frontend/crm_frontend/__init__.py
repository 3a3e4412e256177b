"""A reference CRM web page that calls only the gateway."""
