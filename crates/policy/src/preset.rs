//! Rules to begin with: files that work on the first day. Their examples run with every test.
//!
//! To add one: a file in `presets/`, a row here.

/// A rule file that comes with LOCKDOWN.
#[derive(Debug)]
pub struct Preset {
    pub name: &'static str,
    /// One line for lists.
    pub about: &'static str,
    pub text: &'static str,
}

pub static PRESETS: &[Preset] = &[
    Preset {
        name: "calm",
        about: "For communities that talk freely: dangerous files, repetition, mass mentions.",
        text: include_str!("../presets/calm.yml"),
    },
    Preset {
        name: "standard",
        about: "For most communities: also floods, picture spam, invites of newcomers, unreadable text.",
        text: include_str!("../presets/standard.yml"),
    },
    Preset {
        name: "strict",
        about: "For communities under pressure: also links of newcomers, shouting, walls of emoji.",
        text: include_str!("../presets/strict.yml"),
    },
    Preset {
        name: "scam-links",
        about: "Against stolen accounts and fake gifts, beside any other.",
        text: include_str!("../presets/scam-links.yml"),
    },
    Preset {
        name: "raids",
        about: "Against many accounts that come together, beside any other.",
        text: include_str!("../presets/raids.yml"),
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Source, Surroundings, check, format, render};
    use lockdown_events::Platform;

    #[test]
    fn presets_are_sound_on_both_platforms_and_well_laid_out() {
        for preset in PRESETS {
            let source = Source::new(preset.name, preset.text);
            for platforms in [vec![], vec![Platform::Discord], vec![Platform::Telegram]] {
                let surroundings = Surroundings {
                    platforms: platforms.clone(),
                    ..Surroundings::default()
                };
                let checked = check(&source, &surroundings);
                let serious = checked
                    .diagnostics
                    .iter()
                    .filter(|found| found.severity == crate::Severity::Error);
                assert_eq!(
                    serious.count(),
                    0,
                    "{}",
                    render(&checked.diagnostics, &source, false)
                );
                if platforms.is_empty() {
                    assert!(
                        checked.diagnostics.is_empty(),
                        "{}",
                        render(&checked.diagnostics, &source, false)
                    );
                }
            }
            assert_eq!(format(&source).unwrap(), preset.text, "{}", preset.name);
        }
    }

    #[test]
    fn every_rule_of_a_preset_says_what_it_is_for_and_shows_it() {
        for preset in PRESETS {
            let rules = check(&Source::new(preset.name, preset.text), &Surroundings::default())
                .rules
                .unwrap();
            for (id, about) in rules.about() {
                assert!(about.is_some(), "{}: {id}", preset.name);
            }
            assert_eq!(
                preset.text.matches("      hit:").count(),
                rules.len(),
                "{}",
                preset.name
            );
            assert_eq!(
                preset.text.matches("      miss:").count(),
                rules.len(),
                "{}",
                preset.name
            );
        }
    }
}
