"""What an annotator meets: items handed out, answers taken, work that stands. Blind to machines and to other people."""
