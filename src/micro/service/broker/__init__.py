"""Events: topics, queues that share work, and inboxes that wait for whoever is away."""
