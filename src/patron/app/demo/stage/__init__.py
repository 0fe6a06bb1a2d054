"""The demo's stage: its folder, the days on a virtual clock, the shop's pages, the scenes."""
