//! Listening with bounds, for every program of the tier that others connect to.
//!
//! * [`places`]: how many connections there may be, and which one goes when there are too many.
//! * [`origin`]: whose they are.
//! * [`http`]: HTTP/1 over such places, with deadlines for clients that are silent or slow; by TLS, plain, or either.
//! * [`manager`]: what systemd is told of it.

pub mod http;
pub mod manager;
pub mod origin;
pub mod places;

pub use http::{Limits, Transport};
pub use origin::Origin;
pub use places::{Place, Places};
