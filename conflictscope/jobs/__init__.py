"""Durable jobs and their work items."""
