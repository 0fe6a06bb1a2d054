"""How the demo's pictures are drawn: shapes on a board, written as SVG or painted as PNG."""
