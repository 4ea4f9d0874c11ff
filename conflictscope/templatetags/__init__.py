"""What every room's pages share: `{% load ui %}`. Named in the settings, because the project package is no app."""
