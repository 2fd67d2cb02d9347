"""The pages of differences: a month, and what two people decide about a rejected transfer."""
