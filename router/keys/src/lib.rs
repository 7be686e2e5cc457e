//! The keys file (`--keys-file`, docs/keys.md): whose secret is whose, and what each may do. The server reads it, `egctl keys`
//! edits it; here is its form, and the derived secrets of tenants.

mod check;
mod derived;
mod file;
mod private;
mod role;
mod secret;
mod validity;

pub use derived::{TenantError, check_tenant, tenant_secret};
pub use file::{Derived, Key, KeysError, KeysFile, Tokens};
pub use private::{ReadError, Stamp, read};
pub use role::Role;
pub use secret::{MIN_SECRET, Secret, SecretText};
pub use validity::Validity;

/// Id of the key of requests that name none.
pub const DEFAULT: &str = "default";
/// What stands for the tenant in a pattern of [`Derived::graphs`].
pub const TENANT: &str = "{tenant}";
