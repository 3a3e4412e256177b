"""``make bench``: what a record costs, as ratios measured in one run on one machine, beside their targets."""
