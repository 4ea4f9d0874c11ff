"""What values say, looked at closely: word by word beside an earlier text, and with a reader's eye."""
