"""What the workflows of ``.github/workflows`` run: a preview's comment and digest, and what is published on GitHub."""
