"""What holds the traffic to endpoints within their limits: slots, shares, pace, requests and tokens per minute, asking again."""
