//! Workloads with a ledger, and workloads that wait for replicas.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::compiled::Workload;
use super::effect::Effect;
use super::template::Template;
use crate::connection::KEPT_BYTES_MAX;
use crate::keys::Keys;
use crate::ledger::stamp::STAMP_BYTES;
use crate::ledger::{Ledger, VerifiedSpace};
use crate::waits::Waits;

/// Why rct cannot verify a workload.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// No key space can be verified.
    #[error(
        "cannot verify any write of this workload: {reasons}; --verify follows SET {{key}} {{value}}, SETEX, DEL and GET"
    )]
    Nothing {
        /// The reason for each key space.
        reasons: String,
    },
    /// A value has no room for the stamp.
    #[error(
        "--verify needs values of at least {least} bytes, because each value contains its key, a counter and a checksum; \
         {command} writes {shortest}"
    )]
    TooShort {
        /// The command of the workload.
        command: String,
        /// The bytes of its shortest value.
        shortest: u32,
        /// The least bytes.
        least: usize,
    },
    /// A value is too long to be kept until it is checked.
    #[error("--verify needs values of at most {most} bytes; {command} writes {longest}")]
    TooLong {
        /// The command of the workload.
        command: String,
        /// The bytes of its longest value.
        longest: u32,
        /// The most bytes.
        most: usize,
    },
}

impl Workload {
    /// Adds a ledger, which follows all writes of the key spaces whose values rct can check. `is_preloaded` says that the
    /// run begins with a preload.
    ///
    /// # Errors
    ///
    /// [`VerifyError`] if there is no such key space, or a value has no room for the stamp.
    pub fn verified(mut self, is_preloaded: bool) -> Result<Self, VerifyError> {
        if !is_preloaded {
            self.preloads.clear();
        }
        let mut unverified = BTreeMap::new();
        let mut spaces = Vec::with_capacity(self.spaces.len());
        for number in 0..self.spaces.len() {
            let space = match self.space(number) {
                Ok(space) => Some(space),
                Err(reason) => {
                    unverified.extend(reason.map(|reason| (self.spaces[number].name.clone(), reason)));
                    None
                }
            };
            spaces.push(space);
        }
        if spaces.iter().all(Option::is_none) {
            let reason = |(name, reason): (&String, &String)| format!("key space {name:?}: {reason}");
            let reasons = unverified.iter().map(reason).collect::<Vec<_>>().join(", ");
            return Err(VerifyError::Nothing { reasons });
        }
        let preloads = self.preloads.iter_mut().flatten();
        for template in self.templates.iter_mut().chain(preloads).filter(|template| spaces[template.space].is_some()) {
            template.verify();
        }
        for template in self.all_templates().filter(|template| template.is_verified) {
            self.check_sizes(template)?;
        }
        self.ledger = Some(Arc::new(Ledger::new(spaces, unverified)));
        Ok(self)
    }

    /// Lets every operation that writes end with WAIT for this many replicas, which waits no longer than `timeout`.
    #[must_use]
    pub fn waiting_for(mut self, replicas: u32, timeout: Duration) -> Self {
        self.templates.iter_mut().for_each(|template| template.wait(replicas, timeout.as_millis().max(1)));
        self.waits = Some(Arc::new(Waits::new(replicas)));
        self
    }

    /// What the ledger needs to know about a key space, or why it cannot be verified; no reason if nothing writes it.
    fn space(&self, number: usize) -> Result<VerifiedSpace, Option<String>> {
        let used: Vec<&Template> = self.all_templates().filter(|template| template.space == number).collect();
        if let Some(other) = used.iter().find(|template| template.effect == Effect::Other) {
            return Err(Some(format!("rct cannot follow {}", other.name)));
        }
        let has = |wanted: fn(Effect) -> bool| used.iter().any(|template| wanted(template.effect));
        if !has(|effect| matches!(effect, Effect::Write { .. })) {
            return Err((!used.is_empty()).then(|| "nothing writes its keys".to_owned()));
        }
        Ok(VerifiedSpace {
            name: self.spaces[number].name.clone(),
            has_removals: has(|effect| effect == Effect::Remove),
            expires: has(|effect| matches!(effect, Effect::Expire | Effect::Write { expires: true })),
        })
    }

