"""The pages of the security app in the administration; each module registers its own."""

import security.access_admin
import security.approval_admin
import security.client_admin
import security.staff_admin  # noqa: F401 - they register their pages
