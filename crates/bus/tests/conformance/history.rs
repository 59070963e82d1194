//! Looking back, and handing over again.

use super::*;
use lockdown_bus::{Aggregate, Cursor, Glob, History, Page, Publisher, PublisherOptions, Query};
use lockdown_events::{
    CaseId, Decision, Envelope, Event, ModerationEvent, Names, Source, UserEvent, UserId, UserLeft,
};
use tokio::task::JoinSet;

pub(crate) const MOMENT: Duration = Duration::from_millis(5);

pub(crate) fn types(patterns: &[&str]) -> Vec<Glob> {
    patterns.iter().map(|pattern| Glob::new(pattern)).collect()
}

/// What a question answers to in all, by pages of this size, each cursor by its text.
async fn pages(history: &History, query: &Query, size: usize) -> Vec<Stored> {
    let mut found = Vec::new();
    let mut after: Option<Cursor> = None;
    loop {
        let page = history.page(query, after.as_ref(), size).await.unwrap();
        assert!(page.entries.len() <= size, "a page larger than asked for");
        found.extend(page.entries);
        match page.next {
            Some(next) => after = Some(next.to_string().parse().unwrap()),
            None => return found,
        }
    }
}

async fn about(history: &History, aggregate: &Aggregate, size: usize) -> Vec<Stored> {
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let Page { entries, next, .. } = history.of(aggregate, after.as_ref(), size).await.unwrap();
        assert!(entries.len() <= size, "a page larger than asked for");
        found.extend(entries);
        match next {
            Some(next) => after = Some(next),
            None => return found,
        }
    }
}

/// Everything in all streams.
pub(crate) async fn everything(engine: &Arc<dyn Engine>) -> Vec<Stored> {
    let mut all = Vec::new();
    for stream in Stream::all() {
        all.extend(history(engine, stream, 1000).await);
    }
    all
}

pub(crate) fn contents_of(stored: &[Stored]) -> Vec<&str> {
    texts(stored.iter().map(|stored| &stored.envelope))
}

/// Each once, and those of a stream in its order.
pub(crate) fn complete(found: &[Stored], all: &[Stored]) {
    for stream in Stream::all() {
        let places = |stored: &[Stored]| -> Vec<_> {
            let here = stored.iter().filter(|stored| stored.position.stream == stream);
            here.map(|stored| (stored.position.id, stored.envelope.clone()))
                .collect()
        };
        assert_eq!(places(found), places(all), "{stream}");
    }
}

/// Writers that publish in several communities at once, as numbered messages and bans.
pub(crate) fn writers(engine: &Arc<dyn Engine>, each: usize) -> JoinSet<()> {
    let mut writers = JoinSet::new();
    for writer in 0..4_u64 {
        let engine = Arc::clone(engine);
        writers.spawn(async move {
            for chunk in (0..each).collect::<Vec<_>>().chunks(3) {
                let batch: Vec<_> = chunk
                    .iter()
                    .map(|n| {
                        let channel = if n % 2 == 0 { TYPE } else { "ban:created" };
                        event(channel, writer + 1, &format!("{writer}/{n}"))
                    })
                    .collect();
                append(&engine, &batch).await;
            }
        });
    }
    writers
}

/// Whether a type is asked for.
type Matches = fn(&str) -> bool;

