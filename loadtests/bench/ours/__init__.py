"""What only Propensity's own code can make or do; run as processes of their own, in the product's environment."""
