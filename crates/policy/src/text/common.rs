//! Small words of everyday language, so that neighbours such as "pen is" are not read as one.
//!
//! Only words of up to eight bytes count: longer ones are rarely half of another. To add a language: its short words here.

use std::collections::HashSet;
use std::sync::LazyLock;

const WORDS: &[&str] = &[
    // English
    "a i the of to and in is it you that he was for on are with as his they be at one have this from or had by hot but \
     some what there we can out other were all your when up use word how said an each she which do their time if will \
     way about many then them would write like so these her long make thing see him two has look more day could go come \
     did my sound no most who over know water than call first people may down side been now find any new work part take \
     get place made live where after back little only round man year came show every good me give our under name very \
     through just form much great think say help low line before turn cause same mean differ move right boy old too does \
     tell set three want air well also play small end put home read hand port large spell add even land here must big \
     high such follow act why ask men change went light kind off need house picture try us again animal point mother \
     world near build self earth father head stand own page should country found answer school grow study still learn \
     plant cover food sun four thought let keep eye never last door between city tree cross since hard start might story \
     saw far sea draw left late run don while press close night real life few stop open seem next white got walk ease \
     both mark often letter until mile river car feet care second group carry took rain eat room friend began idea fish \
     mountain north once base hear horse cut sure watch color face wood main enough plain girl usual young ready above \
     ever red list though feel talk bird soon body dog family direct pose leave song door product black short class wind \
     pen hit ass ten tit pis sex shit anal cum cock tail dick lock locks damn hole bag suck wit hell god mate cup ham hat \
     hang cap pit bit bat bad bed bet bot box bus buy cab cat cow cry cue dad die dig due ear egg ego era fan fat fee fit \
     fix fly fog fox fun gap gas gem gum gun gut guy gym hen hey hip hop hug ice ill ink jam jar jaw jet job joy key kid \
     kit lab lap law leg lid lie lip log lot mad map mat mix mom mud mug net nod nut oak oil owl owe pad pan paw pay pet \
     pie pig pin pop pot pub rag ram ran rap rat raw ray rib rid rip rob rod row rub rug sad sat sir sit six ski sky son \
     spy sum tap tax tea tie tin tip toe ton top toy tub van vet via war wax web wet win yes yet zip zoo al ed em ex hi ho \
     hm mm oh ok um un uh ah ha lol lmao tbh imo idk omg btw pls plz thx ur im ive dont cant wont yeah nah yo bro sis gg \
     wp ez afk rip os pc tv uk us eu am pm vs mr ms st dr jr ad re id de la le",
    // Portuguese and Spanish
    "o os as um uma uns de da do das dos em na no nas nos por para com sem que se e ou mas eu tu ele ela nós vós eles me te \
     lhe meu teu seu sua isso isto esse essa este esta aqui ali lá já não sim sou és é são foi era ser ter tem há vai vou \
     bom boa mal bem mais menos cara el los las un una y en con sin su sus mi tu yo él lo al del es son era fue hay muy ya \
     si no qué cómo pero por más ese esa eso hola bien",
    // German, French, Italian
    "der die das ein eine und ist in den von zu mit sich des auf für nicht er es sie wir ihr ich du mich dich uns an als \
     auch so dass kann dem war man am im was wer wie wo ja nein le la les un une des et est en que qui dans ce il elle on \
     ne pas sur se plus par je tu nous vous au aux du son sa ses mon ma mes ton ta tes avec il lo la gli di che non per si \
     da con del sono ho ha sei",
    // Russian and Ukrainian
    "и в не на я он с что а по это она к у мы за вы так но то же из все о от до бы да нет ну ты их ему её еще уже вот \
     кто чем там тут как ли или меня мне тебя тебе его ей нас вас наш ваш мой твой был была было быть есть сам два три раз \
     год день дом ага й та ти ми ви є це що як чи бо",
];

