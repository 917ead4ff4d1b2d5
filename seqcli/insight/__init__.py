"""Pictures of what models do. They are drawn with matplotlib, which only the extra `report` brings."""
