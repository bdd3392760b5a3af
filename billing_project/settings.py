"""All settings, fed by the environment. The table below names every variable with its type and default.

`.env.example` repeats the names for operators and a test keeps the two lists equal. Without DATABASE_URL and
REDIS_URL the addresses of the embedded servers are read from the state folder (see embedded.py).
"""

from datetime import timedelta
from pathlib import Path
from typing import Any

import environ
from django.conf.global_settings import PASSWORD_HASHERS
from django.core.exceptions import ImproperlyConfigured

from billing_project import api_document, embedded, local_keys, logs, production, sidebar
from security.limits import LOGIN_FAILURES_LIMIT, LOGIN_LOCKED_MINUTES, PASSWORD_CHARS_MIN, SESSION_SECONDS

BASE_DIR = Path(__file__).resolve().parent.parent


class Env(environ.FileAwareEnv):  # type: ignore[misc] # it has no types
    """The environment, where NAME_FILE may name a file with the value; a line break at its end is not part of a secret."""

    def get_value(self, var: str, *args: Any, **kwargs: Any) -> Any:
        """Return the value of a variable."""
        value = super().get_value(var, *args, **kwargs)
        return value.strip() if isinstance(value, str) else value


env = Env(
    ENVIRONMENT=(str, "development"),
    SECRET_KEY=(str, ""),
    SECRET_KEY_FALLBACKS=(list, []),
    STATE_DIR=(str, str(BASE_DIR / ".state")),
    DATABASE_URL=(str, ""),
    DATABASE_OWNER_URL=(str, ""),
    DATABASE_ROLE=(str, "runtime"),
    REDIS_URL=(str, ""),
    ALLOWED_HOSTS=(list, ["localhost", "127.0.0.1", "[::1]"]),
    CSRF_TRUSTED_ORIGINS=(list, []),
    TRUST_PROXY_TLS_HEADER=(bool, False),
    TRUSTED_PROXIES=(list, []),
    HSTS_SECONDS=(int, 31_536_000),
    HOST=(str, "127.0.0.1"),
    PORT=(int, 8000),
    WEB_WORKERS=(int, 2),
    WEB_THREADS=(int, 16),
    WORKER_PROCESSES=(int, 3),
    OUTGOING_NETWORKS=(list, []),
    SECOND_FACTOR=(str, "production"),
    ENROLMENT_CODE=(str, "production"),
    APPROVAL_DAYS=(int, 7),
    ACCESS_TOKEN_SECONDS=(int, 3600),
    CRITICAL_SCOPES=(list, ["accounts:write"]),
    RATE_LIMIT_READ=(str, "10000/1"),
    RATE_LIMIT_WRITE=(str, "10000/1"),
    RATE_LIMIT_OAUTH=(str, "60/60"),
    RATE_LIMIT_FAILED=(str, "300/60"),
    GROUP_COMMIT=(bool, True),
    MAC_KEYS=(str, ""),
    SEAL_KEYS=(str, ""),
    SEAL_RETIRED_KEYS=(list, []),
    SEAL_ORIGIN=(str, ""),
    SEAL_DIRECTORIES=(list, []),
    ARCHIVE_DIRECTORIES=(list, []),
    SEAL_WITNESSES=(list, []),
    SEAL_POST_URLS=(list, []),
    METRICS=(bool, True),
    METRICS_TOKEN=(str, ""),
    METRICS_PORT=(int, 0),
    SENTRY_DSN=(str, ""),
    OTEL_EXPORTER_OTLP_ENDPOINT=(str, ""),
    LOG_LEVEL=(str, "INFO"),
    LOG_FORMAT=(str, "json"),
)
Env.read_env(BASE_DIR / ".env")

ENVIRONMENT = env("ENVIRONMENT")
if ENVIRONMENT not in {"development", "production"}:
    raise ImproperlyConfigured("ENVIRONMENT must be 'development' or 'production'.")
PRODUCTION = ENVIRONMENT == "production"
DEBUG = False
STATE_DIR = Path(env("STATE_DIR"))
HOST, PORT = env("HOST"), env("PORT")
WEB_WORKERS, WEB_THREADS, WORKER_PROCESSES = env("WEB_WORKERS"), env("WEB_THREADS"), env("WORKER_PROCESSES")

servers = embedded.addresses(STATE_DIR)
SECRET_KEY = env("SECRET_KEY") or ("" if PRODUCTION else servers.secret_key)
if not SECRET_KEY:
    raise ImproperlyConfigured("SECRET_KEY (or SECRET_KEY_FILE) must be set when ENVIRONMENT is 'production'.")
