"""Keys rather than mail: lost ones found again in an archive, published ones looked after."""