/// Words that hold a bad one, or differ from one by a letter: wildcards and guesses leave them alone.
const INNOCENT: &str = "scunthorpe penistone lightwater arsenal arsenic parse parsed parser sparse coarse hoarse rehearse \
    analysis analyst analyses analyze analyse analog analogy analogue analytics analytical banal canal canals final finals \
    penal signal class classes classic classical classify classroom glass glasses grass brass mass massive massage pass \
    passed passage passenger passion passive password assassin assault assemble assembly assert assess asset assets assign \
    assist assistant associate assume assumed assure bass compass embassy harass cocktail cocktails cockpit cockroach \
    peacock hancock hitchcock shuttlecock woodcock dickens dickinson dictate predict addict title titles titan titanic \
    entity identity constitution institute competition petite appetite shitake mishit scrap scraped scrape scraps craps \
    grape grapes drape trapeze therapist therapists rapper rapping rapid raptor wrap wraps document documents cucumber \
    circumstance accumulate sussex essex middlesex bigger digger trigger triggered snigger niger nigeria nigerian night \
    whorl bastion country county count counter account discount hello shell shells othello basement bushwhack tosses \
    tossed tossing twats bullock bollard pussycat pushed hooker hookup method raccoon tycoon cocoon buttery button butter \
    butterfly rebuttal sextet sexton unisex cumin cumulative scum homosexual bitcoin pitch stitch kitchen hitchhike \
    basement swank swanky mankind skunk flunk phunk fagot faggots cockney uncle snuck luck lucky buck bucket duck truck \
    stuck suck sick pick picks stick thick brick bricks prickle trick tricks";

/// What stands before a word that somebody spells out.
const BEFORE: &[&str] = &[
    "a", "i", "o", "u", "e", "y", "an", "the", "you", "ur", "my", "so", "is", "to", "be", "he", "we", "r",
    "um", "el", "la", "le", "un", "du", "я", "ты", "и", "а", "о", "у", "в", "вы", "он", "ну",
];

/// What stands behind it.
const AFTER: &[&str] = &[
    "u", "you", "me", "off", "up", "him", "her", "it", "him", "them", "ya", "yo", "я", "ты", "вы", "тя",
];

/// Words of up to eight bytes, as numbers, by their hash; 0 is an empty place.
const PLACES: usize = 4096;

static TABLE: LazyLock<Box<[u64; PLACES]>> = LazyLock::new(|| {
    let mut table = Box::new([0; PLACES]);
    for word in WORDS
        .iter()
        .chain([&INNOCENT])
        .flat_map(|words| words.split_whitespace())
    {
        let folded = super::Text::of(word);
        let Some(packed) = packed(folded.folded().as_str()) else {
            continue;
        };
        let mut place = place(packed);
        while table[place] != 0 && table[place] != packed {
            place = (place + 1) % PLACES;
        }
        table[place] = packed;
    }
    table
});

fn packed(word: &str) -> Option<u64> {
    let mut bytes = [0; 8];
    bytes.get_mut(..word.len())?.copy_from_slice(word.as_bytes());
    Some(u64::from_le_bytes(bytes))
}

fn place(packed: u64) -> usize {
    (super::tokens::mix(packed) >> 32) as usize % PLACES
}

/// Whether a folded word is one of everyday language.
pub(super) fn is_word(word: &str) -> bool {
    let Some(packed) = packed(word) else { return false };
    let mut place = place(packed);
    loop {
        match TABLE[place] {
            0 => return false,
            found if found == packed => return true,
            _ => place = (place + 1) % PLACES,
        }
    }
}

/// Whether a word that a term with wildcards covers is another one that everybody knows. A term that names the word's
/// beginning and end means it.
pub(super) fn is_innocent(word: &str, term: &str) -> bool {
    static INNOCENTS: LazyLock<HashSet<&'static str>> =
        LazyLock::new(|| INNOCENT.split_whitespace().collect());
    let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).count();
    letters(term) * 4 <= letters(word) * 3 && INNOCENTS.contains(word)
}

pub(super) fn before(word: &str) -> bool {
    BEFORE.contains(&word)
}

pub(super) fn after(word: &str) -> bool {
    AFTER.contains(&word)
}
