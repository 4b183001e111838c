//! The suite `security`: authentication and access rules. The suite `moved` has more about redirects of such clients.

use crate::code_check::CodeCheck;

mod authentication;
mod databases;
mod passwords;
mod rules;

pub(super) const CHECKS: [&[CodeCheck]; 4] =
    [authentication::CHECKS, rules::CHECKS, passwords::CHECKS, databases::CHECKS];
