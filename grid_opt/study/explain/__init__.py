"""Say why a plan stands where it stands: what each region saves, or would cost, and what would turn that."""
