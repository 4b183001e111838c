//! The statements: rules about Redis Cluster that checks may cover. `statements.tsv` has them.

use crate::level::Level;

/// One rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statement {
    /// The name of the group and of the rule, such as `resp3.null`.
    pub id: &'static str,
    /// How much depends on the rule.
    pub level: Level,
    /// Why no check covers it.
    pub reason: Option<&'static str>,
}

/// All statements, in the order of the file.
#[must_use]
pub fn statements() -> Vec<Statement> {
    include_str!("../statements.tsv").lines().filter_map(parse).collect()
}

/// Reads a line; `None` for a comment and for a line that is malformed, which a test refuses.
fn parse(line: &'static str) -> Option<Statement> {
    let mut fields = line.split('\t');
    let id = fields.next().filter(|id| !id.starts_with('#'))?;
    let name = fields.next()?;
    let level = [Level::Must, Level::Should, Level::May].into_iter().find(|level| level.name() == name)?;
    Some(Statement { id, level, reason: fields.next() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_statement_or_a_comment() {
        let lines = include_str!("../statements.tsv").lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(statements().len(), lines);
        assert!(statements().iter().all(|statement| statement.id.contains('.')));
    }
}