pub(crate) async fn a_question_is_answered_by_time_type_and_community(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let history = History::new(Arc::clone(&engine));
    let channels = [
        "message:created",
        "message:deleted",
        "ban:created",
        "user:left",
        "rain:started",
    ];
    let mut marks = vec![fixture.now()];
    // Time, type, community and text of each event.
    let mut all = Vec::new();
    for step in 0..4_usize {
        fixture.advance(MOMENT).await;
        let mut batch = Vec::new();
        for guild in 1..=3_u64 {
            for channel in channels {
                let event = event(channel, guild, &format!("{step}"));
                all.push((step, channel, guild, event.envelope.to_string()));
                batch.push(event);
            }
        }
        append(&engine, &batch).await;
        fixture.advance(MOMENT).await;
        marks.push(fixture.now());
    }
    let patterns: [(&[&str], Matches); 5] = [
        (&[], |_| true),
        (&["message:*"], |channel| channel.starts_with("message:")),
        (&["ban:created", "user:left"], |channel| {
            channel == "ban:created" || channel == "user:left"
        }),
        (&["*:created"], |channel| channel.ends_with(":created")),
        (&["rain:*", "nothing:*"], |channel| channel == "rain:started"),
    ];
    let times = [
        (None, None),
        (Some(1), Some(3)),
        (Some(2), None),
        (None, Some(2)),
        (Some(2), Some(2)),
    ];
    for (names, matches) in &patterns {
        for guild in [None, Some(2), Some(7)] {
            for (from, to) in times {
                let query = Query {
                    from: from.map(|mark: usize| marks[mark]),
                    to: to.map(|mark: usize| marks[mark]),
                    types: types(names),
                    key: guild.map(community),
                    classes: Vec::new(),
                };
                let expected: Vec<&str> = all
                    .iter()
                    .filter(|(step, channel, of, _)| {
                        from.is_none_or(|from| *step >= from)
                            && to.is_none_or(|to| *step < to)
                            && guild.is_none_or(|guild| guild == *of)
                            && matches(channel)
                    })
                    .map(|(.., text)| text.as_str())
                    .collect();
                let found = pages(&history, &query, 4).await;
                assert_eq!(sorted(contents_of(&found)), sorted(expected), "{query:?}");
                assert!(found.is_sorted_by_key(|stored| stored.at), "{query:?}");
            }
        }
    }
    // Two neighbouring spans share nothing and miss nothing, wherever the border lies.
    let mut seen = 0;
    for span in [(None, Some(marks[2])), (Some(marks[2]), None)] {
        let query = Query {
            from: span.0,
            to: span.1,
            ..Query::default()
        };
        seen += pages(&history, &query, 100).await.len();
    }
    assert_eq!(seen, all.len());
    let decisions = Query {
        classes: vec![Class::Moderation],
        ..Query::default()
    };
    assert_eq!(pages(&history, &decisions, 5).await.len(), 12);
    assert!(
        history
            .page(&decisions, None, 0)
            .await
            .unwrap()
            .entries
            .is_empty()
    );
}

pub(crate) async fn pages_have_no_gaps_and_no_doubles_while_others_publish(fixture: &impl Fixture) {
    const EACH: usize = 200;
    let engine = fixture.engine().await;
    let history = History::new(Arc::clone(&engine));
    let writers = writers(&engine, EACH);
    let begun = Instant::now();
    let mut seen: Vec<Stored> = Vec::new();
    let mut after: Option<Cursor> = None;
    while seen.len() < 4 * EACH && begun.elapsed() < LIMIT {
        let page = history.page(&Query::default(), after.as_ref(), 7).await.unwrap();
        seen.extend(page.entries);
        after = Some(page.end);
    }
    writers.join_all().await;
    let all = everything(&engine).await;
    assert_eq!(all.len(), 4 * EACH);
    complete(&seen, &all);
    // At rest, the pages' size changes nothing, not even the order between streams.
    let large: Vec<_> = pages(&history, &Query::default(), 1000).await;
    let small = pages(&history, &Query::default(), 13).await;
    complete(&large, &all);
    let places = |stored: &[Stored]| -> Vec<_> { stored.iter().map(|stored| stored.position).collect() };
    assert_eq!(places(&large), places(&small));
    assert!(large.is_sorted_by_key(|stored| stored.at));
}

