"""The console: pages for people. It knows only what the management API tells whoever is signed in."""