# Older keys that sessions and second factors made under them are still good with.
SECRET_KEY_FALLBACKS = env("SECRET_KEY_FALLBACKS")
ALLOWED_HOSTS = env("ALLOWED_HOSTS")
if PRODUCTION and (
    found := production.faults(
        secret_key=SECRET_KEY,
        fallbacks=SECRET_KEY_FALLBACKS,
        metrics_token=env("METRICS_TOKEN"),
        allowed_hosts=ALLOWED_HOSTS,
    )
):
    raise ImproperlyConfigured(" ".join(found))
# Keys that the database must never have: NAME:SECRET, the first signs, all check (ledger.sealing.mac).
MAC_KEYS = env("MAC_KEYS") or ("" if PRODUCTION else local_keys.mac_keys(STATE_DIR))
if not MAC_KEYS:
    raise ImproperlyConfigured("MAC_KEYS (or MAC_KEYS_FILE) must be set when ENVIRONMENT is 'production'.")
# The keys that sign the heads of the chain, and public keys that did once (ledger.sealing.signing).
SEAL_ORIGIN = env("SEAL_ORIGIN") or ("" if PRODUCTION else "localhost")
SEAL_KEYS = env("SEAL_KEYS") or ("" if PRODUCTION else local_keys.seal_keys(STATE_DIR))
SEAL_RETIRED_KEYS = env("SEAL_RETIRED_KEYS")
SEAL_WITNESSES, SEAL_POST_URLS = env("SEAL_WITNESSES"), env("SEAL_POST_URLS")
SEAL_DIRECTORIES = [Path(folder) for folder in env("SEAL_DIRECTORIES")] or [STATE_DIR / "checkpoints"]
# Where archives of detached partitions are read from (ledger.sealing.archives).
ARCHIVE_DIRECTORIES = [Path(folder) for folder in env("ARCHIVE_DIRECTORIES")]
if not (SEAL_KEYS and SEAL_ORIGIN):
    raise ImproperlyConfigured(
        "SEAL_KEYS (or SEAL_KEYS_FILE) and SEAL_ORIGIN must be set when ENVIRONMENT is 'production'."
    )
CSRF_TRUSTED_ORIGINS = env("CSRF_TRUSTED_ORIGINS")

# --- Applications -----------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "metrics",  # before whatever makes an instrument: see its apps.py
    "billing_project.apps.UnfoldConfig",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "oauth2_provider",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "unfold.contrib.import_export",
    "import_export",
    "django_celery_beat",
    "django_prometheus",
    "django_otp",
    "axes",
    "django_structlog",
    "appendonly",
    "security",
    "accounts",
    "ledger",
    "massops",
    "billing_project",
]
MIDDLEWARE = [
    "metrics.api_methods.ApiMethods",
    "billing_project.request_id.RequestIdMiddleware",
    "security.rates.RateLimitHeaders",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    # From here to the end: only for browsers, see there.
    "billing_project.browser_middleware.PrometheusBefore",
    "billing_project.browser_middleware.Files",
    "billing_project.browser_middleware.Sessions",
    "billing_project.browser_middleware.Common",
    "billing_project.browser_middleware.Authentication",
    "billing_project.browser_middleware.SecondFactor",
    "billing_project.browser_middleware.Messages",
    "billing_project.browser_middleware.ContentSecurityPolicy",
    "billing_project.browser_middleware.PrometheusAfter",
    "billing_project.browser_middleware.LogInLock",
]
ROOT_URLCONF = "billing_project.urls"
WSGI_APPLICATION = "billing_project.wsgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# --- Storage ----------------------------------------------------------------------------------------------------

