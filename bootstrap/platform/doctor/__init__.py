"""``bootstrap doctor``: asks Azure, before anything is touched, whether a stack's plan could be deployed."""
