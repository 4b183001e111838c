//! What a worker checks: it tells the ledger how each write ends, judges what reads return, and counts WAIT.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::connection::Content;
use crate::ledger::stamp::{self, Flaw};
use crate::ledger::{BadReadNote, EXAMPLES_MAX, Found, Ledger, ReadReport, Sums, Verdict, elapsed_ns};
use crate::operation::Operation;
use crate::waits::Waits;
use crate::workload::{Effect, Generator, Template, Workload};

/// First words of errors with which a server refuses a command before it runs.
const REFUSALS: &[&str] = &[
    "ASK",
    "BUSY",
    "CLUSTERDOWN",
    "CROSSSLOT",
    "LOADING",
    "MASTERDOWN",
    "MISCONF",
    "MOVED",
    "NOAUTH",
    "NOPERM",
    "NOREPLICAS",
    "OOM",
    "READONLY",
    "TRYAGAIN",
    "WRONGTYPE",
];

/// The checks of a worker, with what they counted.
pub(super) struct Checks {
    ledger: Option<Arc<Ledger>>,
    waits: Option<Arc<Waits>>,
    acknowledged: u64,
    /// By node: the reads that it answered as a primary, and as a replica.
    reads: Vec<[ReadReport; 2]>,
    examples: Vec<(u16, BadReadNote)>,
    /// How many writes had each number of replicas.
    replicas: BTreeMap<u64, u64>,
    /// The key of the read that is judged.
    key: Vec<u8>,
}

impl Checks {
    /// The checks that a workload asks for; `None` if there are none.
    pub(super) fn of(workload: &Workload) -> Option<Box<Self>> {
        let (ledger, waits) = (workload.ledger.clone(), workload.waits.clone());
        let is_needed = ledger.is_some() || waits.is_some();
        is_needed.then(|| {
            Box::new(Self {
                ledger,
                waits,
                acknowledged: 0,
                reads: Vec::new(),
                examples: Vec::new(),
                replicas: BTreeMap::new(),
                key: Vec::new(),
            })
        })
    }

    /// Takes a ticket of the ledger for an operation that is about to be sent. A write that is sent again keeps its own.
    #[inline]
    pub(super) fn sending(&self, operation: &mut Operation, template: &Template) {
        let Some(ledger) = self.ledger.as_ref().filter(|_| template.is_verified) else { return };
        match template.effect {
            Effect::Read => operation.seed = ledger.look(template.space, operation.key),
            effect if operation.attempts == 0 => {
                operation.seed = ledger.begin(template.space, operation.key, effect == Effect::Remove);
            }
            _ => {}
        }
    }

    /// Takes the good reply to an operation of a node, which is or is not the primary of the slot.
    #[inline]
    pub(super) fn answered(
        &mut self,
        generator: &Generator,
        operation: &Operation,
        node: (u16, bool),
        content: Content<'_>,
        now_ns: u64,
    ) {
        let template = &generator.workload().templates[usize::from(operation.template)];
        let is_confirmed = !template.waits || self.count_replicas(content);
        let Some(ledger) = self.ledger.as_ref().filter(|_| template.is_verified) else { return };
        let (space, key, ticket) = (template.space, operation.key, operation.seed);
        match template.effect {
            Effect::Read => self.judge(generator, operation, template, node, content, now_ns),
            // A null says that the server did not set the key, although nothing forbade it.
            effect if !is_confirmed || (content == Content::Nothing && effect != Effect::Remove) => {
                ledger.doubt(space, key, ticket, effect == Effect::Remove);
            }
            effect => {
                let again = operation.attempts > 0;
                ledger.acknowledge(space, key, ticket, effect == Effect::Remove, again, now_ns);
                self.acknowledged += 1;
            }
        }
    }

    /// Counts the answer to WAIT. Returns whether enough replicas confirmed the write.
    fn count_replicas(&mut self, content: Content<'_>) -> bool {
        let replicas = if let Content::Number(replicas) = content { replicas } else { 0 };
        *self.replicas.entry(replicas).or_default() += 1;
        self.waits.as_ref().is_some_and(|waits| replicas >= u64::from(waits.replicas))
    }

