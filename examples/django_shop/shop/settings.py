"""No more than the example needs."""

import os
from pathlib import Path

SECRET_KEY = os.environ.get("SECRET_KEY", "for this example only")
DEBUG = True
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "testserver"]
ROOT_URLCONF = "shop.urls"
INSTALLED_APPS = ["shop"]
DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": Path(__file__).parents[1] / "shop.sqlite3"},
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True

TIKTOK_ACCESS_TOKEN = os.environ.get("TIKTOK_ACCESS_TOKEN", "")
TIKTOK_PIXEL_CODE = os.environ.get("TIKTOK_PIXEL_CODE", "C0123456789ABCDEFGHI")
