"""Accounts that people make for themselves when somebody invites them, and what mail they want. Logging in is django-allauth's."""
