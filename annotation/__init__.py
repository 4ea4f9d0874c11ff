"""Campaigns, routing, labelling, agreement and adjudication by people."""
