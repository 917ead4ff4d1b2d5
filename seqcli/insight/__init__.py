"""Explanations and pictures of what models do. Pictures need matplotlib, which the extra `report` installs."""
