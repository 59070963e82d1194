//! Which rules of Discord's AutoMod do what the community's rules say, as far as they can. Nothing here asks anybody.
//!
//! What AutoMod stops must be something that the rule would take away, or it is not given to AutoMod. What becomes of the
//! person is never AutoMod's: that is a case, with a number, an end and a way back.

use super::given::{Exempt, Given};
use crate::intake::Guild;
use lockdown_policy::{Native, NotNative};
use std::collections::{BTreeMap, BTreeSet};

/// Discord's limits of a guild's rules.
pub(super) const KEYWORD_RULES: usize = 6;
pub(super) const MENTION_RULES: usize = 1;
const KEYWORDS: usize = 1_000;
const PATTERNS: usize = 10;

/// A rule of AutoMod that blocks messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) trigger: Trigger,
    pub(super) exempt: Exempt,
    /// The rules of the community that it was made of.
    pub(super) rules: Vec<String>,
}

/// What it looks for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Trigger {
    Keywords {
        keywords: BTreeSet<String>,
        patterns: BTreeSet<String>,
    },
    /// More people and roles than these.
    Mentions(u32),
}

/// What is given to AutoMod, and what is not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) wanted: Vec<Wanted>,
    pub(super) left: BTreeMap<String, Left>,
}

/// What of a rule the bot does alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Left {
    /// So many entries or questions.
    Part(usize),
    All(Why),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Why {
    /// AutoMod cannot know what it asks.
    Rule(NotNative),
    /// It leaves more roles or channels alone than AutoMod can.
    Exempt,
    /// Everything it looks for is longer or more than Discord takes.
    Beyond,
    /// The guild has as many rules of this kind as it may have.
    NoRoom,
    /// Discord would not have it, and says so.
    Refused(String),
}

/// What the guild has beside our rules.
#[derive(Debug, Clone, Default)]
pub(super) struct Around<'a> {
    /// Rules that people made.
    pub(super) keyword_rules: usize,
    pub(super) mention_rules: usize,
    /// Channels in which other rules judge.
    pub(super) apart: &'a [u64],
}

/// The rules that AutoMod is to have.
pub(super) fn plan(rules: &[Native], guild: (u64, &Guild), around: &Around<'_>) -> Plan {
    let mut plan = Plan::default();
    for native in rules {
        let left = match &native.signs {
            Err(why) => Some(Left::All(Why::Rule(why.clone()))),
            Ok(signs) => match Exempt::of(signs, guild, around.apart) {
                Some(exempt) => plan.add(&native.rule, Given::of(signs), &exempt, around),
                None => Some(Left::All(Why::Exempt)),
            },
        };
        if let Some(left) = left {
            plan.left.insert(native.rule.clone(), left);
        }
    }
    plan
}

// === impl Plan ===

impl Plan {
    /// Adds what a rule gives; what is left of it.
    fn add(&mut self, rule: &str, given: Given, exempt: &Exempt, around: &Around<'_>) -> Option<Left> {
        let (mut left, mut taken) = (given.left, false);
        let nothing = given.keywords.is_empty() && given.patterns.is_empty() && given.mentions.is_none();
        if nothing {
            return Some(Left::All(Why::Beyond));
        }
        if !given.keywords.is_empty() || !given.patterns.is_empty() {
            match self.keywords(exempt, &given, around.keyword_rules) {
                Some(at) => {
                    left += self.wanted[at].take(rule, given.keywords, given.patterns);
                    taken = true;
                }
                None => left += given.keywords.len() + given.patterns.len(),
            }
        }
        if let Some(most) = given.mentions {
            if self.mentions(rule, most, exempt, around.mention_rules) {
                taken = true;
            } else {
                left += 1;
            }
        }
        match (taken, left) {
            (true, 0) => None,
            (true, left) => Some(Left::Part(left)),
            (false, _) => Some(Left::All(Why::NoRoom)),
        }
    }

    fn count(&self, of: impl Fn(&Trigger) -> bool) -> usize {
        self.wanted.iter().filter(|wanted| of(&wanted.trigger)).count()
    }

    /// The place of one that leaves the same people alone and has room for all of this, or a new one.
    fn keywords(&mut self, exempt: &Exempt, given: &Given, others: usize) -> Option<usize> {
        let fits = |wanted: &Wanted| match &wanted.trigger {
            Trigger::Keywords { keywords, patterns } => {
                wanted.exempt == *exempt
                    && keywords.union(&given.keywords).count() <= KEYWORDS
                    && patterns.union(&given.patterns).count() <= PATTERNS
            }
            Trigger::Mentions(_) => false,
        };
        if let Some(at) = self.wanted.iter().position(fits) {
            return Some(at);
        }
        let own = self.count(|trigger| matches!(trigger, Trigger::Keywords { .. }));
        if own + others >= KEYWORD_RULES {
            return None;
        }
        self.wanted.push(Wanted {
            trigger: Trigger::Keywords {
                keywords: BTreeSet::new(),
                patterns: BTreeSet::new(),
            },
            exempt: exempt.clone(),
            rules: Vec::new(),
        });
        Some(self.wanted.len() - 1)
    }

