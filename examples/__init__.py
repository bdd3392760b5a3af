"""Clients of the REST API to read and to start from; none imports the service."""
