"""The home page, a study's overview and the demo; sees every room."""
