"""People who come by a campaign's link, without an account: how they enter, what they agree to, and how they leave."""
