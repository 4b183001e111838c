//! What `junit.xml` of checks and of load share, so that both are valid by the schema of Jenkins (`junit-10.xsd`).

use jiff::Timestamp;
use quick_junit::{Report, TestSuite};

use crate::record::{HostRecord, ReportError};
use crate::text::printable;

/// Adds to a suite when and on which machine it ran.
pub(super) fn say_when_and_where(suite: &mut TestSuite, started: Timestamp, host: Option<&HostRecord>) {
    suite.extra.insert("timestamp".into(), started.to_string().into());
    if let Some(name) = host.and_then(|host| host.name.as_deref()) {
        suite.extra.insert("hostname".into(), (&*printable(name)).into());
    }
}

/// Returns the text of a report.
///
/// The library also counts skipped tests at the root element, where the schema does not allow that.
///
/// # Errors
///
/// When the XML writer refuses a text.
pub(super) fn text(report: &Report) -> Result<String, ReportError> {
    let text = report.to_string()?;
    let Some((head, rest)) = text.split_once("<testsuites ") else { return Ok(text) };
    let (root, rest) = rest.split_once('>').unwrap_or((rest, ""));
    let root = root.replacen(&format!(" skipped=\"{}\"", report.skipped), "", 1);
    Ok(format!("{head}<testsuites {root}>{rest}"))
}