    /// There is one such rule: rules that leave the same people alone share it, at the lowest of their numbers.
    fn mentions(&mut self, rule: &str, most: u32, exempt: &Exempt, others: usize) -> bool {
        let known = self
            .wanted
            .iter_mut()
            .find(|wanted| matches!(wanted.trigger, Trigger::Mentions(_)));
        match known {
            Some(wanted) if wanted.exempt == *exempt => {
                if let Trigger::Mentions(known) = &mut wanted.trigger {
                    *known = most.min(*known);
                }
                wanted.rules.push(rule.to_owned());
                true
            }
            Some(_) => false,
            None if others >= MENTION_RULES => false,
            None => {
                self.wanted.push(Wanted {
                    trigger: Trigger::Mentions(most),
                    exempt: exempt.clone(),
                    rules: vec![rule.to_owned()],
                });
                true
            }
        }
    }
}

// === impl Wanted ===

impl Wanted {
    /// Takes what a rule looks for, as much of it as there is room for; how much there was not.
    fn take(&mut self, rule: &str, more: BTreeSet<String>, shapes: BTreeSet<String>) -> usize {
        let Trigger::Keywords { keywords, patterns } = &mut self.trigger else {
            return more.len() + shapes.len();
        };
        self.rules.push(rule.to_owned());
        let mut left = 0;
        for (into, from, most) in [(keywords, more, KEYWORDS), (patterns, shapes, PATTERNS)] {
            for entry in from {
                if into.len() < most {
                    into.insert(entry);
                } else if !into.contains(&entry) {
                    left += 1;
                }
            }
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effects::permissions::{ADMINISTRATOR, MANAGE_GUILD, STAFF};
    use crate::intake::{Channel, Role};
    use lockdown_policy::Signs;

    const GUILD: u64 = 1;

    fn words(rule: &str, words: impl IntoIterator<Item = String>) -> Native {
        let signs = Signs {
            words: words.into_iter().collect(),
            ..Signs::default()
        };
        native(rule, signs)
    }

    fn native(rule: &str, signs: Signs) -> Native {
        Native {
            rule: rule.to_owned(),
            signs: Ok(signs),
        }
    }

    fn guild() -> Guild {
        let role = |name: &str, permissions| Role {
            name: name.to_owned(),
            permissions,
            ..Role::default()
        };
        let channel = |name: &str| Channel {
            name: name.to_owned(),
            ..Channel::default()
        };
        let mut guild = Guild::default();
        guild.roles = [
            (GUILD, role("@everyone", 0)),
            (2, role("Trusted", 0)),
            (3, role("mods", STAFF & !ADMINISTRATOR & !MANAGE_GUILD)),
            (4, role("admins", ADMINISTRATOR)),
        ]
        .into();
        guild.channels = [(20, channel("general")), (21, channel("Jokes"))].into();
        guild
    }

    fn planned(rules: &[Native], around: &Around<'_>) -> Plan {
        plan(rules, (GUILD, &guild()), around)
    }

    fn many(count: usize, name: &str) -> Vec<String> {
        (0..count).map(|number| format!("{name} {number}")).collect()
    }

    fn sizes(plan: &Plan) -> Vec<(usize, usize)> {
        let size = |wanted: &Wanted| match &wanted.trigger {
            Trigger::Keywords { keywords, patterns } => (keywords.len(), patterns.len()),
            Trigger::Mentions(most) => (*most as usize, 0),
        };
        plan.wanted.iter().map(size).collect()
    }

    #[test]
    fn rules_that_leave_the_same_people_alone_share_one() {
        let two = [words("a", many(600, "x")), words("b", many(400, "y"))];
        let plan = planned(&two, &Around::default());
        assert_eq!(sizes(&plan), [(1_000, 0)]);
        assert_eq!(
            (plan.wanted[0].rules.as_slice(), plan.left.len()),
            (&["a".to_owned(), "b".to_owned()][..], 0)
        );
        let exempt = native(
            "c",
            Signs {
                words: vec!["word".to_owned()],
                staff: true,
                roles: vec!["@trusted".to_owned()],
                channels: vec!["jokes".to_owned(), "nowhere".to_owned()],
                ..Signs::default()
            },
        );
        let plan = planned(
            &[two[0].clone(), exempt],
            &Around {
                apart: &[20],
                ..Around::default()
            },
        );
        assert_eq!(plan.wanted.len(), 2);
        assert_eq!(plan.wanted[0].exempt.channels, [20].into());
        let exempt = &plan.wanted[1].exempt;
        assert_eq!(
            (&exempt.roles, &exempt.channels),
            (&[2, 3].into(), &[20, 21].into())
        );
    }

    #[test]
    fn what_is_beyond_a_limit_stays_with_the_bot() {
        let plan = planned(&[words("a", many(1_002, "x"))], &Around::default());
        assert_eq!(
            (sizes(&plan), &plan.left["a"]),
            (vec![(1_000, 0)], &Left::Part(2))
        );
        let long = ["x".repeat(60), "x".repeat(61), "🦀".repeat(31)];
        let plan = planned(&[words("a", long)], &Around::default());
        assert_eq!((sizes(&plan), &plan.left["a"]), (vec![(1, 0)], &Left::Part(2)));
        let patterns = (0..12)
            .map(|number| format!("pattern {number}"))
            .chain(["y".repeat(261)]);
        let signs = Signs {
            patterns: patterns.collect(),
            left: 3,
            ..Signs::default()
        };
        let plan = planned(&[native("a", signs)], &Around::default());
        assert_eq!((sizes(&plan), &plan.left["a"]), (vec![(0, 10)], &Left::Part(6)));
    }

    #[test]
    fn the_guilds_own_rules_keep_their_places() {
        let rules: Vec<Native> = (0..7)
            .map(|number| words(&format!("r{number}"), many(900, &format!("x{number}"))))
            .collect();
        let plan = planned(&rules, &Around::default());
        assert_eq!(plan.wanted.len(), 6);
        assert_eq!(plan.left["r6"], Left::All(Why::NoRoom));
        let around = Around {
            keyword_rules: 5,
            ..Around::default()
        };
        let plan = planned(&rules, &around);
        assert_eq!((plan.wanted.len(), plan.left.len()), (1, 6));
        assert_eq!(
            planned(
                &rules,
                &Around {
                    keyword_rules: 7,
                    ..Around::default()
                }
            )
            .wanted,
            []
        );
    }

    #[test]
    fn there_is_one_rule_for_mentions() {
        let calls = |rule: &str, least, staff| {
            native(
                rule,
                Signs {
                    mentions: Some(least),
                    staff,
                    ..Signs::default()
                },
            )
        };
        let plan = planned(
            &[calls("a", 8, false), calls("b", 6, false), calls("c", 5, true)],
            &Around::default(),
        );
        assert_eq!((sizes(&plan), plan.wanted[0].rules.len()), (vec![(5, 0)], 2));
        assert_eq!(plan.left["c"], Left::All(Why::NoRoom));
        for least in [0, 1, 52] {
            let plan = planned(&[calls("a", least, false)], &Around::default());
            assert_eq!(
                (plan.wanted.len(), &plan.left["a"]),
                (0, &Left::All(Why::Beyond)),
                "{least}"
            );
        }
        let plan = planned(
            &[calls("a", 8, false)],
            &Around {
                mention_rules: 1,
                ..Around::default()
            },
        );
        assert_eq!(plan.left["a"], Left::All(Why::NoRoom));
    }

    #[test]
    fn hosts_and_scripts_without_blanks_are_written_as_discord_reads_them() {
        let signs = Signs {
            stretches: vec!["赌博".to_owned()],
            domains: vec!["Evil.ru".to_owned()],
            ..Signs::default()
        };
        let plan = planned(&[native("a", signs)], &Around::default());
        let Trigger::Keywords { keywords, .. } = &plan.wanted[0].trigger else {
            panic!("{plan:?}");
        };
        let expected = [
            "*赌博*",
            "http://evil.ru/*",
            "https://evil.ru/*",
            "https://www.evil.ru/*",
        ];
        assert_eq!(keywords.iter().map(String::as_str).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn who_leaves_too_many_alone_is_left() {
        let mut guild = guild();
        for role in 100..121 {
            guild.roles.insert(
                role,
                Role {
                    name: "many".to_owned(),
                    ..Role::default()
                },
            );
        }
        let signs = |staff| Signs {
            words: vec!["word".to_owned()],
            staff,
            roles: vec!["many".to_owned()],
            ..Signs::default()
        };
        let found = plan(&[native("a", signs(false))], (GUILD, &guild), &Around::default());
        assert_eq!(found.left["a"], Left::All(Why::Exempt));
        // Where everybody keeps order, nobody can be told apart.
        let mut guild = self::guild();
        guild.roles.insert(
            GUILD,
            Role {
                permissions: STAFF & !ADMINISTRATOR & !MANAGE_GUILD,
                ..Role::default()
            },
        );
        let found = plan(&[native("a", signs(true))], (GUILD, &guild), &Around::default());
        assert_eq!(found.left["a"], Left::All(Why::Exempt));
    }
}
