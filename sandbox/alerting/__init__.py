"""Alerting: rules from objectives, routes from contacts, acknowledgement, checks of the configuration."""
