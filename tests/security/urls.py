"""The routes of the security app and of the admin alone, so that these tests need no other app."""

from django.contrib import admin
from django.urls import path

from security.urls import urlpatterns as security_urlpatterns

urlpatterns = [*security_urlpatterns, path("admin/", admin.site.urls)]
