"""Views and schemas: marshmallow at the door only."""
