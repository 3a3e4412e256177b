"""What the services of Accounting Link share: contracts, chassis, and the twins tests use."""
