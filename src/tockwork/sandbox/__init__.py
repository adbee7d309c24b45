"""A strict stand-in for TikTok's Events API: a real HTTP server with rules, a memory and scripted faults.

Start at `server.Sandbox`. One request goes through `exchange` (HTTP), `events_api` (rules, deduplication), `faults`
(what goes wrong) and `record` (what is kept). Imports nothing of Tockwork but `tockwork.model`: its rules are written a
second time, from TikTok's documents, so that one mistake cannot pass on both sides.
"""
