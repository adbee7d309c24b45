"""What the commands do; `tockwork.app.cli` is their door."""