DATABASE_ROLE = env("DATABASE_ROLE")
DATABASE_URL = env("DATABASE_URL") or servers.database_url
DATABASE_OWNER_URL = env("DATABASE_OWNER_URL") or (env("DATABASE_URL") or servers.database_owner_url)
DATABASES: dict[str, dict[str, Any]] = {
    "default": environ.Env.db_url_config(DATABASE_OWNER_URL if DATABASE_ROLE == "owner" else DATABASE_URL)
}
DATABASES["default"] |= {
    # A connection lives as long as its thread: a poster must find its statements prepared.
    "CONN_MAX_AGE": None,
    "OPTIONS": {
        **DATABASES["default"].get("OPTIONS", {}),
        "connect_timeout": 5,
        "prepare_threshold": 2**62,  # only what asks for it is prepared; without a threshold nothing would be
        "options": (
            "-c idle_in_transaction_session_timeout=30s -c lock_timeout=10s -c statement_timeout=60s"
            if DATABASE_ROLE == "runtime"
            else ""
        ),
    },
}
# The role that the application runs as; migrations (which run as the owner) give it its rights.
DATABASE_RUNTIME_ROLE = environ.Env.db_url_config(DATABASE_URL)["USER"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REDIS_URL = env("REDIS_URL") or servers.redis_url
# Whether requests that wait at the same time are posted in one call (ledger.merging).
GROUP_COMMIT = env("GROUP_COMMIT")

# --- People and clients -------------------------------------------------------------------------------------------

AUTH_PASSWORD_VALIDATORS: list[dict[str, Any]] = [
    {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
    for name, options in (
        ("UserAttributeSimilarityValidator", {}),
        ("MinimumLengthValidator", {"min_length": PASSWORD_CHARS_MIN}),
        ("CommonPasswordValidator", {}),
        ("NumericPasswordValidator", {}),
    )
]
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
# Nobody uses the administration without a second factor: always, never, or in production.
if env("ENROLMENT_CODE") not in {"always", "never", "production"}:
    raise ImproperlyConfigured("ENROLMENT_CODE must be 'always', 'never' or 'production'.")
ENROLMENT_CODE_REQUIRED = {"always": True, "never": False, "production": PRODUCTION}[env("ENROLMENT_CODE")]
APPROVAL_DAYS = env("APPROVAL_DAYS")
if APPROVAL_DAYS < 1:
    raise ImproperlyConfigured("APPROVAL_DAYS must be 1 or more.")
if env("SECOND_FACTOR") not in {"always", "never", "production"}:
    raise ImproperlyConfigured("SECOND_FACTOR must be 'always', 'never' or 'production'.")
SECOND_FACTOR_REQUIRED = {"always": True, "never": False, "production": PRODUCTION}[env("SECOND_FACTOR")]
SESSION_ENGINE = "security.sessions"
SESSION_COOKIE_AGE = SESSION_SECONDS
AXES_CLIENT_IP_CALLABLE = "security.networks.address_text"
AXES_FAILURE_LIMIT = LOGIN_FAILURES_LIMIT
AXES_COOLOFF_TIME = timedelta(minutes=LOGIN_LOCKED_MINUTES)
# By name and address together: nobody can lock others out by failing in their name from elsewhere.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
AXES_SENSITIVE_PARAMETERS = ["username", "password", "code"]
AXES_LOCKOUT_TEMPLATE = "admin/locked_out.html"
AXES_VERBOSE = False
SILENCED_SYSTEM_CHECKS = ["axes.W002"]  # its middleware is there, left out for calls of the API
# Last, so that people's passwords never get it; see security/hashers.py.
PASSWORD_HASHERS = [*PASSWORD_HASHERS, "security.hashers.ClientSecretHasher"]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
OAUTH2_PROVIDER_APPLICATION_MODEL = "security.Client"
OAUTH2_PROVIDER = {
    "SCOPES": {
        "accounts:read": "Read accounts, their balances and their history",
        "accounts:write": "Open accounts and change their attributes",
        "operations:read": "Read operations and where they came from",
        "operations:write": "Post operations, batches and reversals",
        "mass:read": "Read mass operations, their errors and results",
        "mass:write": "Upload mass operations, decide on them and reverse them",
        "metrics:read": "Read metrics and the counts of records",
    },
    "SCOPES_BACKEND_CLASS": "security.scopes.ClientScopes",
    "CLIENT_SECRET_HASHER": "client_secret",
    "ACCESS_TOKEN_EXPIRE_SECONDS": env("ACCESS_TOKEN_SECONDS"),
    "COMPLIANT_BCP_RFC9700_IMPLICIT_GRANT": True,
    "COMPLIANT_BCP_RFC9700_PASSWORD_GRANT": True,
    "COMPLIANT_BCP_RFC9700_PKCE_METHOD": True,
    "COMPLIANT_BCP_RFC9700_ACCESS_TOKEN_TRANSPORT": True,
    "COMPLIANT_BCP_RFC9700_AUTHZ_RESPONSE_ISS": True,
    "COMPLIANT_BCP_RFC9700_TOKEN_STORAGE": True,
    "COMPLIANT_BCP_RFC9700_REFRESH_TOKEN": True,
    "COMPLIANT_BCP_RFC9700_REDIRECT_URI_SCHEME": True,
    "REFRESH_TOKEN_REUSE_PROTECTION": True,
    "ALLOWED_REDIRECT_URI_SCHEMES": ["https"],
}

# Calls of these scopes look at the table of tokens each time, so that a revocation binds them at once everywhere.
CRITICAL_SCOPES = frozenset(env("CRITICAL_SCOPES"))
# Requests, and the seconds in which they come back, for a client without rates of its own; and for the OAuth2 endpoints.
RATE_LIMIT_READ, RATE_LIMIT_WRITE = env("RATE_LIMIT_READ"), env("RATE_LIMIT_WRITE")
RATE_LIMIT_OAUTH, RATE_LIMIT_FAILED = env("RATE_LIMIT_OAUTH"), env("RATE_LIMIT_FAILED")
# Networks of proxies whose X-Forwarded-For is believed (security.networks).
TRUSTED_PROXIES = env("TRUSTED_PROXIES")

# Who may add may import; cells that a spreadsheet would run are not written.
IMPORT_EXPORT_IMPORT_PERMISSION_CODE = "add"
IMPORT_EXPORT_EXPORT_PERMISSION_CODE = "view"
IMPORT_EXPORT_ESCAPE_FORMULAE_ON_EXPORT = True
# The looks of the panel are in a file of their own.
UNFOLD = sidebar.UNFOLD

# --- REST -------------------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["security.authentication.BearerToken"],
    "DEFAULT_PERMISSION_CLASSES": ["security.permissions.HasScope"],
    "DEFAULT_THROTTLE_CLASSES": ["security.rates.ClientRate"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": [],
    "EXCEPTION_HANDLER": "billing_project.api_errors.problem_response",
    "DEFAULT_SCHEMA_CLASS": "ledger.api.schema.generation.LedgerSchema",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,  # ?format= is an unknown parameter like any other
}
# What the document of the API says of itself is in a file of its own.
SPECTACULAR_SETTINGS = api_document.SPECTACULAR

# --- Work in the background ---------------------------------------------------------------------------------------

CELERY_BROKER_URL = REDIS_URL
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "ledger"
# Mass operations take minutes; on a worker of their own they keep no bell of the ledger waiting.
CELERY_TASK_ROUTES = {"massops.tasks.*": {"queue": "massops"}}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_timeout": 5, "socket_connect_timeout": 2}

# --- Time, language, files ------------------------------------------------------------------------------------------

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-us"
USE_I18N = False
DATETIME_FORMAT = "Y-m-d H:i:s e"
DATE_FORMAT = "Y-m-d"
# Pages write times by the formats of the language, so the language's are ours.
FORMAT_MODULE_PATH = "billing_project.formats"
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "static_root"
WHITENOISE_USE_FINDERS = True

# --- Hardening --------------------------------------------------------------------------------------------------

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = PRODUCTION
SESSION_COOKIE_HTTPONLY = True
# The prefix makes browsers refuse a cookie of this name that another host, or a page without TLS, tries to set.
SESSION_COOKIE_NAME = "__Host-sessionid" if PRODUCTION else "sessionid"
CSRF_COOKIE_NAME = "__Host-csrftoken" if PRODUCTION else "csrftoken"
SECURE_HSTS_SECONDS = env("HSTS_SECONDS") if PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = PRODUCTION
SECURE_REDIRECT_EXEMPT = [r"^livez$", r"^readyz$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env("TRUST_PROXY_TLS_HEADER") else None
X_FRAME_OPTIONS = "DENY"
# Networks of our own that may be called at addresses that people give (security.outgoing); all others must be public.
OUTGOING_NETWORKS = env("OUTGOING_NETWORKS")
# The largest body of a request: a batch of 10,000 operations fits. ledger.limits says the same number to clients.
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "style-src": ["'self'", "'unsafe-inline'"],
        "script-src": ["'self'"],
        "frame-ancestors": ["'none'"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
    }
}

# --- Metrics ----------------------------------------------------------------------------------------------------

# Off only to measure what the instruments cost.
METRICS = env("METRICS")
# What a scraper shows as its bearer token, beside tokens of the scope metrics:read; empty: only those.
METRICS_TOKEN = env("METRICS_TOKEN")
# Where errors and traces go besides; empty: nowhere (billing_project.observers).
SENTRY_DSN = env("SENTRY_DSN")
OTEL_EXPORTER_OTLP_ENDPOINT = env("OTEL_EXPORTER_OTLP_ENDPOINT")
# A second listener, for scrapers alone, without a token; 0: none.
METRICS_PORT = env("METRICS_PORT")

if env("LOG_FORMAT") not in {"json", "text"}:
    raise ImproperlyConfigured("LOG_FORMAT must be 'json' or 'text'.")
LOGGING = logs.configuration(level=env("LOG_LEVEL"), form=env("LOG_FORMAT"))
DJANGO_STRUCTLOG_CELERY_ENABLED = True
DJANGO_STRUCTLOG_CELERY_TASK_START_LOG_LEVEL = DJANGO_STRUCTLOG_CELERY_TASK_SUCCESS_LOG_LEVEL = logs.TASK_LOG_LEVEL
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
