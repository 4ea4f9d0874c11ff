"""Pages of this room, by who they are for: annotators (labelling), researchers (campaigns, agreement)."""