pub(crate) async fn a_cursor_survives_text_and_restart(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    writers(&engine, 30).join_all().await;
    let page = History::new(engine)
        .page(&Query::default(), None, 50)
        .await
        .unwrap();
    assert_eq!(page.entries.len(), 50);
    let text = page.next.expect("there is more").to_string();
    fixture.restart().await;
    let engine = fixture.engine().await;
    let history = History::new(Arc::clone(&engine));
    append(&engine, &[event(TYPE, 9, "after the restart")]).await;
    let rest = history
        .page(&Query::default(), Some(&text.parse().unwrap()), 1000)
        .await
        .unwrap();
    assert_eq!(rest.next, None);
    let mut found = page.entries;
    found.extend(rest.entries);
    complete(&found, &everything(&engine).await);
    assert_eq!(found.len(), 121);
}

pub(crate) async fn a_rare_event_is_found_in_bounded_steps(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let history = History::new(Arc::clone(&engine));
    for chunk in events(6000).chunks(500) {
        append(&engine, chunk).await;
    }
    let rare = event("message:deleted", 1, "rare");
    append(&engine, std::slice::from_ref(&rare)).await;
    let query = Query {
        types: types(&["message:deleted"]),
        key: Some(community(1)),
        ..Query::default()
    };
    let (mut found, mut empty, mut after) = (Vec::new(), 0, None);
    loop {
        let page = history.page(&query, after.as_ref(), 10).await.unwrap();
        empty += usize::from(page.entries.is_empty());
        found.extend(page.entries);
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert_eq!(contents_of(&found), [&*rare.envelope]);
    assert!(empty >= 2, "six thousand entries were looked at in one call");
}

pub(crate) async fn a_range_goes_to_one_group_again(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let history = History::new(Arc::clone(&engine));
    let (one, other) = (open(&engine, "test.one").await, open(&engine, "test.other").await);
    let me = consumer("me");
    fixture.advance(MOMENT).await;
    let from = fixture.now();
    let mut expected = Vec::new();
    for n in 0..300 {
        let batch = [
            event(TYPE, 1, &n.to_string()),
            event("message:deleted", 1, "another type"),
            event(TYPE, 2, "another community"),
            event("ban:created", 1, "another class"),
        ];
        append(&engine, &batch).await;
        expected.push(batch[0].envelope.clone());
    }
    fixture.advance(MOMENT).await;
    let to = fixture.now();
    append(&engine, &[event(TYPE, 1, "too late")]).await;
    for group in [&one, &other] {
        let held = take(&engine, group, &me, 901).await;
        settle(&engine, group, &me, &held, &Settlement::Ack).await;
    }
    let query = Query {
        from: Some(from),
        to: Some(to),
        types: types(&[TYPE, "ban:*"]),
        key: Some(community(1)),
        classes: Vec::new(),
    };
    let mut told = Vec::new();
    let replayed = history
        .replay(&query, None, &one, |so_far, cursor| {
            told.push((so_far, cursor.clone()));
        })
        .await
        .unwrap();
    // The bans too would come back, did the group read them.
    assert_eq!(replayed, 300);
    assert_eq!(told.last().unwrap().0, 300);
    assert!(told.len() > 1, "told but once");
    let held = take(&engine, &one, &me, 300).await;
    assert!(held.iter().all(|delivery| delivery.inbox));
    assert_eq!(contents(&held), texts(&expected));
    settle(&engine, &one, &me, &held, &Settlement::Ack).await;
    nothing(&engine, &one, &me, fixture.silence()).await;
    nothing(&engine, &other, &me, fixture.silence()).await;
    // From where the first page ended, the rest comes once more.
    let (first, cursor) = &told[0];
    let rest = history
        .replay(&query, Some(cursor), &other, |_, _| {})
        .await
        .unwrap();
    assert_eq!(rest, 300 - first);
    let held = take(&engine, &other, &me, usize::try_from(rest).unwrap()).await;
    assert_eq!(
        contents(&held),
        texts(&expected[usize::try_from(*first).unwrap()..])
    );
    nothing(&engine, &one, &me, fixture.silence()).await;
}

fn guild() -> GuildId {
    GuildId::new("1").unwrap()
}

fn user(number: u64) -> UserId {
    UserId::new(&number.to_string()).unwrap()
}

fn decision(case: u64, of: u64, lifts: Option<u64>) -> Decision {
    Decision {
        platform: Platform::Discord,
        guild_id: guild(),
        id: CaseId(IDS.next()),
        case_number: case,
        action: None,
        user_id: user(of),
        moderator_id: None,
        reason: None,
        expires_at: None,
        origin: None,
        delete_message_seconds: None,
        notify: None,
        lifts_case_number: lifts,
        batch_id: None,
        rule: None,
        rule_set_hash: None,
        trace_id: None,
    }
}

fn left(of: u64) -> Event {
    Event::from(UserEvent::Left(UserLeft {
        platform: Platform::Discord,
        guild_id: guild(),
        user_id: user(of),
        names: Names::default(),
    }))
}

pub(crate) async fn what_is_about_one_thing_is_found(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let history = History::new(Arc::clone(&engine));
    let publisher = Publisher::start(Arc::clone(&engine), PublisherOptions::default());
    let publish = async |event: Event, once: bool| {
        let id = EventId(IDS.next());
        let envelope = Envelope::new(id, DateTime::UNIX_EPOCH, Source::Backend, None, &event).unwrap();
        for _ in 0..=usize::from(once) {
            publisher.publish(&envelope, community(1), once).await.unwrap();
        }
        envelope.encode()
    };
    let ban = |case, of| Event::from(ModerationEvent::BanCreated(decision(case, of, None)));
    let lift = |case, of, lifts| Event::from(ModerationEvent::BanRemoved(decision(case, of, Some(lifts))));
    let mut of_five = Vec::new();
    let mut of_case = Vec::new();
    for number in 0..40 {
        fixture.advance(Duration::from_millis(2)).await;
        publish(left(1000 + number), false).await;
        publish(ban(1000 + number, 1000 + number), false).await;
        if number % 10 == 3 {
            of_five.push(publish(left(5), number == 13).await);
            fixture.advance(Duration::from_millis(2)).await;
            of_five.push(publish(ban(number, 5), number == 13).await);
        }
    }
    fixture.advance(Duration::from_millis(2)).await;
    of_case.push(of_five[3].clone());
    of_case.push(publish(lift(77, 5, 13), false).await);
    of_five.push(of_case[1].clone());
    let member = Aggregate::Member {
        platform: Platform::Discord,
        guild: guild(),
        user: user(5),
    };
    let case = Aggregate::Case {
        platform: Platform::Discord,
        guild: guild(),
        number: 13,
    };
    for history in [history, History::new(fixture.engine().await)] {
        for size in [1, 2, 100] {
            assert_eq!(
                contents_of(&about(&history, &member, size).await),
                of_five,
                "{size}"
            );
            assert_eq!(contents_of(&about(&history, &case, size).await), of_case);
        }
    }
    fixture.restart().await;
    let engine = fixture.engine().await;
    let history = History::new(Arc::clone(&engine));
    assert_eq!(contents_of(&about(&history, &member, 3).await), of_five);
    // What is trimmed is gone from here too.
    let decisions = Stream::of("ban:created", &community(1));
    let kept = super::history(&engine, decisions, 100).await;
    let last_ban = kept
        .iter()
        .position(|stored| &*stored.envelope == of_five[5].as_str())
        .unwrap();
    let most = u64::try_from(kept.len() - last_ban).unwrap();
    engine.trim(decisions, DateTime::UNIX_EPOCH, most).await.unwrap();
    let left_over: Vec<_> = [0, 2, 4, 5, 6, 7, 8].map(|at| of_five[at].as_str()).into();
    assert_eq!(contents_of(&about(&history, &member, 2).await), left_over);
    assert_eq!(
        contents_of(&about(&history, &case, 2).await),
        [of_case[1].as_str()]
    );
    engine.trim(decisions, fixture.now(), 0).await.unwrap();
    assert!(about(&history, &case, 2).await.is_empty());
    let another = Aggregate::Case {
        platform: Platform::Telegram,
        guild: guild(),
        number: 13,
    };
    assert!(about(&history, &another, 2).await.is_empty());
}
