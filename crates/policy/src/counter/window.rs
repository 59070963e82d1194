//! What belongs together, of the events that were noted.

use super::{Answer, Counted};
use crate::duration::Millis;

/// The fullest window of this length with the last of these events in it. They are in the order in which they were noted,
/// which is not always that of their times: who counts together tells of things a little early or late. What comes in its
/// order has the window that ends with it.
pub fn window(noted: &[(Millis, Counted)], within: Millis) -> Answer {
    let Some((at, own)) = noted.last() else {
        return Answer::default();
    };
    let (oldest, newest) = (at.saturating_sub(within), at.saturating_add(within));
    let mut near: Vec<&(Millis, Counted)> = noted
        .iter()
        .filter(|(time, _)| *time > oldest && *time < newest)
        .collect();
    // Where nothing is shorter than a moment, an event still is in its own window.
    if within <= 0 {
        return Answer {
            events: vec![own.clone()],
        };
    }
    // It keeps the order of those of one moment, so the asking one is the last of its own.
    near.sort_by_key(|(time, _)| *time);
    let place = near.partition_point(|(time, _)| time <= at).saturating_sub(1);
    let of = |last: usize| {
        let first = near.partition_point(|(time, _)| *time <= near[last].0.saturating_sub(within));
        &near[first..=last]
    };
    let mut fullest = of(place);
    let mut most = value(fullest);
    for last in place + 1..near.len() {
        let other = of(last);
        let value = value(other);
        if value > most {
            (fullest, most) = (other, value);
        }
    }
    Answer {
        events: fullest.iter().map(|(_, event)| event.clone()).collect(),
    }
}

fn value(events: &[&(Millis, Counted)]) -> u32 {
    super::value(events.iter().map(|(_, event)| event))
}

#[cfg(test)]
mod tests {
    use super::*;
    use lockdown_events::EventId;

    fn event(number: u64, distinct: Option<u64>) -> Counted {
        let id = format!("0199c2d4-0000-7000-8000-{number:012}");
        Counted {
            event_id: EventId(id.parse().unwrap()),
            distinct,
            author: "1".to_owned(),
            channel: None,
            message: None,
        }
    }

    fn values(times: &[Millis]) -> Vec<u32> {
        let noted: Vec<_> = (0..).zip(times).map(|(n, at)| (*at, event(n, None))).collect();
        (1..=noted.len())
            .map(|count| window(&noted[..count], 10).value())
            .collect()
    }

    #[test]
    fn whoever_completes_the_number_finds_it_whatever_the_order() {
        assert_eq!(values(&[1, 5, 9]), [1, 2, 3]);
        // Noted late, with others on both sides.
        assert_eq!(values(&[9, 5, 1]), [1, 2, 3]);
        assert_eq!(values(&[1, 9, 5]), [1, 2, 3]);
        // What lies further apart than the window is long never counts together, though the late one is near to both.
        assert_eq!(values(&[1, 19, 10]), [1, 1, 2]);
        assert_eq!(values(&[1, 11]), [1, 1]);
        assert_eq!(values(&[7, 7, 7]), [1, 2, 3]);
    }

    #[test]
    fn the_window_with_more_different_ones_wins() {
        let noted = [
            (1, event(1, Some(7))),
            (2, event(2, Some(7))),
            (12, event(3, Some(8))),
        ];
        let mut with_late = noted.to_vec();
        with_late.push((5, event(4, Some(9))));
        let events = window(&with_late, 10).events;
        let found: Vec<_> = events.iter().filter_map(|event| event.distinct).collect();
        assert_eq!(found, [7, 7, 9], "of two as good, the one that ends with it");
        with_late[1].1.distinct = Some(9);
        with_late.push((6, event(5, Some(6))));
        assert_eq!(window(&with_late, 10).value(), 3);
        assert_eq!(window(&[], 10).value(), 0);
        assert_eq!(window(&noted, 0).value(), 1);
    }
}
