"""A shop in Django that reports its orders to TikTok.

    pip install tockwork django
    export TIKTOK_ACCESS_TOKEN=... TIKTOK_PIXEL_CODE=...
    python manage.py migrate --run-syncdb
    python manage.py runserver
    curl -d total=25.00 -d email=ann@shop.example http://127.0.0.1:8000/checkout

`python manage.py test` runs it against Tockwork's stand-in for TikTok.
"""

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
    execute_from_command_line(sys.argv)
