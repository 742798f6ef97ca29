"""What is shipped and made by a tool: API forms of the workflows, pictures of nodes."""
