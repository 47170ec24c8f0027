"""How the stack's configuration is typed, checked and complained about; the sections stand in ``settings``."""