    fn check_sizes(&self, template: &Template) -> Result<(), VerifyError> {
        let least = STAMP_BYTES + Keys::length(&self.spaces[template.space]);
        for sizes in template.sizes(&self.values) {
            let (shortest, longest) = (sizes.smallest(), sizes.largest());
            let command = template.name.clone();
            if (shortest as usize) < least {
                return Err(VerifyError::TooShort { command, shortest, least });
            }
            if longest as usize > KEPT_BYTES_MAX {
                return Err(VerifyError::TooLong { command, longest, most: KEPT_BYTES_MAX });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Distribution;
    use crate::workload::Sizes;

    fn mix(text: &str, size: u32) -> Workload {
        Workload::mix(text, "rct:", 1000, Distribution::Uniform, Sizes::Fixed(size)).unwrap()
    }

    #[test]
    fn key_spaces_are_verified_whose_values_rct_can_check() {
        for (text, verified, reasons) in [
            ("GET:9,SET:1", vec![(0, "key")], vec![]),
            ("GET,SET,DEL,EXISTS,TTL,STRLEN", vec![(0, "key")], vec![]),
            (
                "SET,INCR,HSET",
                vec![(0, "key")],
                vec![("counter", "rct cannot follow INCR"), ("hash", "rct cannot follow HSET")],
            ),
        ] {
            let workload = mix(text, 64).verified(false).unwrap();
            let ledger = workload.ledger.unwrap();
            assert_eq!(ledger.verified().collect::<Vec<_>>(), verified, "{text}");
            let because: Vec<(&str, &str)> = ledger.unverified().iter().map(|(name, why)| (&**name, &**why)).collect();
            assert_eq!(because, reasons, "{text}");
        }
    }

    #[test]
    fn a_workload_that_cannot_be_verified_is_refused_with_the_reason() {
        for (text, size, wanted) in [
            (
                "SET,APPEND",
                64,
                "cannot verify any write of this workload: key space \"key\": rct cannot follow APPEND; ",
            ),
            (
                "GET,INCR",
                64,
                "key space \"counter\": rct cannot follow INCR, key space \"key\": nothing writes its keys",
            ),
            ("SET", 37, "--verify needs values of at least 38 bytes"),
            ("SET", 64 << 20, "--verify needs values of at most 16"),
        ] {
            let message = mix(text, size).verified(false).unwrap_err().to_string();
            assert!(message.contains(wanted), "{text} {size}: {message}");
        }
        assert!(mix("SET", 38).verified(false).is_ok() && mix("GET", 38).verified(true).is_ok());
    }

    #[test]
    fn a_verified_value_has_the_counter_of_its_ticket() {
        for size in [38, 39, 64] {
            let workload = Arc::new(mix("SET", size).verified(false).unwrap());
            let generator = crate::workload::Generator::new(workload, 1, 0, 1);
            let mut out = Vec::new();
            generator.write(0, 7, 5 << 32 | 5, &mut out);
            let reply = wire::Reply::parse(out).unwrap();
            let words = wire::items_of(reply.value()).unwrap();
            let [key, value] = [1, 2].map(|at| wire::bytes_of(&words[at]).unwrap());
            assert_eq!((value.len(), crate::ledger::stamp::read(value, key)), (size as usize, Ok(5)));
        }
    }

    #[test]
    fn writes_wait_and_reads_do_not() {
        let workload = mix("GET,SET", 64).waiting_for(2, Duration::from_millis(250));
        let [get, set] = &workload.templates[..] else { panic!("two templates") };
        assert_eq!((get.replies, get.waits, set.replies, set.waits), (1, false, 2, true));
        let mut out = Vec::new();
        crate::workload::Generator::new(Arc::new(workload.clone()), 1, 0, 1).write(1, 7, 0, &mut out);
        assert!(String::from_utf8(out).unwrap().ends_with("*3\r\n$4\r\nWAIT\r\n$1\r\n2\r\n$3\r\n250\r\n"));
    }
}