    fn judge(
        &mut self,
        generator: &Generator,
        operation: &Operation,
        template: &Template,
        (node, is_primary): (u16, bool),
        content: Content<'_>,
        now_ns: u64,
    ) {
        let Some(ledger) = &self.ledger else { return };
        let found = match content {
            Content::Nothing => Found::Nothing,
            Content::Text(value) => {
                generator.write_key(template.space, operation.key, &mut self.key);
                stamp::read(value, &self.key).map_or_else(Found::Flawed, Found::Write)
            }
            Content::Number(_) | Content::Other => Found::Flawed(Flaw::Corrupt),
        };
        let verdict = ledger.judge(template.space, operation.key, operation.seed, found);
        if self.reads.len() <= usize::from(node) {
            self.reads.resize_with(usize::from(node) + 1, Default::default);
        }
        let reads = &mut self.reads[usize::from(node)][usize::from(!is_primary)];
        reads.checked += 1;
        let now = ledger.time(now_ns);
        let (what, expected, counter) = match verdict {
            Verdict::Fine | Verdict::Absent => return,
            Verdict::Outdated(outdated) => {
                let (count, what) = match outdated.found {
                    Some(_) => (&mut reads.stale, "stale"),
                    None => (&mut reads.missing, "missing"),
                };
                *count += 1;
                reads.age(elapsed_ns(outdated.acknowledged, now));
                if !is_primary {
                    // Replicas follow their primaries with a delay.
                    return;
                }
                (what, Some(outdated.expected), outdated.found)
            }
            Verdict::Flawed(Flaw::WrongKey) => (count(&mut reads.wrong_key, "wrong_key"), None, None),
            Verdict::Flawed(Flaw::Corrupt) => (count(&mut reads.corrupt, "corrupt"), None, None),
            Verdict::NeverSent => {
                let counter = if let Found::Write(counter) = found { Some(counter) } else { None };
                (count(&mut reads.never_sent, "never_sent"), None, counter)
            }
        };
        if self.examples.len() < EXAMPLES_MAX {
            generator.write_key(template.space, operation.key, &mut self.key);
            let key = String::from_utf8_lossy(&self.key).into_owned();
            let note = BadReadNote { at: now, key, node: String::new(), what, expected, found: counter };
            self.examples.push((node, note));
        }
    }

    /// Notes that the connection of an operation was lost before its reply.
    pub(super) fn lost(&self, generator: &Generator, operation: &Operation) {
        if let Some((ledger, template)) = self.written(generator, operation) {
            ledger.doubt(template.space, operation.key, operation.seed, template.effect == Effect::Remove);
        }
    }

    /// Notes that a server answered an operation with an error that ends it.
    pub(super) fn failed(&self, generator: &Generator, operation: &Operation, code: &str) {
        if !REFUSALS.contains(&code) {
            self.lost(generator, operation);
        }
    }

    /// Notes that rct will not send an operation again which is not in flight. If it was sent, it was refused or lost.
    pub(super) fn gave_up(&self, generator: &Generator, operation: &Operation) {
        let Some((ledger, template)) = self.written(generator, operation) else { return };
        if operation.attempts > 0 {
            ledger.refuse(template.space, operation.key, operation.seed);
        }
    }

    /// The ledger and the template of an operation, if the ledger follows it and it writes.
    fn written<'a>(&'a self, generator: &'a Generator, operation: &Operation) -> Option<(&'a Ledger, &'a Template)> {
        let template = &generator.workload().templates[usize::from(operation.template)];
        let ledger = self.ledger.as_deref().filter(|_| template.is_verified && template.effect != Effect::Read)?;
        Some((ledger, template))
    }

    /// Hands over what was counted; `address` gives the address of a node.
    pub(super) fn finish(&mut self, address: impl Fn(usize) -> String) {
        if let Some(waits) = &self.waits {
            waits.add(&std::mem::take(&mut self.replicas));
        }
        let Some(ledger) = &self.ledger else { return };
        let mut sums = Sums { acknowledged: std::mem::take(&mut self.acknowledged), ..Sums::default() };
        for (node, [primary, replica]) in std::mem::take(&mut self.reads).into_iter().enumerate() {
            for (by_node, reads) in [(&mut sums.primaries, primary), (&mut sums.replicas, replica)] {
                if reads.checked > 0 {
                    by_node.insert(address(node), reads);
                }
            }
        }
        let named = |(node, note)| BadReadNote { node: address(usize::from(node)), ..note };
        sums.examples = std::mem::take(&mut self.examples).into_iter().map(named).collect();
        ledger.add(sums);
    }
}

/// Counts something, and gives its name.
fn count(count: &mut u64, name: &'static str) -> &'static str {
    *count += 1;
    name
}
