"""What a campaign changes: trials, propensity and overlap, average and conditional effects."""
