"""What is built in Azure."""
