"""Images and charts of the addons: listed, locked by digest, and copied into a mirror."""
