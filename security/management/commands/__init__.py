"""`manage.py client`."""
