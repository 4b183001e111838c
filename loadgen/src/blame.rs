//! Decides to which event of a run a lost write belongs.

use crate::outage::EventSpan;

/// The event to which the loss of a write belongs, among those that aimed at its shard; `None` if none did.
///
/// It is the event during which the write was acknowledged, or else the next event, or else the last one before. A write
/// is lost some time after its acknowledgement, so the event that destroyed it comes later in most cases.
#[must_use]
pub fn event_of_loss(events: &[EventSpan], shard: usize, acknowledged_s: f64) -> Option<usize> {
    let at_ms = acknowledged_s * 1e3;
    let own: Vec<&EventSpan> = events.iter().filter(|event| event.shards.contains(&shard)).collect();
    let has_begun = |event: &EventSpan| event.from_ms as f64 <= at_ms;
    let during = own.iter().rfind(|event| has_begun(event) && event.to_ms.is_none_or(|to_ms| at_ms <= to_ms as f64));
    let next = own.iter().find(|event| !has_begun(event));
    during.or(next).or(own.last()).map(|event| event.number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_write_belongs_to_the_event_that_can_have_destroyed_it() {
        let event =
            |number, from_ms, to_ms, shards: &[usize]| EventSpan { number, from_ms, to_ms, shards: shards.to_vec() };
        let events = [
            event(1, 1_000, Some(3_000), &[0]),
            event(2, 2_000, Some(2_100), &[1]),
            event(3, 5_000, Some(5_000), &[0, 1]),
            event(4, 9_000, None, &[0]),
        ];
        let of = |shard, at_s| event_of_loss(&events, shard, at_s);
        assert_eq!((of(0, -0.5), of(0, 0.9)), (Some(1), Some(1)), "before the first event");
        assert_eq!((of(0, 2.5), of(1, 2.05)), (Some(1), Some(2)), "during an event");
        assert_eq!((of(0, 3.5), of(1, 3.5)), (Some(3), Some(3)), "between events");
        assert_eq!((of(0, 9.5), of(1, 9.5)), (Some(4), Some(3)), "after the last event");
        assert_eq!(of(2, 1.0), None, "no event aimed at the shard");
    }
}
